"""Training records by importance: strata of equal size, and how differently an attack meets the top and the bottom one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm


def strata(values: Sequence[float], ids: Sequence[str], groups: int = 5) -> np.ndarray:
    """The stratum of every record by importance, from 0 (least important) to groups - 1.

    Parameters
    ----------
    values : array of float, shape (N,)
    ids : sequence of str, length N
        Records of exactly the same value are divided in the order of their ids, so that the order of the rows never matters.
    groups : int
        From 2; 5 makes quintiles. Sizes differ by one at most.

    Returns
    -------
    numpy.ndarray of int, shape (N,)

    References
    ----------
    Wen et al. 2025, arXiv:2409.03741, section on experimental setup: quintiles of CIFAR-10.

    Examples
    --------
    >>> strata([0.3, -0.1, 0.0, 0.2], ["a", "b", "c", "d"], groups=2).tolist()
    [1, 0, 0, 1]
    """
    n = len(values)
    if groups < 2 or n < groups:
        raise tm.UsageError(f"There are {n} records for {groups} strata. Take at least 2 strata, and a record for each.")
    order = sorted(range(n), key=lambda row: (float(values[row]), ids[row]))
    found = np.empty(n, dtype=np.int64)
    found[order] = np.arange(n) * groups // n
    return found


class Counts(NamedTuple):
    """Of ``n`` tries ``hits`` were successful."""

    hits: int
    n: int

    @property
    def rate(self) -> float:
        return self.hits / self.n


class Ratio(NamedTuple):
    """A ratio of two rates with its interval."""

    value: float
    low: float
    high: float


FLOOR = 0.05
"""Least skill that counts where success is corrected for chance."""


def strength(rate: float, chance: float, corrected: bool = False) -> float:
    """What a rate of success is worth: itself, but at least that of chance; or, corrected, its share of what chance leaves.

    >>> strength(0.3, 0.01), strength(0.0, 0.01), strength(0.75, 0.5, corrected=True), strength(0.5, 0.5, corrected=True)
    (0.3, 0.01, 0.5, 0.05)
    """
    return max((rate - chance) / (1 - chance), FLOOR) if corrected else max(rate, chance)


def rate_ratio(top: Counts, bottom: Counts, chance: float, level: float = 0.95, *, corrected: bool = False) -> Ratio:
    """How many times as often an attack succeeds on the top stratum as on the bottom one, success by chance not counted.

    Either rate counts as ``chance`` where it lies below: an attack that does worse than guessing is no attack, and the ratio of
    two rates near 0 says nothing. So the ratio lies between ``chance`` and 1 / ``chance``.

    Parameters
    ----------
    top, bottom : Counts
        The tries may be the same (one test set, two attacks) or not.
    chance : float in (0, 1]
        Rate that needs no leak: the false positive rate of a membership attack, the share of the most frequent class.
    level : float
        Two-sided.
    corrected : bool
        For tasks that guessing solves often (two classes: every second time), where rates would lie too close to each other for
        any ratio: compare (rate - chance) / (1 - chance), at least 0.05, so that the ratio lies between 0.05 and 20.

    Returns
    -------
    Ratio
        The interval comes from the exact (Clopper-Pearson) intervals of both rates, each at the level (1 + level) / 2, so it
        covers at least as often as it says, however few the successes and whether or not the two depend on each other.

    Examples
    --------
    >>> [round(x, 3) for x in rate_ratio(Counts(120, 200), Counts(20, 200), chance=0.01)]
    [6.0, 3.287, 11.719]
    >>> rate_ratio(Counts(0, 200), Counts(1, 200), chance=0.01).value
    1.0
    """
    if not 0 < chance <= 1 or (corrected and chance == 1):
        raise tm.UsageError(f"chance is {chance}. It is a rate above 0, such as the false positive rate of an attack.")
    (a_low, a_high), (b_low, b_high) = (_ends(each, (1 + level) / 2) for each in (top, bottom))

    def over(one: float, other: float) -> float:
        return strength(one, chance, corrected) / strength(other, chance, corrected)

    return Ratio(over(top.rate, bottom.rate), over(a_low, b_high), over(a_high, b_low))


def _ends(counts: Counts, level: float) -> tuple[float, float]:
    from scipy.special import betaincinv

    tail, missed = (1 - level) / 2, counts.n - counts.hits
    low = float(betaincinv(counts.hits, missed + 1, tail)) if counts.hits else 0.0
    high = float(betaincinv(counts.hits + 1, missed, 1 - tail)) if missed else 1.0
    return low, high


def dealt_p(top: Counts, bottom: Counts) -> float:
    """Probability of as many successes in the top stratum if the records had been dealt to the two strata at random.

    The permutation test over all divisions, which for successes and failures is the hypergeometric tail (one-sided).

    >>> round(dealt_p(Counts(4, 5), Counts(0, 5)), 6), dealt_p(Counts(0, 5), Counts(0, 5))
    (0.02381, 1.0)
    """
    from scipy.stats import hypergeom

    return float(min(1.0, hypergeom.sf(top.hits - 1, top.n + bottom.n, top.hits + bottom.hits, top.n)))


def rank_correlation(values: Iterable[float], scores: Iterable[float]) -> float:
    """Spearman's correlation: 1 if scores rise with values, -1 if they fall, ties sharing their rank.

    Raises
    ------
    UsageError
        Where one of the two does not vary: then it is undefined.

    Examples
    --------
    >>> round(rank_correlation([1, 2, 3, 4], [10, 20, 40, 30]), 6)
    0.8
    """
    from scipy.stats import rankdata

    ranks = [rankdata(np.asarray(list(each), dtype=np.float64)) for each in (values, scores)]
    if min(map(np.ptp, ranks)) == 0:
        raise tm.UsageError("A correlation needs values and scores that vary. Look at whichever is constant first.")
    one, other = (each - each.mean() for each in ranks)
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


def correlation_p(
    values: Iterable[float], scores: Iterable[float], rng: np.random.Generator, permutations: int = 9999
) -> float:
    """Could a rank correlation as far from 0 be chance? Permutation p, two-sided; the arrangement that was seen counts.

    >>> correlation_p(range(30), range(30), np.random.default_rng(0), permutations=999)
    0.001
    """
    from scipy.stats import rankdata

    one, other = (rankdata(np.asarray(list(each), dtype=np.float64)) for each in (values, scores))
    one, other = one - one.mean(), other - other.mean()
    seen = abs(float(one @ other)) * (1 - 1e-12)
    extreme = sum(abs(float(one @ other[rng.permutation(len(other))])) >= seen for _ in range(permutations))
    return (1 + extreme) / (1 + permutations)
