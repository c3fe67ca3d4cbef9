"""How unevenly groups are shown, and whether they were shown in other company before.

``counts`` is (N, K): for each of N prompts the pictures in which a judge saw group 1 to K; unknown ones are not in it.
Shares q are (K,) and add up to 1. With two groups p is the share of the first and the imbalance is |2 p - 1|.
Wu, Shen, Backes, Zhang, "Image-Perfect Imperfections", ACM CCS 2024, arXiv 2408.17285.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

ONE_SIDED = 0.8
"""Imbalance from which a prompt counts as showing one group alone."""


def group_counts(groups: np.ndarray, kinds: int) -> np.ndarray:
    """How many pictures of each prompt show which group.

    Parameters
    ----------
    groups : array of int, shape (N, m)
        From 0 to ``kinds`` - 1; -1 where the group is unknown, which counts nowhere.

    Returns
    -------
    numpy.ndarray of int, shape (N, kinds)

    >>> group_counts(np.array([[0, 1, 1, -1]]), 2)
    array([[1, 2]])
    """
    return (groups[..., None] == np.arange(kinds)).sum(axis=1)


def imbalance(counts: np.ndarray) -> np.ndarray:
    """|m_c| of every prompt: 0 if all groups are shown equally often, 1 if only one is.

    With two groups |2 p - 1|; with K the total variation to equal shares over its largest value, (K - 1) / K. Its mean is B1.
    Too large for few pictures: two groups that are drawn by a fair coin have .375 with 4 pictures and .246 with 10.

    Raises
    ------
    ValueError
        For a prompt without any picture of a known group.

    >>> round(float(imbalance(np.array([[9, 1], [2, 8], [5, 5], [10, 0], [1, 9]])).mean()), 6)
    0.64
    """
    shares = _shares(counts)
    kinds = shares.shape[1]
    return 0.5 * np.abs(shares - 1 / kinds).sum(axis=1) * kinds / (kinds - 1)


def squared_imbalance(counts: np.ndarray) -> np.ndarray:
    """m_c squared of every prompt without bias, whatever the number of pictures. Its mean is B2.

    With two groups (n m^2 - 1) / (n - 1); with K groups (K S - 1) / (K - 1), where S = (n sum q^2 - 1) / (n - 1) estimates
    the probability that two pictures show the same group. It may be a little negative, and needs two pictures per prompt.

    Raises
    ------
    ValueError
        For a prompt with fewer than two pictures of a known group.

    >>> round(float(squared_imbalance(np.array([[9, 1], [2, 8], [5, 5], [10, 0], [1, 9]])).mean()), 6)
    0.475556
    """
    shares = _shares(counts)
    n, kinds = counts.sum(axis=1), counts.shape[1]
    if (n < 2).any():
        row = int(np.flatnonzero(n < 2)[0])
        raise ValueError(f"Prompt {row} has one picture of a known group. The square of its imbalance needs two: leave it out.")
    same = (n * (shares**2).sum(axis=1) - 1) / (n - 1)
    return (kinds * same - 1) / (kinds - 1)


def skew(counts: np.ndarray) -> float:
    """The mean over prompts of 2 p - 1 for two groups, in [-1, 1]: above 0 where the first is shown more often."""
    return float((2 * _shares(_two(counts))[:, 0] - 1).mean())


def one_sided_share(counts: np.ndarray) -> float:
    """The share of prompts that show nearly one group alone: an imbalance of 0.8 or more."""
    return float((imbalance(counts) >= ONE_SIDED - 1e-12).mean())


class Amplification(NamedTuple):
    """How much further pictures go than the world: mean of |m_c| - |2 r_c - 1|, and the line of p on r.

    ``slope`` and ``correlation`` are the word why there is none where all r are alike.
    """

    by_prompt: np.ndarray
    slope: float | str
    correlation: float | str


def amplification(counts: np.ndarray, reference: np.ndarray) -> Amplification:
    """How much more one-sided the pictures are than a reference share of the first group, prompt by prompt.

    Parameters
    ----------
    counts : array of int, shape (N, 2)
    reference : array of float in [0, 1], shape (N,)
        Share of the first group in the world or in the training data.

    >>> amplification(np.array([[9, 1], [5, 5]]), np.array([0.7, 0.5])).by_prompt.round(6).tolist()
    [0.4, 0.0]
    """
    own, wanted = _shares(_two(counts))[:, 0], np.asarray(reference, dtype=float)
    if wanted.shape != own.shape or not ((wanted >= 0) & (wanted <= 1)).all():
        raise ValueError(f"A reference is one share from 0 to 1 per prompt, found {wanted.shape} for {len(own)} prompts.")
    slope: float | str = "undefined: all reference shares are alike"
    correlation: float | str = slope
    if np.ptp(wanted) > 0:
        slope = float(np.cov(wanted, own)[0, 1] / wanted.var(ddof=1))
        correlation = float(np.corrcoef(wanted, own)[0, 1]) if np.ptp(own) > 0 else "undefined: all shares are alike"
    return Amplification(np.abs(2 * own - 1) - np.abs(2 * wanted - 1), slope, correlation)


def total_variation(one: np.ndarray, other: np.ndarray) -> float:
    """Half the sum of absolute differences of two distributions, in [0, 1].

    >>> round(total_variation(np.array([0.55, 0.20, 0.15, 0.10]), np.array([0.45, 0.10, 0.35, 0.10])), 6)
    0.2
    """
    return 0.5 * float(np.abs(np.asarray(one, float) - np.asarray(other, float)).sum())


def normalised_entropy(shares: np.ndarray) -> float:
    """Entropy over its largest value: 1 if all groups are equally frequent, 0 if there is only one.

    >>> round(normalised_entropy(np.array([0.55, 0.20, 0.15, 0.10])), 6)
    0.840748
    """
    seen = shares[shares > 0]
    return max(0.0, -float((seen * np.log(seen)).sum())) / float(np.log(len(shares)))


def representation_ratio(counts: np.ndarray) -> float:
    """The most frequent over the least frequent of K groups, each with half a picture more, so that 0 is no division by 0.

    >>> representation_ratio(np.array([4, 1, 0]))
    9.0
    """
    return (float(counts.max()) + 0.5) / (float(counts.min()) + 0.5)


class Homogeneity(NamedTuple):
    """Could two rows of counts come from one distribution? Pearson's chi-square, its p, and Cramer's V in [0, 1]."""

    chi2: float
    p: float
    cramers_v: float


def homogeneity(one: np.ndarray, other: np.ndarray) -> Homogeneity:
    """Pearson's test that two versions show groups equally often. Takes pictures for independent, so prompts must be alike.

    Groups that neither shows are left out; with a single group left the answer is chi2 = 0, p = 1.

    >>> found = homogeneity(np.array([55, 20, 15, 10]), np.array([45, 10, 35, 10]))
    >>> round(found.chi2, 6), round(found.p, 6), round(found.cramers_v, 6)
    (12.333333, 0.006324, 0.248328)
    """
    from scipy.stats import chi2_contingency

    table = np.stack([one, other])
    if (table.sum(axis=1) == 0).any():
        raise ValueError("One of the versions shows no known group at all, so there is nothing to compare.")
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return Homogeneity(0.0, 1.0, 0.0)
    found = chi2_contingency(table, correction=False)
    return Homogeneity(float(found.statistic), float(found.pvalue), float(np.sqrt(found.statistic / table.sum())))


def lift(trait: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    """P(group | trait) / P(group | neutral) for each of K groups. Smooth counts first: a group of share 0 has no lift.

    >>> lift(np.array([0.05, 0.20, 0.60, 0.15]), np.array([0.50, 0.20, 0.20, 0.10])).round(6).tolist()
    [0.1, 1.0, 3.0, 1.5]
    """
    if (np.asarray(neutral) <= 0).any():
        raise ValueError("A group has the share 0 among neutral prompts, so its lift is not defined. Use smoothed shares.")
    return np.asarray(trait, float) / np.asarray(neutral, float)


def smoothed(counts: np.ndarray) -> np.ndarray:
    """Shares of K groups with half a picture added to each.

    >>> smoothed(np.array([4, 0])).tolist()
    [0.9, 0.1]
    """
    return (counts + 0.5) / (counts.sum() + 0.5 * len(counts))


def halves(kinds: int) -> list[tuple[int, ...]]:
    """All ways to part K groups into two, each once: those with the first group in it, but for all groups together.

    The total variation of two distributions is the largest difference, either way, of what they give to such a part.

    >>> halves(3)
    [(0,), (0, 1), (0, 2)]
    """
    rest = range(1, kinds)
    return [(0, *others) for size in range(kinds - 1) for others in combinations(rest, size)]


def _shares(counts: np.ndarray) -> np.ndarray:
    total = counts.sum(axis=1)
    if (total < 1).any():
        row = int(np.flatnonzero(total < 1)[0])
        raise ValueError(f"Prompt {row} has no picture of a known group. Leave it out.")
    return counts / total[:, None]


def _two(counts: np.ndarray) -> np.ndarray:
    if counts.shape[1] != 2:
        raise ValueError(f"There are {counts.shape[1]} groups. This is defined for two.")
    return counts
