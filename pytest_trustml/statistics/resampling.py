"""Intervals for statistics that have no formula: the bootstrap."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Iterable, Sequence

import numpy as np

from pytest_trustml.result.measurement import Interval, Measurement
from pytest_trustml.statistics.clusters import read_clusters
from pytest_trustml.statistics.intervals import check_level
from pytest_trustml.statistics.samples import one_of

FEWEST = 10
_JACKKNIFE_GROUPS = 1000


def bootstrap(
    statistic: Callable[..., float],
    *samples: Sequence,
    rng: np.random.Generator,
    name: str,
    unit: str,
    higher_is_safer: bool,
    level: float = 0.95,
    method: str = "bca",
    cluster: Iterable[Hashable] | Sequence[Iterable[Hashable] | None] | None = None,
    paired: bool = False,
    resamples: int = 2000,
) -> Measurement:
    """Any statistic, with the interval that drawing the samples again and again gives it.

    One resample is held at a time, so memory does not grow with ``resamples``.

    Parameters
    ----------
    statistic : callable
        Takes as many arrays as there are ``samples`` and returns one number.
    *samples : arrays, first axis = samples
        Several are drawn independently of each other, unless ``paired``: then row i of all belongs together.
    rng : numpy.random.Generator
    method : {"bca", "percentile"}
        BCa corrects the percentiles for bias and skewness.
    cluster : array of labels, shape (n,), optional
        Whole clusters are drawn. With several samples that are not paired: one array of labels for each.
    paired : bool
    resamples : int
    name, unit, higher_is_safer, level
        As in `proportion`.

    Returns
    -------
    Measurement
        Undefined without samples or where the statistic is no finite number. No interval with fewer than ten independent
        units in any sample, where all resamples agree (a spread that did not show is not zero), or where the statistic is
        not finite on some resample.

    References
    ----------
    Efron 1987, JASA 82, 171-185 (BCa, equations 2.3 and 6.6).

    Examples
    --------
    >>> values = np.random.default_rng(0).exponential(size=200)
    >>> print(bootstrap(np.median, values, rng=np.random.default_rng(1), name="median_loss", unit="nat", higher_is_safer=True))
    median_loss = 0.8077 (95 % interval 0.68... to 0.94..., bootstrap bca, n = 200)
    """
    one_of(method, ("bca", "percentile"), "method")
    check_level(level)
    arrays = [_finite(sample, position) for position, sample in enumerate(samples)]
    if not arrays:
        raise ValueError("There is nothing to resample: hand in one or more samples after the statistic.")
    lengths = {len(array) for array in arrays}
    if paired and len(lengths) > 1:
        raise ValueError(f"Paired samples have the same length, found {' and '.join(str(len(array)) for array in arrays)}.")
    sizes = [len(arrays[0])] if paired else [len(array) for array in arrays]
    about = {"name": name, "unit": unit, "higher_is_safer": higher_is_safer, "n": sum(sizes)}
    if min(sizes) == 0:
        return Measurement(value=None, undefined="no samples", **about)
    units = [_Units(size, labels) for size, labels in zip(sizes, _labels(cluster, len(sizes)), strict=True)]
    if cluster is not None:
        about["clusters"] = sum(map(len, units))

    def evaluate(rows: list[np.ndarray]) -> float:
        return float(
            statistic(*(array[row] for array, row in zip(arrays, rows * len(arrays) if paired else rows, strict=True)))
        )

    value = evaluate([np.arange(size) for size in sizes])
    if not math.isfinite(value):
        return Measurement(value=None, undefined="the statistic is no finite number on these samples", **about)
    if min(map(len, units)) < FEWEST:
        why = f"a bootstrap needs at least {FEWEST} independent units in every sample, found {min(map(len, units))}"
        return Measurement(value=value, no_interval=why, **about)
    replicates = np.array([evaluate([unit.draw(rng) for unit in units]) for _ in range(resamples)])
    finite = np.isfinite(replicates)
    if not finite.all():
        why = f"the statistic is not finite on {int((~finite).sum())} of {resamples} resamples"
        return Measurement(value=value, no_interval=why, **about)
    if np.ptp(replicates) <= 1e-12 * np.abs(replicates).max():
        return Measurement(value=value, no_interval="all resamples agree, so the spread is unknown", **about)
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    if method == "bca":
        below = float((replicates < value).mean() + (replicates == value).mean() / 2)
        if not 0 < below < 1:
            return Measurement(value=value, no_interval="the value lies outside of all resamples", **about)
        tails = _corrected(tails, below, _acceleration(evaluate, units))
    low, high = map(float, np.quantile(replicates, tails))
    interval = Interval(low=low, high=high, level=level, method=f"bootstrap {method}")
    details = {"resamples": resamples, "standard_error": float(replicates.std(ddof=1))}
    return Measurement(value=value, interval=interval, details=details, **about)


def _corrected(tails: np.ndarray, below: float, acceleration: float) -> np.ndarray:
    """The percentiles that BCa takes in place of the plain ones (Efron 1987, 2.3)."""
    from scipy.special import ndtr, ndtri

    bias = ndtri(below)
    shifted = bias + ndtri(tails)
    return ndtr(bias + shifted / np.maximum(1 - acceleration * shifted, 1e-9))


def _acceleration(evaluate: Callable[[list[np.ndarray]], float], units: list[_Units]) -> float:
    """Skewness of the statistic from leaving out one unit at a time (6.6); of many units, one of 1,000 groups at a time."""
    third = second = 0.0
    for position, unit in enumerate(units):
        rows = [each.rows for each in units]
        edges = np.linspace(0, len(unit), min(len(unit), _JACKKNIFE_GROUPS) + 1).astype(int)
        left_out = np.empty(len(edges) - 1)
        for index, (start, stop) in enumerate(itertools.pairwise(edges)):
            rows[position] = unit.without(start, stop)
            left_out[index] = evaluate(rows)
        influence = (len(left_out) - 1) * (left_out.mean() - left_out)
        third += float((influence**3).sum()) / len(left_out) ** 3
        second += float((influence**2).sum()) / len(left_out) ** 2
    return third / (6 * second**1.5) if second > 0 and math.isfinite(third) else 0.0


class _Units:
    """The rows of a sample, sorted by the independent unit (a row, or a cluster) that they belong to."""

    def __init__(self, n: int, labels: Iterable[Hashable] | None) -> None:
        if labels is None:
            self.rows, self.edges = np.arange(n), np.arange(n + 1)
        else:
            groups = read_clusters(labels, n)
            self.rows = np.argsort(groups.codes, kind="stable")
            self.edges = np.concatenate([[0], np.cumsum(groups.sizes)])
        self.plain = labels is None

    def __len__(self) -> int:
        return len(self.edges) - 1

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Rows of as many units as there are, drawn with replacement."""
        chosen = rng.integers(len(self), size=len(self))
        if self.plain:
            return chosen
        return np.concatenate([self.rows[self.edges[unit] : self.edges[unit + 1]] for unit in chosen])

    def without(self, start: int, stop: int) -> np.ndarray:
        return np.concatenate([self.rows[: self.edges[start]], self.rows[self.edges[stop] :]])


def _labels(cluster: object, count: int) -> list:
    if cluster is None or count == 1:
        return [cluster] * count
    listed = list(cluster)
    if len(listed) != count:
        raise ValueError(f"cluster has {len(listed)} entries for {count} samples. Give one array of labels, or None, for each.")
    return listed


def _finite(sample: Sequence, position: int) -> np.ndarray:
    array = np.asarray(sample)
    if array.ndim == 0:
        raise ValueError(f"Sample {position} is the single value {array}. Hand in an array whose first axis is the samples.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        first = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
        raise ValueError(f"Sample {position} holds {array[first]} at {first}. Every value must be a finite number.")
    return array
