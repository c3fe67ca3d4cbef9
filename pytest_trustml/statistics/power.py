"""How many samples are needed, and what can be seen with those that are there."""

from __future__ import annotations

import math
from collections.abc import Callable

from pytest_trustml.statistics.intervals import check_level, clopper_pearson_ends


def n_for_upper_bound(bound: float, level: float = 0.95) -> int:
    """Samples without a single event that show, one-sided, that the rate is at most ``bound``.

    A verdict uses the ends of a two-sided interval: what needs level 0.95 there needs 0.975 here.

    >>> [n_for_upper_bound(bound) for bound in (0.05, 0.02, 0.01, 0.005, 0.001)]
    [59, 149, 299, 598, 2995]
    """
    _share("bound", bound)
    return math.ceil(math.log(1 - check_level(level)) / math.log1p(-bound) - 1e-9)


def n_to_decide(rate: float, limit: float, *, level: float = 0.95) -> int | None:
    """Samples after which the exact two-sided interval of an unchanging ``rate`` lies on one side of ``limit``.

    None if that takes more than a thousand million, as it does where the rate is the limit.

    >>> n_to_decide(0.0, 0.01), n_to_decide(0.02, 0.05), n_to_decide(0.10, 0.05)
    (368, 204, 105)
    """
    if not 0 <= rate <= 1 or not 0 <= limit <= 1:
        raise ValueError(f"rate is {rate} and limit is {limit}. Both lie between 0 and 1.")

    def decided(n: int) -> bool:
        low, high = clopper_pearson_ends(rate * n, n, level)
        return high <= limit if rate < limit else low > limit

    enough = 1
    while not decided(enough):
        enough *= 2
        if enough > 10**9 or rate == limit:
            return None
    return _smallest(decided, enough // 2, enough)


def critical_count(n: int, rate: float, level: float = 0.95) -> int:
    """The smallest number of events in n samples that shows, one-sided, that the true rate is above ``rate``.

    >>> [critical_count(n, 0.01) for n in (100, 500, 5000)]
    [4, 10, 63]
    """
    from scipy.stats import binom

    _share("rate", rate)
    return int(binom.ppf(check_level(level), n, rate)) + 1


def mcnemar_n(p10: float, p01: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Pairs after which a one-sided McNemar test sees a change in ``power`` of all cases.

    Parameters
    ----------
    p10, p01 : float
        Shares of pairs that change one way and the other way.
    alpha : float
        One-sided error.
    power : float

    References
    ----------
    Connor 1987, Biometrics 43, 207-211.

    Examples
    --------
    >>> mcnemar_n(0.05, 0.01), mcnemar_n(0.10, 0.02), mcnemar_n(0.03, 0.01)
    (230, 114, 617)
    """
    from scipy.special import ndtri

    if min(p10, p01) < 0 or p10 + p01 > 1 or p10 == p01:
        raise ValueError(f"p10 is {p10} and p01 is {p01}. They are two different shares with a sum of at most 1.")
    _share("alpha", alpha)
    _share("power", power)
    changed, shift = p10 + p01, p10 - p01
    reach = float(ndtri(1 - alpha)) * math.sqrt(changed) + float(ndtri(power)) * math.sqrt(changed - shift**2)
    return math.ceil((reach / shift) ** 2 - 1e-9)


def detectable_rate(n: int, limit: float = 0.0, *, level: float = 0.95, power: float = 0.8) -> float | None:
    """The smallest true rate that n samples show to be above ``limit`` in ``power`` of all cases; None if there is none.

    Shown means that the exact two-sided interval lies above the limit.

    >>> round(detectable_rate(100, 0.05), 4), round(detectable_rate(1000, 0.05), 4)
    (0.134, 0.0714)
    """
    from scipy.special import betaincinv

    _share("power", power)
    if n < 1 or not 0 <= limit < 1:
        raise ValueError(f"n is {n} and limit is {limit}. They are a number of samples from 1 and a share below 1.")

    def shown(count: int) -> bool:
        return clopper_pearson_ends(count, n, level)[0] > limit

    if not shown(n):
        return None
    count = _smallest(shown, 0, n)
    return float(betaincinv(count, n - count + 1, power))


def detectable_mean(n: int, deviation: float, *, level: float = 0.95, power: float = 0.8) -> float:
    """The smallest true mean that n samples of that standard deviation tell from 0 in ``power`` of all cases.

    For paired differences ``deviation`` is that of the differences. Normal approximation.

    >>> round(detectable_mean(100, 1.0), 4)
    0.2802
    """
    from scipy.special import ndtri

    _share("power", power)
    if n < 2 or deviation <= 0:
        raise ValueError(f"n is {n} and deviation is {deviation}. They are at least 2 and above 0.")
    return float(ndtri((1 + check_level(level)) / 2) + ndtri(power)) * deviation / math.sqrt(n)


def detectable_paired_difference(n: int, changed: float, *, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """The smallest rise of a rate that n pairs show, if the share ``changed`` of them changes at all; None if there is none.

    The inverse of `mcnemar_n`.

    >>> round(detectable_paired_difference(230, 0.06), 4)
    0.04
    """
    from scipy.optimize import brentq
    from scipy.special import ndtri

    for name, share in (("changed", changed), ("alpha", alpha), ("power", power)):
        _share(name, share)
    first, second = float(ndtri(1 - alpha)) * math.sqrt(changed), float(ndtri(power))

    def beyond(shift: float) -> float:
        return shift * math.sqrt(n) - first - second * math.sqrt(changed - shift**2)

    most = min(changed, math.sqrt(changed))
    return float(brentq(beyond, 0.0, most)) if beyond(most) >= 0 else None


def _smallest(holds: Callable[[int], bool], fails: int, enough: int) -> int:
    while enough - fails > 1:
        middle = (fails + enough) // 2
        fails, enough = (fails, middle) if holds(middle) else (middle, enough)
    return enough


def _share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} is {value}. It lies between 0 and 1.")
