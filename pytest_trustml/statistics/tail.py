"""How surely a limit is broken, from what a record keeps: a value, its interval and n. For several verdicts judged together.

A verdict compares a limit with one end of one interval. A release with twenty checks needs more: how far beyond the limit each
of them lies, as p-values that `holm` can compare with the error allowed for all of them.
"""

from __future__ import annotations

import math
from typing import Literal

from pytest_trustml.result.verdict import AtLeast, AtMost, Limit, Within
from pytest_trustml.statistics.intervals import check_level


def limit_p(
    value: float,
    low: float,
    high: float,
    level: float,
    limit: Limit,
    *,
    n: int,
    clusters: int | Literal["none"] | None = None,
    unit: str = "",
) -> float:
    """The probability, if the true value just met the limit, of measuring something as bad as this or worse.

    Small only where the limit is surely broken: at most (1 - level) / 2 if the whole interval lies beyond an `AtMost` or an
    `AtLeast`, and at least that if it does not, so that a single verdict and its p-value never disagree. In between and
    further out, the distance from the value to the limit is counted in distances from the value to that end of the interval
    which is nearer to the limit, on Student's t.

    Parameters
    ----------
    value, low, high : float
        The measured value and the ends of its interval.
    level : float in (0, 1)
        Two-sided level of the interval.
    limit : AtMost, AtLeast or Within
        For `Within` it is twice the smaller one of both sides, at most 1: a value may leave a range in two ways.
    n : int
        Samples; with ``clusters`` the number of clusters counts instead. One less are the degrees of freedom, at least 1.
    clusters : int, optional
        The word ``none`` of a record means the same as leaving it out.
    unit : str
        A unit with the word ``share`` bends near 0 and 1: there the larger p-value of the plain and of the logit scale counts.
        A share of exactly 0 or 1 has no distance on the logit scale and takes the binomial formula: if an interval for n of n
        events ends at ``low``, a true share s shows n of n with probability tail ** (log s / log low).

    Returns
    -------
    float
        From 0.5 to 1 where the value itself meets an `AtMost` or `AtLeast`. Never falls when the limit is loosened.

    Raises
    ------
    ValueError
        If a number is not finite, the ends are in the wrong order, or n is no count.

    Notes
    -----
    An interval that does not reach beyond its own value on the side of the limit (a bootstrap's may not) tells no distance:
    then p is (1 - level) / 2 or 1, which is all that such an interval says.

    Examples
    --------
    >>> harmful = dict(value=0.05, low=0.0242, high=0.0903, level=0.95, n=200, unit="share")
    >>> [round(limit_p(limit=AtMost(bound), **harmful), 4) for bound in (0.01, 0.02, 0.0242, 0.05, 0.06)]
    [0.0013, 0.0114, 0.025, 0.5, 0.7772]
    >>> all_refused = dict(value=1.0, low=0.025 ** (1 / 50), high=1.0, level=0.95, n=50, unit="share")
    >>> round(limit_p(limit=AtMost(0.8), **all_refused), 12) == round(0.8 ** 50, 12)
    True
    """
    tail = (1 - check_level(level)) / 2
    if not all(math.isfinite(number) for number in (value, low, high)) or low > high:
        raise ValueError(f"The value is {value} in the interval {low} to {high}. All are finite numbers, and low <= high.")
    if n < 1:
        raise ValueError(f"n is {n}. A value that was measured comes from one sample at least.")
    freedom = max(1, (n if clusters in (None, "none") else int(clusters)) - 1)
    side = _Side(tail=tail, freedom=freedom, share="share" in unit)
    if isinstance(limit, AtMost):
        return side.p(value, low, limit.bound, 1)
    if isinstance(limit, AtLeast):
        return side.p(value, high, limit.bound, -1)
    if isinstance(limit, Within):
        return min(1.0, 2 * min(side.p(value, low, limit.high, 1), side.p(value, high, limit.low, -1)))
    raise ValueError(f"The limit is {limit!r}. Use AtMost, AtLeast or Within.")


class _Side:
    """One side of a limit. With ``sign`` 1 more is worse and ``end`` the low one, with -1 less is worse and it is the high."""

    def __init__(self, *, tail: float, freedom: int, share: bool) -> None:
        from scipy.special import stdtrit

        self.tail = tail
        self.freedom = freedom
        self.share = share
        self.quantile = float(stdtrit(freedom, 1 - tail))

    def p(self, value: float, end: float, bound: float, sign: int) -> float:
        if sign * (value - end) <= 0:
            return self.tail if sign * (end - bound) > 0 else 1.0
        if self.share and value == (sign + 1) / 2 and 0 < end < 1:
            return self._all_alike(end, bound, sign)
        plain = self._beyond(value, end, bound, sign)
        if self.share and 0 < value < 1 and 0 < end < 1:
            return max(plain, self._beyond(_logit(value), _logit(end), _logit(bound), sign))
        return plain

    def _all_alike(self, end: float, bound: float, sign: int) -> float:
        """n of n events for sign 1, none of n for sign -1, by the binomial formula that also gave the interval."""
        if not 0 < bound < 1:
            return 1.0 if sign * (bound - 0.5) > 0 else 0.0
        chance = math.log(bound) / math.log(end) if sign > 0 else math.log1p(-bound) / math.log1p(-end)
        return self.tail**chance

    def _beyond(self, value: float, end: float, bound: float, sign: int) -> float:
        """Student's tail at the distance to the bound, in units of the distance to the end."""
        from scipy.special import stdtr

        if math.isinf(bound):
            return 1.0 if sign * bound > 0 else 0.0
        reach = sign * (value - end)
        if reach <= 0:  # too close for this scale to tell apart
            return self.tail if sign * (end - bound) > 0 else 1.0
        return float(stdtr(self.freedom, -self.quantile * sign * (value - bound) / reach))


def _logit(share: float) -> float:
    """The logarithm of the odds; what is no share at all lies infinitely far out."""
    if not 0 < share < 1:
        return math.inf if share > 0.5 else -math.inf
    return math.log(share) - math.log1p(-share)
