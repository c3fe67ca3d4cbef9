"""Sum up what a model says about every row of a data set, without ever holding what it said."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pytest_trustml.errors import UsageError
from pytest_trustml.result.plain import line
from pytest_trustml.work.batches import Batches
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.observe import BATCH_SIZE, question, stored_parts
from pytest_trustml.work.progress import Progress
from pytest_trustml.work.sources import code_digest, module_of

if TYPE_CHECKING:
    import numpy as np

    from pytest_trustml.data.dataset import Dataset
    from pytest_trustml.subjects.subject import Subject

    Summary = dict[str, np.ndarray]


def summarise(
    function: Callable[..., Summary],
    subject: Subject,
    dataset: Dataset,
    /,
    *,
    merge: Callable[[Summary, Summary], Summary],
    cache: Cache,
    progress: Progress | None = None,
    batch_size: int | None = None,
    **params: Any,
) -> Summary:
    """Reduce a data set to one summary, batch by batch, and keep it, so that the same question never costs twice.

    Parameters
    ----------
    function : callable
        ``function(subject, batch, **params)`` at the top level of a module. It returns a dict of arrays of numbers whose
        shapes do not depend on the batch: counts, sums, maxima.
    subject : Subject
        The model. It is loaded only if something has to be computed.
    dataset : Dataset
        At least one row.
    merge : callable
        ``merge(one, other)`` at the top level of a module: the summary of both together, associative and commutative, with the
        same names, shapes and types. It changes neither.
    cache, progress, batch_size, params
        As in `observe`.

    Returns
    -------
    dict of str to numpy.ndarray
        The same for every batch size, every order of the rows and every number of parts, as exactly as ``merge`` is
        associative: bit for bit for counts and maxima, up to rounding for sums.

    Raises
    ------
    UsageError
        For functions that are not at module level, parameters they do not take, summaries of a wrong kind, or a ``merge``
        that changes shapes or minds the order.
    DataError, SubjectError, CacheError
        As in `observe`.

    Notes
    -----
    One summary is stored per 512 rows, under the name that `observe` would give it together with the source of ``merge``, so
    that a killed run goes on where it was. Two summaries are in memory at a time.
    """
    params, name = question(function, subject, dataset, batch_size, params)
    merger = module_of(merge)
    name["merge"] = [f"{merger.__name__}.{merge.__qualname__}", code_digest(merger)]
    batches = Batches(function, subject, params, batch_size or BATCH_SIZE, check=checked_summary)
    together = _Merge(merge)

    def part_summary(part: Dataset, step: Callable[[int], None]) -> Summary:
        return together.all(batches.each(part, step))

    return together.all(stored_parts(name, subject, dataset, cache, progress, part_summary))


class _Merge:
    """Merges one summary after the other. The first two that come are merged in both orders, to see that it is all the same."""

    def __init__(self, merge: Callable[[Summary, Summary], Summary]) -> None:
        self.merge = merge
        self.name = f"{merge.__module__}.{merge.__qualname__}()"
        self.tried = False

    def all(self, summaries: Any) -> Summary:
        found: Summary | None = None
        for summary in summaries:
            found = summary if found is None else self.pair(found, summary)
        assert found is not None  # a data set has rows
        return found

    def pair(self, one: Summary, other: Summary) -> Summary:
        if _form(one) != _form(other):
            raise UsageError(
                f"There are summaries of the form {_form(one)} and of {_form(other)}. Their size may not depend on the batch: "
                "reduce over its rows, and leave lists of rows to observe()."
            )
        merged = self.merge(one, other)
        if not isinstance(merged, dict) or _form(merged) != _form(one):
            kind = _form(merged) if isinstance(merged, dict) else f"a {type(merged).__name__}"
            raise UsageError(
                f"{self.name} made {kind} of two summaries of the form {_form(one)}. It must keep names, shapes and types."
            )
        if not self.tried:
            self.tried = True
            self._both_ways(merged, self.merge(other, one))
        return merged

    def _both_ways(self, merged: Summary, swapped: Summary) -> None:
        import numpy as np

        for name, values in merged.items():
            equal_nan = values.dtype.kind == "f"
            if not np.allclose(values, swapped[name], rtol=1e-6, atol=0, equal_nan=equal_nan):
                raise UsageError(
                    f"{self.name} minds the order: {line(name)} of (one, other) differs from (other, one). Batches come in any "
                    "order, so it must be commutative and associative: add, take the larger, keep the smaller id."
                )


def checked_summary(result: Any, rows: int, function: Callable[..., Any]) -> Summary:
    """The summary of one batch, if it is a dict of arrays of numbers."""
    import numpy as np

    name = f"{function.__module__}.{function.__qualname__}()"
    if not isinstance(result, dict) or not result or not all(isinstance(key, str) for key in result):
        raise UsageError(f"{name} returned a {type(result).__name__}. A summary is a dict of arrays with at least one name.")
    for key, value in result.items():
        right = isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and value.dtype.itemsize <= 8 and value.ndim > 0
        if not right:
            kind = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
            raise UsageError(
                f"{name} returned {kind} as {line(key)}. A summary holds arrays of numbers with at least one axis: make a "
                "number of your own an array of one."
            )
    return result


def _form(summary: Summary) -> dict[str, str]:
    return {name: f"{values.dtype}{list(values.shape)}" for name, values in sorted(summary.items())}
