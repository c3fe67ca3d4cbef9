"""By how much units memorise training points more than chance lets them stand out, and whether chance would do as much.

UnitMem of a unit that memorised nothing is far from 0 and grows with the number of points, so that training points are only
ever compared with as many held-out ones. Both statistics are tested by dealing the points out anew: drawing them with
replacement would not do, because the largest of a sample is not a smooth function of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from builtin_checks.encoder_memorization.score import selectivity
from builtin_checks.encoder_memorization.streaming import Summary, merge


class Tested(NamedTuple):
    """A statistic with what chance makes of it: observed value, that of every random division (R,), p of one that large."""

    value: float
    chance: np.ndarray
    p: float

    def interval(self, level: float) -> tuple[float, float]:
        """Values that the test does not reject, if memorization shifts the statistic: the test turned inside out."""
        low, high = np.quantile(self.chance, [(1 - level) / 2, (1 + level) / 2])
        return self.value - float(high), self.value - float(low)


class Layer(NamedTuple):
    """What was found in a layer: UnitMem of each unit on training and on held-out points, its tests, which points are which.

    ``winners`` (units,): the point that each unit fires for most. ``trained`` (units,): whether that is a training point.
    ``alive`` (units,): whether the unit tells any two points apart.
    """

    name: str
    training: np.ndarray
    heldout: np.ndarray
    winners: np.ndarray
    trained: np.ndarray
    alive: np.ndarray
    excess: Tested
    chance_trained: np.ndarray


def compare(name: str, training: Summary, heldout: Summary, member: np.ndarray, halves: np.ndarray) -> Layer:
    """Compare a layer's summaries of training and held-out points.

    Parameters
    ----------
    training, heldout : summaries of `streaming`
        Of equally many points, at least 2 each.
    member : array of bool, shape (2 N,)
        Whether the point of each place is a training point.
    halves : array of bool, shape (R, 2 N)
        `random_halves`, the ones that the summaries were made with.
    """
    count = int(training["count"][0])
    if count != int(heldout["count"][0]) or count < 2:
        raise ValueError(f"Give as many held-out as training points, 2 or more; found {count} and {heldout['count'][0]}.")
    both = merge(training, heldout)
    on_training, on_heldout = (selectivity(s["top"][:, 0], s["rest"] / (count - 1)) for s in (training, heldout))
    total = training["top"][:, 0] + training["rest"] + heldout["top"][:, 0] + heldout["rest"]
    chance = np.empty(len(halves))
    for row, half in enumerate(halves):
        sums = both["halves"][row]
        scores = [
            _of_half(both, half if inside else ~half, sums if inside else total - sums, count) for inside in (True, False)
        ]
        chance[row] = (scores[0] - scores[1]).mean()
    winners = both["who"][:, 0]
    alive = _alive(both)
    return Layer(
        name=name,
        training=on_training,
        heldout=on_heldout,
        winners=winners,
        trained=member[winners],
        alive=alive,
        excess=against_chance(float((on_training - on_heldout).mean()), chance),
        chance_trained=halves[:, winners],
    )


def _of_half(both: Summary, half: np.ndarray, sums: np.ndarray, count: int) -> np.ndarray:
    """UnitMem on one half of the points: its largest is the first of the largest of all that belongs to it."""
    known = both["who"] < len(half)
    inside = half[np.where(known, both["who"], 0)] & known
    first = np.where(inside.any(axis=1), inside.argmax(axis=1), known.sum(axis=1) - 1)
    largest = np.take_along_axis(both["top"], first[:, None], axis=1)[:, 0]
    rest = np.clip((sums - largest) / (count - 1), 0.0, largest)
    return selectivity(largest, rest)


def _alive(both: Summary) -> np.ndarray:
    """Units that are not the same on all points: the sum of the rest is smaller than if all were as large as the largest."""
    largest = both["top"][:, 0]
    return (largest > 0) & (both["rest"] < largest * (int(both["count"][0]) - 1) * (1 - 1e-9))


def against_chance(value: float, chance: np.ndarray) -> Tested:
    """With the p-value of a value at least that large; the division that was seen counts as one."""
    slack = 1e-12 * max(1.0, abs(value))
    return Tested(value, chance, float((np.sum(chance >= value - slack) + 1) / (len(chance) + 1)))


def largest_excess(layers: Mapping[str, Layer]) -> tuple[str, Tested, tuple[np.ndarray, np.ndarray]]:
    """The layer with the largest excess, tested as the largest of them all, and the largest and smallest chance excess.

    Whoever looks at many layers finds a large one by chance: what was seen is therefore compared with the LARGEST excess of
    each random division (Westfall and Young 1993, single-step maxT).
    """
    name = max(layers, key=lambda each: (layers[each].excess.value, each))
    chance = np.stack([layer.excess.chance for layer in layers.values()])
    return name, against_chance(layers[name].excess.value, chance.max(axis=0)), (chance.max(axis=0), chance.min(axis=0))


def trained_share(layers: Mapping[str, Layer]) -> tuple[Tested, int]:
    """Share of the units whose strongest point is a training point, of those that tell points apart: 1/2 by chance.

    Tested by permutation: units of one network are not independent, and a binomial interval would be too narrow.

    Returns
    -------
    Tested, int
        The share and the number of units. Without any unit the share is 1/2.
    """
    trained = np.concatenate([layer.trained[layer.alive] for layer in layers.values()])
    if not len(trained):
        return against_chance(0.5, np.array([0.5])), 0
    chance = np.concatenate([layer.chance_trained[:, layer.alive] for layer in layers.values()], axis=1)
    return against_chance(float(trained.mean()), chance.mean(axis=1)), len(trained)
