"""UnitMem of all units in one pass over the points, with the numbers that a permutation test needs and no more.

What is kept of a batch has one row per unit and none per point: the largest activations with the points they belong to, the
sum of all but the largest, and the sums over the points of each of R random halves. Two of these merge into one.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

KEPT = 32
"""So many of the largest activations of a unit are kept. That of a random half is among them but for one case in 2^32."""

Summary = Mapping[str, np.ndarray]
_NOBODY = np.iinfo(np.int64).max


def first_summary(mu: np.ndarray, places: np.ndarray, halves: np.ndarray) -> dict[str, np.ndarray]:
    """The summary of a batch.

    Parameters
    ----------
    mu : array of float >= 0, shape (B, units)
        Mean activation of each unit on each point.
    places : array of int64, shape (B,)
        A number for each point, none twice in all data: of equal activations the one of the smaller number counts as larger.
    halves : array of bool, shape (R, B)
        Which of the points are in each random half.

    Returns
    -------
    dict of arrays
        ``count`` (1,), ``top`` and ``who`` (units, 32): the largest activations, largest first, and their points, ``rest``
        (units,): the sum of all but the largest, ``halves`` (R, units): sums over the points of each half.
    """
    values = np.asarray(mu, dtype=np.float64)
    points, units = values.shape
    top = np.full((units, KEPT), -np.inf)
    who = np.full((units, KEPT), _NOBODY, dtype=np.int64)
    top_all, who_all = _largest(values.T, np.broadcast_to(np.asarray(places, dtype=np.int64), (units, points)))
    width = top_all.shape[1]
    top[:, :width], who[:, :width] = top_all, who_all
    # Not the sum minus the largest, which would cancel where one point outshines all others.
    largest = np.argmax((values == top[:, 0]) & (np.asarray(places)[:, None] == who[:, 0]), axis=0)
    rest = values.copy()
    rest[largest, np.arange(units)] = 0.0
    return {
        "count": np.array([points], dtype=np.int64),
        "top": top,
        "who": who,
        "rest": rest.sum(axis=0),
        "halves": np.asarray(halves, dtype=np.float64) @ values,
    }


def merge(one: Summary, other: Summary) -> dict[str, np.ndarray]:
    """The summary of two sets of points together: associative and commutative."""
    top, who = _largest(np.hstack([one["top"], other["top"]]), np.hstack([one["who"], other["who"]]))
    smaller = np.minimum(one["top"][:, 0], other["top"][:, 0])
    return {
        "count": one["count"] + other["count"],
        "top": top,
        "who": who,
        "rest": one["rest"] + other["rest"] + smaller,
        "halves": one["halves"] + other["halves"],
    }


def _largest(values: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Up to 32 largest of each row, largest first, of equal ones that of the smallest place first."""
    order = np.lexsort((places, -values), axis=-1)[:, :KEPT]
    return np.take_along_axis(values, order, axis=-1), np.take_along_axis(places, order, axis=-1)


@functools.lru_cache(maxsize=4)
def random_halves(count: int, permutations: int, seed: int) -> np.ndarray:
    """Divisions of ``count`` points, an even number, into two halves: (permutations, count) bool, read-only.

    Row r depends on count, seed and r alone: every batch can look up its own points.
    """
    if count < 2 or count % 2:
        raise ValueError(f"There are {count} points. Only an even number of at least 2 can be halved.")
    rng = np.random.default_rng(np.random.SeedSequence([seed % 2**63, count]))
    halves = np.zeros((permutations, count), dtype=bool)
    for row in halves:
        row[rng.permutation(count)[: count // 2]] = True
    halves.flags.writeable = False
    return halves
