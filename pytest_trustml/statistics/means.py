"""Averages of numbers."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable

import numpy as np

from pytest_trustml.result.measurement import Interval, Measurement
from pytest_trustml.statistics.clusters import mean_variance, read_clusters
from pytest_trustml.statistics.intervals import check_level, t_ends, unseen
from pytest_trustml.statistics.samples import numbers


def mean(
    values: Iterable[float],
    *,
    name: str,
    unit: str,
    higher_is_safer: bool,
    cluster: Iterable[Hashable] | None = None,
    bounds: tuple[float, float] | None = None,
    level: float = 0.95,
) -> Measurement:
    """The average of a number, with Student's interval.

    The interval is right for averages of many samples without far outliers. For events use `proportion`, for heavy tails
    `bootstrap`.

    Parameters
    ----------
    values : array of float, shape (n,)
        One number per sample.
    name, unit, higher_is_safer
        As in `Measurement`.
    cluster : array of labels, shape (n,), optional
        Samples with the same label depend on each other: cluster-robust standard error, G - 1 degrees of freedom.
    bounds : (float, float), optional
        The lowest and the highest value that is possible at all, e.g. (-1, 1) for a cosine. The interval stays inside.
    level : float in (0, 1)
        Two-sided.

    Returns
    -------
    Measurement
        Undefined without samples. No interval with a single sample or cluster, because nothing shows the spread. If all are
        equal the spread is not zero but unseen: with ``bounds`` the interval allows for the share of other values of which n
        samples may show none, without them there is no interval.

    References
    ----------
    Miller 2024, arXiv 2411.00640 (clustered standard errors).

    Examples
    --------
    >>> print(mean([-0.25, -0.25, 0, -0.25, 0], name="shift", unit="share", higher_is_safer=False))
    shift = -0.15 (95 % interval -0.32 to 0.02002, student-t, n = 5)
    >>> print(mean([0.0] * 100, name="shift", unit="cosine", higher_is_safer=False, bounds=(-1, 1)))
    shift = 0 (95 % interval -0.03622 to 0.03622, unseen share, n = 100)
    >>> print(mean([0.0] * 100, name="shift", unit="nat", higher_is_safer=False))
    shift = 0 (no interval: all values are equal, so their spread is unknown; bounds= would give a bound, n = 100)
    """
    check_level(level)
    array = numbers(values)
    n = len(array)
    groups = None if cluster is None else read_clusters(cluster, n)
    about = {"name": name, "unit": unit, "higher_is_safer": higher_is_safer, "n": n}
    if groups is not None:
        about["clusters"] = groups.count
    if n == 0:
        return Measurement(value=None, undefined="no samples", **about)
    lowest, highest = _bounds(array, bounds)
    average = min(max(float(array.mean()), float(array.min())), float(array.max()))
    independent, unit_word = (n, "sample") if groups is None else (groups.count, "cluster")
    if independent < 2:
        return Measurement(value=average, no_interval=f"a single {unit_word} shows no spread", **about)
    if groups is None:
        variance, units = float(array.var(ddof=1)) / n, array
    else:
        variance, units = mean_variance(array, groups), groups.sums(array) / groups.sizes
    if variance == 0 or np.ptp(units) <= 1e-12 * np.abs(array).max():
        if bounds is None:
            equal = "all values are equal" if groups is None else "all clusters have the same mean"
            why = f"{equal}, so their spread is unknown; bounds= would give a bound"
            return Measurement(value=average, no_interval=why, **about)
        other = unseen(independent, level)
        low, high = average - other * (average - lowest), average + other * (highest - average)
        return Measurement(
            value=average, interval=Interval(low=low, high=high, level=level, method="unseen share", shrinks=1.0), **about
        )
    low, high = t_ends(average, math.sqrt(variance), independent - 1, level)
    interval = Interval(
        low=max(low, lowest),
        high=min(high, highest),
        level=level,
        method="student-t" if groups is None else "student-t (clustered)",
    )
    return Measurement(value=average, interval=interval, details={"standard_error": math.sqrt(variance)}, **about)


def _bounds(array: np.ndarray, bounds: tuple[float, float] | None) -> tuple[float, float]:
    if bounds is None:
        return -math.inf, math.inf
    lowest, highest = map(float, bounds)
    if not (math.isfinite(lowest) and math.isfinite(highest) and lowest < highest):
        raise ValueError(f"bounds is {bounds}. It holds the lowest and the highest possible value, e.g. (0, 1).")
    outside = np.flatnonzero((array < lowest) | (array > highest))
    if outside.size:
        raise ValueError(f"values[{outside[0]}] is {array[outside[0]]}, outside of bounds={bounds}. Correct one of the two.")
    return lowest, highest
