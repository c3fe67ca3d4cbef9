"""The ends of confidence intervals, from counts and standard errors.

``level`` is two-sided everywhere: at 0.95 each end is a 97.5 % bound. Counts may be fractions, because clustered samples are
judged by their effective number.

References
----------
Clopper and Pearson 1934, Biometrika 26. Wilson 1927, JASA 22. Newcombe 1998, Statistics in Medicine 17, 873-890 (independent,
method 10) and 2635-2650 (paired, method 10).
"""

from __future__ import annotations

import math


def check_level(level: float) -> float:
    """The level itself, if it is one."""
    if not 0 < level < 1:
        raise ValueError(f"The confidence level is {level}. It lies between 0 and 1, for example 0.95.")
    return level


def z_value(level: float) -> float:
    """The normal quantile of a two-sided level.

    >>> round(z_value(0.95), 6)
    1.959964
    """
    from scipy.special import ndtri

    return float(ndtri((1 + check_level(level)) / 2))


def clopper_pearson_ends(count: float, n: float, level: float) -> tuple[float, float]:
    """The exact binomial interval: it covers at least as often as it says, whatever the rate and however few the samples.

    >>> [round(end, 6) for end in clopper_pearson_ends(3, 137, 0.95)]
    [0.004539, 0.06266]
    """
    from scipy.special import betaincinv

    tail = (1 - check_level(level)) / 2
    low = float(betaincinv(count, n - count + 1, tail)) if count > 0 else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    return low, high


def wilson_ends(count: float, n: float, level: float) -> tuple[float, float]:
    """The score interval of a rate: right on average over rates, and narrower than the exact one. For display.

    >>> [round(end, 6) for end in wilson_ends(3, 137, 0.95)]
    [0.007475, 0.062401]
    """
    z = z_value(level)
    rate = count / n
    centre = (count + z * z / 2) / (n + z * z)
    reach = z / (n + z * z) * math.sqrt(n * rate * (1 - rate) + z * z / 4)
    low = 0.0 if count <= 0 else max(0.0, centre - reach)
    high = 1.0 if count >= n else min(1.0, centre + reach)
    return low, high


def unseen(n: float, level: float) -> float:
    """The largest share of cases of which none shows in n independent samples: the exact upper end for zero events.

    >>> round(unseen(1000, 0.95), 6)
    0.003682
    """
    return -math.expm1(math.log((1 - check_level(level)) / 2) / n)


def newcombe_ends(
    first: tuple[float, float], second: tuple[float, float], level: float, phi: float = 0.0
) -> tuple[float, float]:
    """The hybrid score interval of a difference of two rates, each given as (count, n). ``phi`` is their correlation.

    >>> [round(end, 6) for end in newcombe_ends((45, 50), (30, 50), 0.95)]
    [0.131891, 0.449299]
    """
    rate_1, rate_2 = first[0] / first[1], second[0] / second[1]
    low_1, high_1 = wilson_ends(*first, level)
    low_2, high_2 = wilson_ends(*second, level)

    def reach(one: float, other: float) -> float:
        return math.sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))

    difference = rate_1 - rate_2
    low = difference - reach(rate_1 - low_1, high_2 - rate_2)
    high = difference + reach(high_1 - rate_1, rate_2 - low_2)
    return max(-1.0, low), min(1.0, high)


def t_ends(value: float, standard_error: float, freedom: int, level: float) -> tuple[float, float]:
    """Student's interval.

    >>> [round(end, 6) for end in t_ends(-0.15, 0.06123724, 4, 0.95)]
    [-0.320022, 0.020022]
    """
    from scipy.special import stdtrit

    reach = float(stdtrit(freedom, (1 + check_level(level)) / 2)) * standard_error
    return value - reach, value + reach
