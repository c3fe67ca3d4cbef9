"""How far apart two groups are: in standard deviations, and in the tail."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from pytest_trustml.result.measurement import Interval, Measurement
from pytest_trustml.statistics.intervals import check_level, clopper_pearson_ends
from pytest_trustml.statistics.resampling import bootstrap
from pytest_trustml.statistics.samples import numbers


def cohen_d(
    first: Iterable[float],
    second: Iterable[float],
    *,
    rng: np.random.Generator,
    name: str,
    higher_is_safer: bool,
    unit: str = "standard deviations",
    level: float = 0.95,
    resamples: int = 2000,
) -> Measurement:
    """By how many pooled standard deviations the average of one group lies above that of another (BCa interval).

    Parameters
    ----------
    first, second : arrays of float, shapes (n,) and (m,)
        Positive where the first is higher. 0.2 is called small, 0.8 large.
    rng : numpy.random.Generator
    name, unit, higher_is_safer, level
        As in `proportion`.

    Returns
    -------
    Measurement
        Undefined with fewer than two samples in a group, or where neither group varies. For intervals see `bootstrap`.

    References
    ----------
    Cohen 1988, Statistical Power Analysis for the Behavioral Sciences, equation 2.5.1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> d = cohen_d(rng.normal(1, 1, 200), rng.normal(0, 1, 200), rng=rng, name="effect", higher_is_safer=False)
    >>> d.interval.low < 1 < d.interval.high
    True
    """
    check_level(level)
    one, two = numbers(first, "first"), numbers(second, "second")
    about = {"name": name, "unit": unit, "higher_is_safer": higher_is_safer}
    if min(len(one), len(two)) < 2:
        why = "no samples" if not len(one) and not len(two) else "each group needs two samples to vary"
        return Measurement(value=None, undefined=why, n=len(one) + len(two), **about)
    if np.ptp(one) == 0 and np.ptp(two) == 0:
        return Measurement(value=None, undefined="neither group varies", n=len(one) + len(two), **about)
    result = bootstrap(_cohen, one, two, rng=rng, level=level, resamples=resamples, **about)
    means = {"mean_first": float(one.mean()), "mean_second": float(two.mean()), "n_first": len(one), "n_second": len(two)}
    return result.but(details=result.details | means)


def share_above(
    values: Iterable[float],
    reference: Iterable[float],
    *,
    name: str,
    higher_is_safer: bool,
    quantile: float = 0.99,
    unit: str = "share",
    level: float = 0.95,
) -> Measurement:
    """Which share of values lies above what only one reference value in a hundred exceeds.

    If values and reference are alike the share is about 1 - quantile. The threshold is the order statistic
    ceil((n + 1) * quantile) of the reference, which a new value of the same kind exceeds with probability 1 - quantile at most.

    The interval adds two uncertainties as squares: Clopper and Pearson's for the values beyond the threshold, and the shares
    beyond the two order statistics that enclose the true quantile of the reference. A reference of fewer than 368 values (for
    0.99 at level 0.95) cannot enclose it from above: its largest value stands in, `details` says so, and the low end may then
    lie too high. The high end, by which a tail is found to be small, holds at any size.

    Parameters
    ----------
    values, reference : arrays of float, shapes (n,) and (m,)
        Two independent groups.
    quantile : float in (0, 1)
    name, unit, higher_is_safer, level
        As in `proportion`.

    Returns
    -------
    Measurement
        Undefined if the reference has fewer than quantile / (1 - quantile) values (99 for 0.99): then none of them is that far
        out.

    References
    ----------
    Zou and Donner 2008, Statistics in Medicine 27, 1693-1702 (adding the distances to the ends as squares).

    Examples
    --------
    >>> held_out, candidates = np.arange(500) / 500, np.arange(300) / 300 + 0.1
    >>> m = share_above(candidates, held_out, name="tail_share", higher_is_safer=False)
    >>> round(m.value, 4), m.details["threshold"]
    (0.1067, 0.99)
    """
    from scipy.stats import binom

    check_level(level)
    if not 0 < quantile < 1:
        raise ValueError(f"quantile is {quantile}. It lies between 0 and 1, for example 0.99.")
    array, ordered = numbers(values), np.sort(numbers(reference, "reference"))
    n, m = len(array), len(ordered)
    about = {"name": name, "unit": unit, "higher_is_safer": higher_is_safer, "n": n}
    rank = math.ceil((m + 1) * quantile * (1 - 1e-12))
    if n == 0:
        return Measurement(value=None, undefined="no samples", **about)
    if rank > m:
        needed = math.ceil(quantile / (1 - quantile) * (1 - 1e-12))
        why = f"the {quantile:g} quantile needs at least {needed} reference values, found {m}"
        return Measurement(value=None, undefined=why, **about)
    tail = (1 - level) / 2
    lower = int(binom.ppf(tail, m, quantile))
    upper = min(m, int(binom.ppf(1 - tail, m, quantile)) + 1)
    count = int((array > ordered[rank - 1]).sum())
    share = count / n
    at_lower = float((array > ordered[lower - 1]).mean()) if lower > 0 else 1.0
    at_upper = float((array > ordered[upper - 1]).mean())
    low, high = clopper_pearson_ends(count, n, level)
    encloses = 1 - quantile**m >= 1 - tail
    interval = Interval(
        low=max(0.0, share - math.hypot(share - low, share - min(share, at_upper))),
        high=min(1.0, share + math.hypot(high - share, max(share, at_lower) - share)),
        level=level,
        method="clopper-pearson and order statistics",
        shrinks=1.0 if count in (0, n) else 0.5,
    )
    details = {
        "events": count,
        "quantile": float(quantile),
        "threshold": float(ordered[rank - 1]),
        "n_reference": m,
        "reference_encloses_quantile": encloses,
        "share_given_threshold_low": low,
        "share_given_threshold_high": high,
    }
    return Measurement(value=share, interval=interval, details=details, **about)


def _cohen(one: np.ndarray, two: np.ndarray) -> float:
    freedom = len(one) + len(two) - 2
    pooled = ((len(one) - 1) * one.var(ddof=1) + (len(two) - 1) * two.var(ddof=1)) / freedom
    return (one.mean() - two.mean()) / math.sqrt(pooled) if pooled > 0 else math.nan
