"""From an encoder and its images to what each layer's units memorised: the observations behind ``unit_excess``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.encoder_memorization.excess import Layer, compare
from builtin_checks.encoder_memorization.layers import chosen_layers
from builtin_checks.encoder_memorization.medians import compare_by_median
from builtin_checks.encoder_memorization.observations import (
    add,
    class_sums,
    layers_of,
    merge_units,
    summary_of,
    unit_means,
    unit_summary,
)
from builtin_checks.encoder_memorization.score import CENTERS, SIGNS, class_mem
from builtin_checks.encoder_memorization.streaming import random_halves
from builtin_checks.encoder_memorization.views import AUGMENTATIONS


class Settings(NamedTuple):
    """The options of ``unit_excess``; the check's page explains them."""

    layers: str
    points: int
    views: int
    augmentation: str
    sign: str
    permutations: int
    top: int
    center: str = "mean"

    def validate(self) -> Settings:
        """The same settings, or a UsageError that names the option that cannot be meant."""
        known = ", ".join(AUGMENTATIONS)
        for name, ok, right in (
            ("points", self.points >= 2, "a whole number from 2, better 300 to 10000"),
            ("views", self.views >= 1, "a whole number from 1"),
            ("augmentation", self.augmentation in AUGMENTATIONS, f"one of {known}"),
            ("sign", self.sign in SIGNS, f"one of {', '.join(SIGNS)}"),
            ("permutations", self.permutations >= 99, "a whole number from 99"),
            ("top", self.top >= 0, "a whole number from 0"),
            ("center", self.center in CENTERS, f"one of {', '.join(CENTERS)}"),
        ):
            if not ok:
                raise tm.UsageError(
                    f"The option {name} of encoder_memorization.unit_excess is {getattr(self, name)!r}. It takes {right}."
                )
        return self


class Memory(NamedTuple):
    """What was found: layers by name, the points by place, the number per set, ClassMem by layer where there are classes."""

    layers: dict[str, Layer]
    points: dict[int, tuple[str, int]]
    data: dict[str, tm.Dataset]
    count: int
    classes: dict[str, np.ndarray]


def measure_units(trust: tm.Trust, model: tm.Subject, training: tm.Dataset, heldout: tm.Dataset, settings: Settings) -> Memory:
    """Show equally many training and held-out images to the encoder and compare the units of every layer.

    Parameters
    ----------
    training, heldout : Dataset
        At least 2 images each. ``settings.points`` of each are drawn by the seed, as many of one as of the other.
    settings : Settings
    """
    count = min(settings.points, len(training), len(heldout))
    if count < 2:
        raise tm.DataError(
            f"There are {len(training)} training and {len(heldout)} held-out images. UnitMem compares one with the others: "
            "give at least 2 of each, better 300."
        )
    data = {}
    for name, given in (("training_images", training), ("heldout_images", heldout)):
        drawn = given.sample(count, tm.generator(trust.seed, "encoder_memorization", name))
        data[name] = drawn.take(sorted(range(count), key=drawn.ids.__getitem__))
    # Numbered at random, so that of two images that a unit cannot tell apart neither kind is counted as the stronger one.
    order = tm.generator(trust.seed, "encoder_memorization", "places").permutation(2 * count)
    places = dict(zip(data, (order[:count], order[count:]), strict=True))
    names = chosen_layers(model.encoder.layers(), settings.layers)
    shown = {name: part.with_columns(place=places[name]) for name, part in data.items()}
    layers = (_by_median if settings.center == "median" else _by_mean)(trust, model, shown, places, names, settings)
    points = {int(place): (name, row) for name in data for row, place in enumerate(places[name])}
    return Memory(layers, points, data, count, _classes(trust, model, data["training_images"], names, settings))


def _by_mean(
    trust: tm.Trust, model: tm.Subject, shown: Mapping[str, tm.Dataset], places: Mapping[str, np.ndarray], names: list[str],
    settings: Settings,
) -> dict[str, Layer]:  # fmt: skip
    count = len(shown["training_images"])
    summaries = {
        name: trust.summarise(
            unit_summary, model, part, merge=merge_units, layers=names, views=settings.views,
            augmentation=settings.augmentation, sign=settings.sign, seed=trust.seed, points=2 * count,
            permutations=settings.permutations,
        )
        for name, part in shown.items()
    }  # fmt: skip
    member = np.zeros(2 * count, dtype=bool)
    member[places["training_images"]] = True
    halves = random_halves(2 * count, settings.permutations, trust.seed)
    return {
        name: compare(name, *(summary_of(summary, name) for summary in summaries.values()), member, halves)
        for name in layers_of(summaries["training_images"])
    }


def _by_median(
    trust: tm.Trust, model: tm.Subject, shown: Mapping[str, tm.Dataset], places: Mapping[str, np.ndarray], names: list[str],
    settings: Settings,
) -> dict[str, Layer]:  # fmt: skip
    means = {
        name: trust.observe(
            unit_means, model, part, layers=names, views=settings.views, augmentation=settings.augmentation,
            sign=settings.sign, seed=trust.seed,
        )
        for name, part in shown.items()
    }  # fmt: skip
    halves = random_halves(2 * len(shown["training_images"]), settings.permutations, trust.seed)
    with trust.progress("medians of random halves", len(names) * len(halves)) as step:
        return {
            name: compare_by_median(
                name, means["training_images"][name], means["heldout_images"][name],
                (places["training_images"], places["heldout_images"]), halves, step,
            )
            for name in names
        }  # fmt: skip


def _classes(
    trust: tm.Trust, model: tm.Subject, training: tm.Dataset, names: list[str], settings: Settings
) -> dict[str, np.ndarray]:
    """ClassMem of the units of each layer; nothing where the training images have no classes, or one alone."""
    if "label" not in training.columns:
        return {}
    classes = sorted({str(label) for label in training.column("label")})
    if len(classes) < 2:
        return {}
    sums: Mapping[str, np.ndarray] = trust.summarise(
        class_sums, model, training, merge=add, layers=names, classes=classes, sign=settings.sign
    )
    count = sums["|count"][:, None]
    return {name: class_mem(sums[name] / count, settings.sign) for name in names}


def alive_units(memory: Memory) -> tuple[int, int]:
    """How many units tell any two images apart, and how many there are."""
    alive = [layer.alive for layer in memory.layers.values()]
    return int(sum(each.sum() for each in alive)), int(sum(map(len, alive)))


def strongest_units(memory: Memory, count: int) -> list[tuple[str, int, float, float, str, int]]:
    """Units with the largest UnitMem on the training images that fire most for one of them.

    Layer, unit, UnitMem on training and on held-out images, set and row of the image that it fires for most.
    """
    found = []
    for layer in memory.layers.values():
        for unit in np.flatnonzero(layer.trained & layer.alive):
            set_, row = memory.points[int(layer.winners[unit])]
            found.append((layer.name, int(unit), float(layer.training[unit]), float(layer.heldout[unit]), set_, row))
    return sorted(found, key=lambda unit: (-unit[2], unit[0], unit[1]))[:count]
