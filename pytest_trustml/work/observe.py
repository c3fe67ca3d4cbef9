"""Ask a model about every row of a data set, once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pytest_trustml.data.dataset import Dataset
from pytest_trustml.errors import DataError, UsageError, unknown
from pytest_trustml.result.plain import line
from pytest_trustml.work.batches import Batches, joined
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.keys import digest_key
from pytest_trustml.work.progress import Progress
from pytest_trustml.work.sources import code_digest, engine, module_of

if TYPE_CHECKING:
    import numpy as np

    from pytest_trustml.subjects.subject import Subject

BATCH_SIZE = 32
"""Rows per batch to begin with. It is halved whenever memory is full, so it only has to be a good guess."""
PART_SIZE = 512
"""Rows per stored result: what a killed run loses at most, and what has to fit into memory twice."""


def observe(
    function: Callable[..., Any],
    subject: Subject,
    dataset: Dataset,
    /,
    *,
    cache: Cache,
    progress: Progress | None = None,
    batch_size: int | None = None,
    **params: Any,
) -> list[str] | np.ndarray | dict[str, list[str] | np.ndarray]:
    """Run a function over a data set in batches and keep the results, so that the same question never costs twice.

    Parameters
    ----------
    function : callable
        ``function(subject, batch, **params)`` at the top level of a module. It returns one row per row of the batch: a list of
        text, an array of numbers whose first axis are the rows, or a dict of those. It must give a row the same result in any
        batch; the order in which rows come is not that of the data set.
    subject : Subject
        The model. It is loaded only if something has to be computed.
    dataset : Dataset
        At least one row.
    cache : Cache
        Where results are kept. A subject that is not ``cacheable`` has its results kept for this session only.
    progress : Progress, optional
    batch_size : int, optional
        Rows per batch to begin with, 32 by default. It is halved on out-of-memory down to 1 and is no part of a result's name.
    params
        Values that JSON can write. They are passed to the function; left out ones take its defaults.

    Returns
    -------
    list of str, numpy.ndarray, or dict of those
        In the order of the data set.

    Raises
    ------
    UsageError
        For a function that is not at module level, parameters it does not take, results of a wrong kind or number.
    DataError
        If the data set has no rows.
    SubjectError
        If a single row does not fit into memory.
    CacheError
        If results cannot be stored.

    Notes
    -----
    A result's name is a digest of: module and name of the function, the source of its module and of what that imports from its
    own package, parameters, the subject's fingerprint, dtype and kind of device, the rows with their ids, and the versions of
    this package and of the model libraries. Rows are stored in parts of 512 (16 for a model behind an endpoint), so that a
    killed run goes on where it was.

    NaN and infinity are results like any others: they are kept and returned, and judging them is the caller's task.
    """
    params, name = question(function, subject, dataset, batch_size, params)
    batches = Batches(function, subject, params, batch_size or BATCH_SIZE)
    return joined(list(stored_parts(name, subject, dataset, cache, progress, batches.run)), function)


def question(
    function: Callable[..., Any], subject: Subject, dataset: Dataset, batch_size: int | None, params: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """All parameters of a question to a model, and everything that names its answers but the rows."""
    module = module_of(function)
    if not isinstance(dataset, Dataset):
        raise UsageError(f"{line(repr(dataset), 60)} is no Dataset. Make one with Dataset({{...}}).")
    if not len(dataset):
        raise DataError(f"There are no rows to observe in {line(dataset.spec)}. A silent nothing would look like a result.")
    if batch_size is not None and (isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1):
        raise UsageError(f"The batch size is {batch_size!r}. It must be a whole number of at least 1.")
    params = _filled_in(function, subject, dataset, params)
    name = {
        "function": f"{module.__name__}.{function.__qualname__}",
        "code": code_digest(module),
        "params": params,
        "subject": subject.fingerprint,
        "dtype": str(subject.dtype),
        "device": str(subject.device_class),
        **engine(),
    }
    digest_key(name)  # a parameter that cannot be named is an error before any work is done
    return params, name


def stored_parts(
    name: dict[str, Any],
    subject: Subject,
    dataset: Dataset,
    cache: Cache,
    progress: Progress | None,
    compute: Callable[[Dataset, Callable[[int], None]], Any],
) -> Iterator[Any]:
    """What is kept of each part of the rows, one part after the other; what is not there yet is computed and stored."""
    store = cache if subject.cacheable else cache.private()
    with (progress or Progress())(f"{name['function'].rpartition('.')[2]} {subject.id}", len(dataset)) as step:
        size = getattr(subject, "part_size", None) or PART_SIZE
        for start in range(0, len(dataset), size):
            part = dataset.rows(start, start + size)
            key = digest_key({**name, "rows": part.fingerprint})
            value = store.get(key)
            if value is not None:
                step(len(part))
            else:
                # Whoever comes second waits, and finds the result of the first.
                with store.lock(key):
                    value = store.get(key)
                    if value is None:
                        value = compute(part, step)
                        store.put(key, value)
                    else:
                        step(len(part))
            yield value


def _filled_in(function: Callable[..., Any], subject: Any, dataset: Dataset, params: dict[str, Any]) -> dict[str, Any]:
    """All parameters with the defaults of those left out, so that both ways of saying it share one result."""
    signature = inspect.signature(function)
    takes = list(signature.parameters.values())
    if len(takes) < 2 or any(parameter.kind is parameter.VAR_POSITIONAL for parameter in takes):
        raise UsageError(f"{function.__qualname__}() must take (subject, batch, **params), not {signature}.")
    known = [parameter.name for parameter in takes[2:] if parameter.kind is not parameter.VAR_KEYWORD]
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes):
        for name in params:
            if name not in known:
                raise UsageError(f"{function.__qualname__}(): {unknown('parameter', name, known)}")
    for parameter in takes[2:]:
        if parameter.name in known and parameter.default is parameter.empty and parameter.name not in params:
            raise UsageError(
                f"{function.__qualname__}() needs the parameter {parameter.name!r}. Pass {parameter.name}=... to observe."
            )
    defaults = {parameter.name: parameter.default for parameter in takes[2:] if parameter.name in known}
    return {**defaults, **params}
