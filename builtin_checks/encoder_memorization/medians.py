"""UnitMem with the median of the other points, which no sum gives: the whole matrix is kept, 4 bytes per point and unit.

The paper's equation has the mean, its appendix and the published script the median (figure 8 there: both behave alike).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from builtin_checks.encoder_memorization.excess import Layer, against_chance
from builtin_checks.encoder_memorization.score import selectivity


def median_mem(mu: np.ndarray) -> np.ndarray:
    """`score.unit_mem` with ``center="median"`` of activations that are not negative, fast: (points, units) -> (units,).

    >>> median_mem(np.array([[2.0, 0, 2, 0], [0, 0, 2, 0], [1, 3, 2, 0], [0.1, 0, 2, 0]])).round(6).tolist()
    [0.904762, 1.0, 0.0, 0.0]
    """
    count = len(mu)
    if count < 2:
        raise ValueError(f"UnitMem compares one point with the others, found {count}. Give 2 or more.")
    # Without the largest, the two middle ones of count - 1 sorted values.
    low, high = (count - 2) // 2, (count - 1) // 2
    ordered = np.partition(mu, sorted({low, high, count - 1}), axis=0).astype(np.float64, copy=False)
    return selectivity(ordered[-1], (ordered[low] + ordered[high]) / 2)


def compare_by_median(
    name: str,
    training: np.ndarray,
    heldout: np.ndarray,
    places: tuple[np.ndarray, np.ndarray],
    halves: np.ndarray,
    step: Callable[[int], Any] = lambda done: None,
) -> Layer:
    """Compare a layer's units on training and on held-out points, as `excess.compare` does with the mean.

    Parameters
    ----------
    training, heldout : arrays of float >= 0, shape (N, units)
    places : two arrays of int, shape (N,)
        A number from 0 to 2 N - 1 for each training and each held-out point: of equal activations the one of the smaller
        number counts as larger.
    halves : array of bool, shape (R, 2 N)
        `streaming.random_halves`, by place.
    step : callable
        Told of every random division.
    """
    if len(training) != len(heldout) or len(training) < 2:
        raise ValueError(f"Give as many held-out as training points, 2 or more; found {len(training)} and {len(heldout)}.")
    both = np.empty((2 * len(training), training.shape[1]), dtype=training.dtype)
    member = np.zeros(len(both), dtype=bool)
    both[places[0]], both[places[1]], member[places[0]] = training, heldout, True
    on_training, on_heldout = median_mem(both[member]), median_mem(both[~member])
    chance = np.empty(len(halves))
    for row, half in enumerate(halves):
        chance[row] = (median_mem(both[half]) - median_mem(both[~half])).mean()
        step(1)
    winners = both.argmax(axis=0)
    return Layer(
        name=name,
        training=on_training,
        heldout=on_heldout,
        winners=winners,
        trained=member[winners],
        alive=both.max(axis=0) > both.min(axis=0),
        excess=against_chance(float((on_training - on_heldout).mean()), chance),
        chance_trained=halves[:, winners],
    )
