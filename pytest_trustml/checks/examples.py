"""What every single example measured: kept beside a measurement, so that the next release is judged on the same ones."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_trustml.errors import UsageError
from pytest_trustml.result.plain import line

if TYPE_CHECKING:
    import numpy as np

    from pytest_trustml.data.dataset import Dataset
    from pytest_trustml.reports.evidence import EvidenceStore
    from pytest_trustml.result.comparison import Examples


class ExampleValues(msgspec.Struct, frozen=True, eq=False):
    """One value per example; their mean is the value of a measurement."""

    keys: list[str]
    values: np.ndarray
    clusters: Any = None

    def keep(self, store: EvidenceStore) -> Examples:
        return store.examples(self.keys, self.values, self.clusters)


def _one(values: Any) -> np.ndarray:
    import numpy as np

    return np.asarray(list(values) if not hasattr(values, "__array__") else values, dtype=float)


PER_EXAMPLE: dict[str, Callable[..., Any]] = {
    "proportion": _one,
    "mean": _one,
    "paired_rate_difference": lambda after, before: _one(after) - _one(before),
    "paired_share_difference": lambda after, before: _one(after) - _one(before),
    "paired_mean_difference": lambda after, before: _one(after) - _one(before),
}
"""The statistics that are means over examples -> what one example contributes, from their positional arguments."""


def example_values(function: str, arguments: Iterable[Any], rows: Dataset, cluster: Iterable[Hashable] | None) -> ExampleValues:
    """What each row contributes to a statistic.

    Raises
    ------
    UsageError
        If the statistic is no mean over examples, ``rows`` is no data set, or it has another number of rows than values.
    """
    from pytest_trustml.data.dataset import Dataset
    from pytest_trustml.statistics.clusters import read_clusters

    if function not in PER_EXAMPLE:
        raise UsageError(f"{function}() takes no of=: it is no mean over examples. Those are {', '.join(PER_EXAMPLE)}.")
    if not isinstance(rows, Dataset):
        raise UsageError(f"of= is {line(repr(rows), 60)}. Hand in the Dataset whose rows the values belong to.")
    values = PER_EXAMPLE[function](*arguments)
    if values.shape != (len(rows),):
        raise UsageError(
            f"{function}() has values of the shape {values.shape} for {len(rows)} rows of {line(rows.spec)}. "
            "Hand in one value per row, and in of= exactly the rows that were measured, e.g. dataset.take(positions)."
        )
    codes = None if cluster is None else read_clusters(cluster, len(rows)).codes
    return ExampleValues(rows.keys, values, codes)
