"""Groups of samples that depend on each other: posts of one author, answers to one prompt, images of one person.

What was drawn at random, and would be drawn anew in another study, is a cluster. Fixed categories (languages, harm topics)
are none: report them one by one instead.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import msgspec
import numpy as np


class Clusters(msgspec.Struct, frozen=True, eq=False):
    """The cluster of every sample: ``codes`` counts from 0 in order of first appearance, ``count`` is how many there are."""

    codes: np.ndarray
    count: int

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum of the values of each cluster."""
        return np.bincount(self.codes, weights=values, minlength=self.count)

    @property
    def sizes(self) -> np.ndarray:
        return np.bincount(self.codes, minlength=self.count)


def read_clusters(labels: Iterable[Hashable], n: int) -> Clusters:
    """Number the clusters of n samples. Labels may be anything hashable; a missing one is refused.

    >>> read_clusters(["ann", "bob", "ann"], 3).codes
    array([0, 1, 0])
    """
    listed = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    if len(listed) != n:
        raise ValueError(f"cluster has {len(listed)} labels for {n} samples. Give one label per sample.")
    known: dict[Hashable, int] = {}
    codes = np.empty(n, dtype=np.intp)
    for position, label in enumerate(listed):
        if label is None or label != label:
            raise ValueError(f"cluster[{position}] is {label}. Every sample belongs to a cluster: give it a label of its own.")
        try:
            codes[position] = known.setdefault(label, len(known))
        except TypeError:
            raise ValueError(
                f"cluster[{position}] is {label!r}, which cannot be a label. Use words, numbers or tuples of them."
            ) from None
    return Clusters(codes, len(known))


def mean_variance(values: np.ndarray, clusters: Clusters) -> float:
    """Cluster-robust variance of the mean: G / (G - 1) times the sum of squared cluster residuals, over n squared.

    >>> apart = read_clusters([0, 1, 2, 3], 4)
    >>> round(mean_variance(np.array([0.0, 1, 0, 1]), apart), 6), round(float(np.var([0, 1, 0, 1], ddof=1)) / 4, 6)
    (0.083333, 0.083333)
    """
    residuals = clusters.sums(values) - clusters.sizes * values.mean()
    return clusters.count / (clusters.count - 1) * float(residuals @ residuals) / len(values) ** 2


def effective_size(events: np.ndarray, clusters: Clusters, level: float) -> float:
    """How many independent samples would tell a rate as well as these clustered ones do: never more than there are.

    The variance is the cluster-robust one, and few clusters are paid for by the ratio of the t quantiles (Korn and
    Graubard 1998). Where every sample is alike nothing shows how strongly a cluster depends; each then counts as one.

    >>> events = np.repeat([True, False, False, True, False, False, True, False], 10)
    >>> round(effective_size(events, read_clusters(np.repeat(np.arange(8), 10), 80), 0.95), 2)
    4.96
    """
    from scipy.special import stdtrit

    n, rate = len(events), events.mean()
    if rate in (0, 1):
        return float(clusters.count)
    variance = mean_variance(events.astype(float), clusters)
    if variance <= 1e-12 * rate * (1 - rate) / n:
        return float(n)
    tail = (1 + level) / 2
    shrink = (stdtrit(n - 1, tail) / stdtrit(clusters.count - 1, tail)) ** 2
    return float(min(n, rate * (1 - rate) / variance * shrink))
