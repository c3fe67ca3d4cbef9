"""The same samples twice: before and after a change, or under two models."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import Any

import msgspec
import numpy as np

from pytest_trustml.result.measurement import Interval, Measurement
from pytest_trustml.statistics.clusters import Clusters, mean_variance, read_clusters
from pytest_trustml.statistics.intervals import check_level, newcombe_ends, t_ends, unseen, z_value
from pytest_trustml.statistics.means import mean
from pytest_trustml.statistics.samples import numbers, occurred, one_of, same_length
from pytest_trustml.statistics.significance import wilcoxon


class McNemar(msgspec.Struct, frozen=True):
    """Probabilities, if nothing had changed, of changes at least as uneven as those seen."""

    two_sided: float
    one_sided: float
    mid_p: float


def mcnemar(b: int, c: int) -> McNemar:
    """Could the change be chance? The exact test of b changes one way against c changes the other way.

    Parameters
    ----------
    b, c : int, not negative
        Pairs in which it happened only afterwards, and only before. ``one_sided`` asks for at least b; ``mid_p`` is the same
        less half the probability of exactly b. Without any change all three are 1.

    Examples
    --------
    >>> test = mcnemar(8, 1)
    >>> round(test.two_sided, 6), round(test.one_sided, 6), round(test.mid_p, 6)
    (0.039062, 0.019531, 0.010742)
    """
    from scipy.stats import binom

    for name, count in (("b", b), ("c", c)):
        if count < 0 or int(count) != count:
            raise ValueError(f"{name} is {count}. It counts pairs and is a whole number from 0.")
    if b + c == 0:
        return McNemar(1.0, 1.0, 1.0)
    one_sided = float(binom.sf(b - 1, b + c, 0.5))
    two_sided = min(1.0, 2 * float(binom.cdf(min(b, c), b + c, 0.5)))
    return McNemar(two_sided, one_sided, one_sided - float(binom.pmf(b, b + c, 0.5)) / 2)


def paired_rate_difference(
    after: Iterable[bool],
    before: Iterable[bool],
    *,
    name: str,
    higher_is_safer: bool,
    unit: str = "difference of shares",
    cluster: Iterable[Hashable] | None = None,
    level: float = 0.95,
    method: str = "newcombe",
) -> Measurement:
    """By how much a rate rose from before to after, on the same samples.

    Newcombe's paired hybrid score interval; with ``cluster`` a cluster-robust t interval of the differences. Either is
    widened, where need be, to reach as far on both sides of the value as the share of pairs (of clusters) that may change
    without showing in n of them: two models that agreed on every sample have not been shown to be the same.

    Parameters
    ----------
    after, before : arrays of bool or 0/1, shape (n,)
        Entry i of both belongs to sample i. The value is the rate after minus the rate before, in [-1, 1].
    cluster : array of labels, shape (n,), optional
        Pairs with the same label depend on each other.
    name, unit, higher_is_safer, level
        As in `proportion`.
    method : {"newcombe"}

    Returns
    -------
    Measurement
        ``details``: b (only after), c (only before), n_both, n_none, both rates, and McNemar's exact tests: two-sided,
        one-sided and mid-p. The one-sided ones are of a change for the worse, which is a rise unless higher is safer.

    Examples
    --------
    >>> after, before = [1] * 2 + [1] * 8 + [0] + [0] * 126, [1] * 2 + [0] * 8 + [1] + [0] * 126
    >>> rise = paired_rate_difference(after, before, name="harmful_rate_increase", higher_is_safer=False)
    >>> print(rise)
    harmful_rate_increase = 0.05109 (95 % interval 0.005634 to 0.1055, newcombe paired, n = 137)
    >>> rise.details["b"], rise.details["c"], round(rise.details["p_mcnemar_one_sided"], 6)
    (8, 1, 0.019531)
    """
    one_of(method, ("newcombe",), "method")
    check_level(level)
    second, first = occurred(after, "after"), occurred(before, "before")
    same_length(second, first, "after and before")
    n = len(first)
    groups = None if cluster is None else read_clusters(cluster, n)
    about = {"name": name, "unit": unit, "higher_is_safer": higher_is_safer, "n": n}
    if groups is not None:
        about["clusters"] = groups.count
    if n == 0:
        return Measurement(value=None, undefined="no samples", **about)
    both, b, c = int((second & first).sum()), int((second & ~first).sum()), int((~second & first).sum())
    none = n - both - b - c
    test = mcnemar(c, b) if higher_is_safer else mcnemar(b, c)
    value = (b - c) / n
    about["details"] = {
        "b": b,
        "c": c,
        "n_both": both,
        "n_none": none,
        "rate_after": (both + b) / n,
        "rate_before": (both + c) / n,
        "p_mcnemar": test.two_sided,
        "p_mcnemar_one_sided": test.one_sided,
        "p_mcnemar_mid": test.mid_p,
    }
    if groups is not None:
        return _clustered(second.astype(float) - first.astype(float), groups, level, about)
    ends = newcombe_ends((both + b, n), (both + c, n), level, _phi(both, b, c, none))
    return _widened(value, ends, unseen(n, level), level, "newcombe paired", b + c == 0, about)


def paired_change(
    changes: Iterable[int],
    *,
    name: str,
    higher_is_safer: bool,
    unit: str = "difference of shares",
    cluster: Iterable[Hashable] | None = None,
    level: float = 0.95,
) -> Measurement:
    """By how much a rate rose, where only the change of each sample is known: 1 it began, -1 it ceased, 0 neither.

    `paired_rate_difference` for two releases that were each measured against the same base model: what a sample adds to the two
    differences tells whether it changed, and no longer how often it happened. Tango's score interval, which needs no more than
    that; with ``cluster`` the cluster-robust t interval. Widened for changes that did not show as it is there.

    Parameters
    ----------
    changes : array of -1, 0 and 1, shape (n,)
    name, unit, higher_is_safer, cluster, level
        As in `paired_rate_difference`.

    References
    ----------
    Tango 1998, Statistics in Medicine 17, 891-908 (equations 7 to 10).

    Examples
    --------
    >>> print(paired_change([1] * 8 + [-1] + [0] * 128, name="rise", higher_is_safer=False))
    rise = 0.05109 (95 % interval 0.01051 to 0.1049, tango, n = 137)
    """
    check_level(level)
    array = numbers(changes, "changes")
    for position, change in enumerate(array.tolist()):
        if change not in (-1, 0, 1):
            raise ValueError(f"changes[{position}] is {change:g}. A change is -1, 0 or 1: use paired_mean_difference.")
    n, b, c = len(array), int((array > 0).sum()), int((array < 0).sum())
    groups = None if cluster is None else read_clusters(cluster, n)
    about = {"name": name, "unit": unit, "higher_is_safer": higher_is_safer, "n": n}
    if groups is not None:
        about["clusters"] = groups.count
    if n == 0:
        return Measurement(value=None, undefined="no samples", **about)
    test = mcnemar(c, b) if higher_is_safer else mcnemar(b, c)
    about["details"] = {"b": b, "c": c, "p_mcnemar": test.two_sided, "p_mcnemar_one_sided": test.one_sided}
    about["details"]["p_mcnemar_mid"] = test.mid_p
    if groups is not None:
        return _clustered(array, groups, level, about)
    return _widened((b - c) / n, _tango_ends(b, c, n, level), unseen(n, level), level, "tango", b + c == 0, about)


def _tango_ends(b: int, c: int, n: int, level: float) -> tuple[float, float]:
    """The score interval of a paired difference of rates, from b changes one way and c the other way in n pairs.

    Each end is the difference at which the score test of b - c is on the edge, with the rate of changes that fits it best.
    """
    from scipy.optimize import brentq

    z, value = z_value(level), (b - c) / n

    def score(difference: float) -> float:
        if difference == value:
            return 0.0
        linear = (2 * n - b + c) * difference - b - c
        product = -c * difference * (1 - difference)
        ceased = (math.sqrt(max(0.0, linear * linear - 8 * n * product)) - linear) / (4 * n)
        variance = n * (2 * ceased + difference * (1 - difference))
        return n * (value - difference) / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, value - difference)

    def end(sign: int) -> float:
        if value == sign:
            return value
        return float(brentq(lambda d: max(-1e9, min(1e9, score(d))) + sign * z, value, sign, xtol=1e-12))

    return end(-1), end(1)


def _clustered(differences: np.ndarray, groups: Clusters, level: float, about: dict[str, Any]) -> Measurement:
    value = float(differences.sum()) / len(differences)
    if groups.count < 2:
        return Measurement(value=value, no_interval="all pairs come from one cluster", **about)
    ends = t_ends(value, math.sqrt(mean_variance(differences, groups)), groups.count - 1, level)
    hidden = unseen(groups.count, level)
    return _widened(value, ends, hidden, level, "student-t (clustered)", not differences.any(), about)


def _widened(
    value: float, ends: tuple[float, float], hidden: float, level: float, method: str, alike: bool, about: dict[str, Any]
) -> Measurement:
    """The interval inside [-1, 1], reaching on both sides at least as far as what n pairs may leave unseen."""
    low, high = max(-1.0, min(ends[0], value - hidden)), min(1.0, max(ends[1], value + hidden))
    slow = 1.0 if alike or low < ends[0] or high > ends[1] else 0.5
    return Measurement(value=value, interval=Interval(low=low, high=high, level=level, method=method, shrinks=slow), **about)


def paired_mean_difference(
    after: Iterable[float],
    before: Iterable[float],
    *,
    name: str,
    unit: str,
    higher_is_safer: bool,
    cluster: Iterable[Hashable] | None = None,
    bounds: tuple[float, float] | None = None,
    level: float = 0.95,
) -> Measurement:
    """By how much a number rose on average from before to after, on the same samples: the `mean` of the differences.

    Parameters
    ----------
    after, before : arrays of float, shape (n,)
        Entry i of both belongs to sample i.
    bounds : (float, float), optional
        The lowest and the highest difference that is possible at all.
    name, unit, higher_is_safer, cluster, level
        As in `mean`.

    Returns
    -------
    Measurement
        ``details`` has both averages and, without clusters, the one-sided Wilcoxon p-value of a change for the worse.

    Examples
    --------
    >>> before, after = [3, 2.5, 4, 1, 2, 3.5], [2, 2.4, 1, -0.5, 1.8, 3.6]
    >>> shift = paired_mean_difference(after, before, name="score_shift", unit="nat", higher_is_safer=True)
    >>> round(shift.value, 6), shift.details["p_wilcoxon_one_sided"]
    (-0.95, 0.046875)
    """
    second, first = numbers(after, "after"), numbers(before, "before")
    same_length(second, first, "after and before")
    differences = second - first
    result = mean(
        differences, name=name, unit=unit, higher_is_safer=higher_is_safer, cluster=cluster, bounds=bounds, level=level
    )
    if result.value is None:
        return result
    details = result.details | {"mean_after": float(second.mean()), "mean_before": float(first.mean())}
    if cluster is None:
        details["p_wilcoxon_one_sided"] = wilcoxon(differences, "less" if higher_is_safer else "greater").p
    return result.but(details=details)


def _phi(both: int, b: int, c: int, none: int) -> float:
    """Correlation of the two halves of the pairs, a positive one corrected for continuity; 0 where a half never varies."""
    scale = float(both + b) * float(c + none) * float(both + c) * float(b + none)
    if scale == 0:
        return 0.0
    product = both * none - b * c
    if product > 0:
        product = max(0.0, product - (both + b + c + none) / 2)
    return product / math.sqrt(scale)
