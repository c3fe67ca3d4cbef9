"""Could it be chance? Tests without any assumption on the shape of the numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import combinations

import msgspec
import numpy as np

from pytest_trustml.statistics.clusters import read_clusters
from pytest_trustml.statistics.samples import numbers, one_of

ALTERNATIVES = ("greater", "less", "two-sided")
_EXACT_SIGNS = 16
_CHUNK = 1 << 20


class Significance(msgspec.Struct, frozen=True):
    """A p-value, the statistic that was seen, how the p-value was found and from how many arrangements."""

    p: float
    observed: float
    method: str
    arrangements: int


def sign_flip(
    differences: Iterable[float],
    rng: np.random.Generator | None = None,
    alternative: str = "greater",
    *,
    cluster: Iterable[Hashable] | None = None,
    resamples: int = 9999,
) -> Significance:
    """Is the average of paired differences above 0, if each of them might as well have had the other sign?

    Parameters
    ----------
    differences : array of float, shape (n,)
    rng : numpy.random.Generator, optional
        Needed where more than 16 differences (or clusters) are not 0; with fewer all arrangements are gone through.
    alternative : {"greater", "less", "two-sided"}
    cluster : array of labels, shape (n,), optional
        Differences with the same label change their signs together.
    resamples : int
        Random arrangements. The one that was seen is counted as well, so that p is never 0.

    Examples
    --------
    >>> sign_flip([-0.25, -0.25, 0, -0.25, 0], alternative="two-sided").p
    0.25
    >>> sign_flip([-1, -0.1, -3, -1.5, -0.2, 0.1], alternative="less").p
    0.046875
    """
    one_of(alternative, ALTERNATIVES, "alternative")
    array = numbers(differences, "differences")
    n = len(array)
    if n == 0:
        raise ValueError("differences is empty. A test needs at least one pair.")
    units = array if cluster is None else read_clusters(cluster, n).sums(array)
    units = units[units != 0]
    seen = float(units.sum())
    exact = len(units) <= _EXACT_SIGNS
    if exact:
        total, batches = 2 ** len(units), _all_signs(len(units))
    else:
        _needs(rng)
        total, batches = resamples, _random_signs(rng, resamples, len(units))
    above = below = 0
    slack = 1e-12 * float(np.abs(units).sum())
    for signs in batches:
        sums = signs @ units
        above += int((sums >= seen - slack).sum())
        below += int((sums <= seen + slack).sum())
    return _significance(above, below, total, exact, seen / n, alternative)


def wilcoxon(differences: Iterable[float], alternative: str = "greater") -> Significance:
    """Are paired differences mostly above 0, weighing each by its rank? Wilcoxon's signed-rank test; zeros are left out.

    Exact up to 16 differences, ties or not, and by the normal approximation beyond.

    Examples
    --------
    >>> wilcoxon([-1, -0.1, -3, -1.5, -0.2, 0.1], "less").p
    0.046875
    """
    from scipy.stats import rankdata
    from scipy.stats import wilcoxon as by_scipy

    one_of(alternative, ALTERNATIVES, "alternative")
    array = numbers(differences, "differences")
    array = array[array != 0]
    if len(array) == 0:
        return Significance(1.0, 0.0, "no difference", 1)
    if len(array) <= _EXACT_SIGNS:
        flipped = sign_flip(np.sign(array) * rankdata(np.abs(array)), alternative=alternative)
        return msgspec.structs.replace(flipped, observed=flipped.observed * len(array), method="wilcoxon, exact")
    found = by_scipy(array, alternative=alternative, method="asymptotic")
    return Significance(float(found.pvalue), float(found.statistic), "wilcoxon, normal approximation", 1)


def permutation_test(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    first: Iterable[float],
    second: Iterable[float],
    *,
    rng: np.random.Generator,
    alternative: str = "greater",
    resamples: int = 9999,
) -> Significance:
    """Is a statistic of two groups larger than if their members had been dealt out at random?

    Parameters
    ----------
    statistic : callable
        Takes the two groups, returns one finite number, e.g. the difference of their means.
    first, second : arrays of float, shapes (n,) and (m,)
    rng : numpy.random.Generator
        Not used where no more than ``resamples`` divisions are possible: then all of them are gone through.
    alternative : {"greater", "less", "two-sided"}
        Two-sided is twice the smaller of the others.

    Examples
    --------
    >>> above = lambda a, b: a.mean() - b.mean()
    >>> permutation_test(above, [2.5, 3.5, 4.5, 5.5], [1, 2, 3, 4], rng=np.random.default_rng(0))
    Significance(p=0.1, observed=1.5, method='permutation, exact', arrangements=70)
    """
    one_of(alternative, ALTERNATIVES, "alternative")
    one, two = numbers(first, "first"), numbers(second, "second")
    if not len(one) or not len(two):
        raise ValueError(f"The groups have {len(one)} and {len(two)} samples. A test needs at least one in each.")
    pooled, size = np.concatenate([one, two]), len(one)
    seen = float(statistic(one, two))
    exact = math.comb(len(pooled), size) <= resamples
    total = math.comb(len(pooled), size) if exact else resamples
    above = below = 0
    slack = 1e-12 * abs(seen)
    for order in _divisions(len(pooled), size) if exact else (rng.permutation(len(pooled)) for _ in range(resamples)):
        found = float(statistic(pooled[order[:size]], pooled[order[size:]]))
        above += found >= seen - slack
        below += found <= seen + slack
    return _significance(above, below, total, exact, seen, alternative)


def _divisions(n: int, size: int) -> Iterator[np.ndarray]:
    for chosen in combinations(range(n), size):
        rest = np.ones(n, dtype=bool)
        rest[list(chosen)] = False
        yield np.concatenate([np.array(chosen), np.flatnonzero(rest)])


def _all_signs(width: int) -> Iterator[np.ndarray]:
    numbered = np.arange(2**width)
    yield np.stack([1.0 - 2.0 * ((numbered >> bit) & 1) for bit in range(width)], axis=1) if width else np.ones((1, 0))


def _random_signs(rng: np.random.Generator, resamples: int, width: int) -> Iterator[np.ndarray]:
    """Row by row the same numbers whatever the chunk: one double of the generator per sign."""
    rows = max(1, _CHUNK // width)
    for start in range(0, resamples, rows):
        yield np.where(rng.random((min(rows, resamples - start), width)) < 0.5, -1.0, 1.0)


def _needs(rng: np.random.Generator | None) -> None:
    if rng is None:
        raise ValueError(f"More than {_EXACT_SIGNS} differences are not 0, so arrangements are drawn at random: give an rng.")


def _significance(above: int, below: int, total: int, exact: bool, seen: float, alternative: str) -> Significance:
    """Turn counts of arrangements into a p-value. A random draw of them counts the one that was seen as well."""
    extra = 0 if exact else 1
    upper, lower = (above + extra) / (total + extra), (below + extra) / (total + extra)
    p = {"greater": upper, "less": lower, "two-sided": min(1.0, 2 * min(upper, lower))}[alternative]
    return Significance(p, seen, f"permutation, {'exact' if exact else 'random'}", total)
