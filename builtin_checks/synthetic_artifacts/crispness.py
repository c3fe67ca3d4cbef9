"""How crisply the classes of a scatter plot lie apart. Points in, numbers out; larger means crisper, more like synthetic text.

All are unchanged when the plot is turned, mirrored, moved or scaled as a whole. Synthetic text is said to be easier to separate
by class (Wu et al. 2025, section 3); which of these tells, and how well, depends on the texts and must be calibrated on
references.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NEIGHBOURS = 10
STATISTICS = ("knn_purity", "silhouette", "density_gap")


def knn_purity(points: np.ndarray, labels: Sequence[object], neighbours: int = NEIGHBOURS) -> np.ndarray:
    """Share of each point's nearest neighbours that have its label: (n,) in [0, 1].

    Of neighbours that are equally far at the edge each counts in part, so the order of the points does not matter.

    >>> points = np.array([[0, 0], [0, 1], [1, 0], [5, 5], [5, 6], [6, 5], [.5, .5], [5.5, 5.5]])
    >>> knn_purity(points, [0, 0, 0, 1, 1, 1, 1, 0], 3).round(4).tolist()
    [0.6667, 0.6667, 0.6667, 0.6667, 0.6667, 0.6667, 0.0, 0.0]
    """
    far, same = _checked(points, labels)
    if not 1 <= neighbours < len(far):
        raise ValueError(f"{neighbours} neighbours of {len(far)} points: there must be at least 1 and fewer than points.")
    np.fill_diagonal(far, np.inf)
    edge = np.partition(far, neighbours - 1, axis=1)[:, neighbours - 1 : neighbours]
    slack = 1e-9 * np.where(np.isfinite(far), far, 0).max()
    inside, tied = far < edge - slack, np.abs(far - edge) <= slack
    open_places = neighbours - inside.sum(axis=1)
    return ((inside & same).sum(axis=1) + open_places * (tied & same).sum(axis=1) / tied.sum(axis=1)) / neighbours


def silhouette(points: np.ndarray, labels: Sequence[object]) -> float:
    """Mean over points of (b - a) / max(a, b), with mean Euclidean distances a to its own and b to the nearest other class.

    In [-1, 1]. A point that is alone in its class counts 0 (Rousseeuw 1987).

    >>> points = np.array([[0, 0], [0, 1], [1, 0], [5, 5], [5, 6], [6, 5], [.5, .5], [5.5, 5.5]])
    >>> round(silhouette(points, [0, 0, 0, 1, 1, 1, 1, 0]), 6)
    0.15616
    """
    far, _ = _checked(points, labels)
    names, place = np.unique([str(label) for label in labels], return_inverse=True)
    sums = np.stack([far[:, place == k].sum(axis=1) for k in range(len(names))], axis=1)
    counts = np.bincount(place)
    own = counts[place]
    inner = sums[np.arange(len(far)), place] / np.maximum(own - 1, 1)
    means = sums / counts
    means[np.arange(len(far)), place] = np.inf
    outer = means.min(axis=1)
    largest = np.maximum(inner, outer)
    value = np.divide(outer - inner, largest, out=np.zeros(len(far)), where=largest > 0)
    return float(np.where(own > 1, value, 0.0).mean())


def density_gap(points: np.ndarray, labels: Sequence[object], neighbours: int = NEIGHBOURS) -> float:
    """How much emptier it is around a point for other classes than for its own: mean natural log of a ratio of distances.

    The distance to the k-th nearest point of other classes over that to the k-th nearest of its own class; k is ``neighbours``,
    or less where a class is small. 0: classes lie mixed. Points on top of each other count as a billionth of the plot apart.

    >>> round(density_gap(np.array([[0., 0], [0, 1], [9, 0], [9, 1]]), [0, 0, 1, 1], 1), 4)
    2.1972
    """
    far, same = _checked(points, labels)
    np.fill_diagonal(same, False)
    others = ~same
    np.fill_diagonal(others, False)
    k = min(neighbours, int(same.sum(axis=1).min()), int(others.sum(axis=1).min()))
    if k < 1:
        raise ValueError("A class has a single point. The density gap needs two of each class.")
    floor = 1e-9 * far.max()
    near = [np.maximum(np.partition(np.where(mask, far, np.inf), k - 1, axis=1)[:, k - 1], floor) for mask in (same, others)]
    return float(np.log(near[1] / near[0]).mean())


def crispness(points: np.ndarray, labels: Sequence[object]) -> np.ndarray:
    """The three statistics in the order of `STATISTICS`: (3,)."""
    return np.array([knn_purity(points, labels).mean(), silhouette(points, labels), density_gap(points, labels)])


def _checked(points: np.ndarray, labels: Sequence[object]) -> tuple[np.ndarray, np.ndarray]:
    """Distances (n, n) and whether two points have the same label (n, n)."""
    from scipy.spatial.distance import cdist

    found = np.asarray(points, dtype=float)
    if found.ndim != 2 or found.shape[1] != 2 or len(found) != len(labels):
        raise ValueError(f"Points have shape (n, 2) with n labels, found {found.shape} and {len(labels)} labels.")
    if not np.isfinite(found).all():
        raise ValueError("A point has a coordinate that is NaN or infinite. Leave it out.")
    names = np.array([str(label) for label in labels])
    if len(set(names.tolist())) < 2:
        raise ValueError("All points have the same label. Crispness compares classes: give at least two.")
    far = cdist(found, found)
    if not far.max() > 0:
        raise ValueError("All points lie on one place. There is nothing to compare.")
    return far, names[:, None] == names[None]
