"""What each training record is worth: the exact Shapley value of a nearest-neighbour classifier, on arrays.

References
----------
Jia et al. 2019, Efficient Task-Specific Data Valuation for Nearest Neighbor Algorithms, VLDB 12(11), arXiv:1908.08619
(theorem 1). Wang and Jia 2023, A Note on "Efficient Task-Specific Data Valuation for Nearest Neighbor Algorithms",
arXiv:2304.04258 (soft labels). Wen et al. 2025, NDSS, arXiv:2409.03741 (its use to tell valuable from worthless data).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import pytest_trustml as tm

BLOCK_BYTES = 1 << 20
"""Size of one array of a block (validation points x training points, float64). About eight such arrays live at a time, and
blocks that fit into the processor's cache are worked through fastest."""
ABREAST = 8
"""Blocks whose distances are computed at once: a matrix product is the faster the larger it is."""


def knn_shapley(
    x: np.ndarray,
    y: Sequence[Any],
    validation_x: np.ndarray,
    validation_y: Sequence[Any],
    *,
    k: int = 10,
    labels: str = "hard",
    step: Callable[[int], Any] = lambda done: None,
) -> np.ndarray:
    """How much each training record helps a k-nearest-neighbour classifier to be right on a validation set.

    Positive helps, negative hurts (wrong label, outlier). The values are Shapley values, not estimates: the utility of a set S
    of records for one validation point is the number of records with the point's label among the min(k, \\|S\\|) nearest in S,
    over k (hard) or over min(k, \\|S\\|) (soft); a record's value is averaged over all validation points.

    Parameters
    ----------
    x : array of float, shape (N, d)
        Embeddings of the training records. Only the order of their Euclidean distances to the validation points counts:
        normalise the rows (`normalised`) to rank by cosine.
    y : sequence of labels, length N
    validation_x, validation_y : shapes (M, d) and (M,)
        Not among the training records: a record that validates itself is worth too much.
    k : int
        Neighbours; may exceed N.
    labels : {"hard", "soft"}
        The utility of few records: ``hard`` divides by k always, and no records are worth 0; ``soft`` divides by their number,
        and no records are worth a guess among the labels, 1 over the number of different labels in ``y`` and ``validation_y``.
    step : callable
        Told how many validation points were done.

    Returns
    -------
    numpy.ndarray, shape (N,)
        float64. Hard: each lies in [-1/k, 1/k] and all sum up to the mean share of matches among the k nearest.

    Raises
    ------
    DataError
        Without records, for arrays that do not fit together, or embeddings that are not finite.

    Notes
    -----
    Records at the same distance: the value is the average over all orders in which they may stand, in closed form, so nothing
    depends on the order of the rows. Squared distances are told apart to 52 - log2(N) binary digits: 36 for 50,000 records.
    Time O(M (N d + N log N)), memory O(N d) and a block of fixed size.

    Both public implementations start the recursion with 1/N, which is right only for k <= N.

    References
    ----------
    Jia et al. 2019, theorem 1; Wang and Jia 2023, theorem 1.

    Examples
    --------
    >>> values = knn_shapley([[0], [1], [2], [4]], [0, 1, 0, 1], [[0.4], [3.5]], [0, 1], k=2)
    >>> values.round(6).tolist(), round(float(values.sum()), 6)
    ([0.166667, 0.083333, 0.083333, 0.166667], 0.5)
    """
    x, points = _matrix(x, "x"), _matrix(validation_x, "validation_x")
    known, wanted, classes = _codes(y, validation_y)
    n, m = len(x), len(points)
    if n != len(known) or m != len(wanted) or x.shape[1] != points.shape[1]:
        raise tm.DataError(
            f"Embeddings {x.shape} with {len(known)} labels do not fit validation embeddings {points.shape} with "
            f"{len(wanted)}. Each row needs one label, and both sets the same number of columns."
        )
    if k < 1:
        raise tm.UsageError(f"The number of neighbours is {k}. It must be at least 1, 10 as a rule.")
    weights, of_matches, constant = position_weights(n, k, labels, classes)
    # Copies of a record have exactly its distance only if it is computed once: a matrix product may round rows differently.
    distinct, copies = _distinct(x)
    centre = distinct.mean(axis=0)
    distinct, points = distinct - centre, points - centre
    # |t - x|^2 = |x|^2 - 2 t x + |t|^2 as one matrix product.
    across = np.vstack([-2.0 * distinct.T, np.einsum("nd,nd->n", distinct, distinct), np.ones(len(distinct))])
    along = np.column_stack([points, np.ones(m), np.einsum("td,td->t", points, points)])
    known, wanted = (codes.astype(np.min_scalar_type(classes)) for codes in (known, wanted))
    low_bits = np.uint64((1 << (n - 1).bit_length()) - 1)
    numbers = np.arange(n, dtype=np.uint64)
    total = np.zeros(n)
    rows = max(1, BLOCK_BYTES // (8 * n))
    for first in range(0, m, ABREAST * rows):
        squared = along[first : first + ABREAST * rows] @ across
        for start in range(0, len(squared), rows):
            distances = squared[start : start + rows]
            if copies is not None:
                distances = distances[:, copies]
            # Bits of numbers that are not negative rank like the numbers: one sort of whole numbers gives ranks and rows.
            keys = np.maximum(distances, 0.0, out=distances).view(np.uint64)
            keys &= ~low_bits
            keys |= numbers
            keys.sort(axis=1)
            order = (keys & low_bits).view(np.int64)
            keys &= ~low_bits
            label = wanted[first + start : first + start + len(order), None]
            matches = (known.take(order, mode="clip") == label).astype(np.float64)
            values = ranked_values(matches, weights, keys)
            if labels == "soft":
                values += (constant - of_matches * matches.sum(axis=1))[:, None]
            total += np.bincount(order.reshape(-1), values.reshape(-1), minlength=n)
            step(len(order))
    return total / m


def _distinct(x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The different rows, and which of them each row is; all rows and None where no two are equal."""
    places: dict[bytes, int] = {}
    copies = [places.setdefault(row.tobytes(), len(places)) for row in x + 0.0]  # -0.0 becomes 0.0
    if len(places) == len(x):
        return x, None
    first = np.unique(copies, return_index=True)[1]
    return x[first], np.array(copies)


def position_weights(n: int, k: int, labels: str, classes: int) -> tuple[np.ndarray, float, float]:
    """The numbers that the recursion needs, whatever the labels are.

    The value at rank i is ``constant - of_matches * sum(m) + m_N u_N + sum_{j=i}^{N-1} (m_j - m_{j+1}) u_j``, with m the
    matches from the nearest to the farthest record. The hard recursion has u_j = min(K, j) / (K j) and no constants (theorem
    1 of Jia et al., with the start corrected for K > N).

    Parameters
    ----------
    n, k : int
    labels : {"hard", "soft"}
    classes : int
        Different labels.

    Returns
    -------
    weights : array of shape (n,)
        u_1 .. u_N.
    of_matches, constant : float

    Examples
    --------
    >>> position_weights(3, 5, "hard", 2)[0].round(6).tolist()
    [0.2, 0.2, 0.2]
    """
    ranks = np.arange(1, n + 1, dtype=np.float64)
    if labels == "hard":
        return np.minimum(k, ranks) / (k * ranks), 0.0, 0.0
    if labels != "soft":
        raise tm.UsageError(f"labels is {labels!r}. Write 'hard' or 'soft'.")
    if n == 1:
        return np.ones(1), 0.0, -1.0 / classes
    k = min(k, n)
    tail = float((1 / np.arange(2, k + 1)).sum())  # H
    weights = (tail + 1 + (np.minimum(ranks, k) * (n - 1) / ranks - k) / k) / (n - 1)
    spread = tail / (n * (n - 1))
    weights[-1] = (tail + 1) / n + spread
    return weights, spread, -1.0 / (classes * n)


def ranked_values(matches: np.ndarray, weights: np.ndarray, distances: np.ndarray | None = None) -> np.ndarray:
    """The recursion over the ranks of every validation point, without a loop.

    Parameters
    ----------
    matches : array of 0 and 1, shape (B, N)
        Whether the record has the point's label, from the nearest to the farthest.
    weights : array of shape (N,)
        u of `position_weights`.
    distances : array of shape (B, N), optional
        Rising in every row. Equal ones are averaged over all orders; without it all count as different.

    Returns
    -------
    numpy.ndarray, shape (B, N)

    Notes
    -----
    The value at a rank is linear in the matches, so its average over the orders of equally distant records follows from
    average matches. For a record with match m in a group of g at ranks a..b, of which the others match with share r, it is
    S(b+1) + (r - M(b+1)) u_b + (m - r) mean(u_a .. u_b), where M and S are matches and values averaged at the next rank.

    Examples
    --------
    >>> weights = position_weights(4, 2, "hard", 2)[0]
    >>> ranked_values(np.array([[1, 0, 1, 1]]), weights).round(6).tolist()
    [[0.25, -0.25, 0.25, 0.25]]
    >>> ranked_values(np.array([[1, 0, 1, 1]]), weights, np.array([[1, 2, 2, 3]])).round(6).tolist()
    [[0.333333, -0.166667, 0.333333, 0.25]]
    """
    matches = np.asarray(matches, dtype=np.float64)
    same = None if distances is None else distances[:, 1:] == distances[:, :-1]
    if same is None or not same.any():
        return _recursion(matches, weights)
    count, n = matches.shape
    first = np.ones((count, n), dtype=bool)
    first[:, 1:] = ~same
    group = np.cumsum(first.reshape(-1)) - 1
    sizes = np.bincount(group)
    start = np.flatnonzero(first) % n  # rank of the first record of each group, from 0
    last = start + sizes - 1
    hits = np.bincount(group, matches.reshape(-1))
    mean = (hits / sizes)[group].reshape(count, n)
    summed = np.concatenate([[0.0], np.cumsum(weights)])
    average = ((summed[last + 1] - summed[start]) / sizes)[group].reshape(count, n)
    size = sizes[group].reshape(count, n)
    rest = np.where(size > 1, ((size * mean) - matches) / np.maximum(size - 1, 1), matches)
    next_rank = (last + 1)[group].reshape(count, n)
    after = np.pad(_recursion(mean, weights), ((0, 0), (0, 1)))
    following = np.pad(mean, ((0, 0), (0, 1)))
    base = np.take_along_axis(after, next_rank, axis=1)
    step = rest - np.take_along_axis(following, next_rank, axis=1)
    return base + step * weights[next_rank - 1] + (matches - rest) * average


def _recursion(matches: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The sum over the later ranks in another order: m_i u_i + sum_{j > i} m_j (u_j - u_{j-1})."""
    later = np.cumsum(matches * np.diff(weights, prepend=0.0), axis=1)
    values = matches * weights
    values -= later
    values += later[:, -1:]
    return values


def normalised(embeddings: np.ndarray) -> np.ndarray:
    """Rows of length 1, so that Euclidean distances rank like cosines; a row of zeros stays as it is. float64.

    >>> normalised([[3.0, 4.0], [0.0, 0.0]]).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    rows = _matrix(embeddings, "embeddings")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1.0)


def knn_accuracy(x: np.ndarray, y: Sequence[Any], test_x: np.ndarray, test_y: Sequence[Any], *, k: int = 10) -> float:
    """Share of test points whose label is the most frequent one among the k nearest records; ties go to the nearest of them.

    >>> knn_accuracy([[0.0], [1.0], [9.0]], ["a", "a", "b"], [[0.2], [8.0]], ["a", "b"], k=1)
    1.0
    """
    x, points = _matrix(x, "x"), _matrix(test_x, "test_x")
    known, wanted, classes = _codes(y, test_y)
    k, right = min(k, len(x)), 0
    rows = max(1, BLOCK_BYTES // (8 * max(len(x), classes)))
    squares = np.einsum("nd,nd->n", x, x)
    # A vote of the nearest is worth a little more, so that it decides between classes with as many votes.
    worth = 1 + 1e-6 * np.arange(k, 0, -1)
    for start in range(0, len(points), rows):
        block = points[start : start + rows]
        near = np.argsort(squares - 2.0 * (block @ x.T), axis=1, kind="stable")[:, :k]
        cells = known[near] + classes * np.arange(len(block))[:, None]
        votes = np.bincount(cells.reshape(-1), np.tile(worth, len(block)), minlength=classes * len(block))
        right += int((votes.reshape(len(block), classes).argmax(axis=1) == wanted[start : start + rows]).sum())
    return right / len(points)


def _matrix(values: Any, name: str) -> np.ndarray:
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 2 or not len(rows) or not np.isfinite(rows).all():
        what = f"an array of shape {rows.shape}" if rows.ndim != 2 or not len(rows) else "an array with NaN or infinite values"
        raise tm.DataError(f"{name} is {what}. It must hold one finite embedding per row, and at least one.")
    return rows


def _codes(y: Sequence[Any], other: Sequence[Any]) -> tuple[np.ndarray, np.ndarray, int]:
    """Labels of any kind as whole numbers, and how many different ones there are."""
    numbers: dict[Any, int] = {}
    found = [np.array([numbers.setdefault(_plain(label), len(numbers)) for label in labels]) for labels in (y, other)]
    return found[0], found[1], len(numbers)


def _plain(label: Any) -> Any:
    return label.item() if hasattr(label, "item") else label
