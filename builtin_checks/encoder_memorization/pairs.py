"""From two encoders and four sets of images to the distances of views in every layer, with the instrument tested on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.encoder_memorization import controls
from builtin_checks.encoder_memorization.layers import INPUT, profiled_layers
from builtin_checks.encoder_memorization.observations import EMBEDDING, view_distances
from builtin_checks.encoder_memorization.score import DISTANCES, ssl_mem_ratio
from builtin_checks.encoder_memorization.views import AUGMENTATIONS

SETS = ("candidate_images", "shared_images", "independent_images", "heldout_images")


class Settings(NamedTuple):
    """The options that ``layer_profile`` and ``sample_score`` share; the checks' pages explain them."""

    layers: str
    pairs: int
    augmentation: str
    distance: str
    normalize: bool
    points: int
    drift_margin: float
    top: int

    def validate(self) -> Settings:
        """The same settings, or a UsageError that names the option that cannot be meant."""
        for name, ok, right in (
            ("pairs", self.pairs >= 1, "a whole number from 1"),
            ("augmentation", self.augmentation in AUGMENTATIONS, f"one of {', '.join(AUGMENTATIONS)}"),
            ("augmentation", self.augmentation != "none", "one that draws different views: of equal ones the distance is 0"),
            ("distance", self.distance in DISTANCES, f"one of {', '.join(DISTANCES)}"),
            ("points", self.points >= 2, "a whole number from 2"),
            ("drift_margin", 0 <= self.drift_margin < 1, "a number from 0 and below 1"),
            ("top", self.top >= 0, "a whole number from 0"),
        ):
            if not ok:
                raise tm.UsageError(f"The option {name} of encoder_memorization is {getattr(self, name)!r}. It takes {right}.")
        return self


class Compared(NamedTuple):
    """Mean distances of views under the model and the reference, set -> (images, layers); the last layer is the embedding."""

    names: list[str]
    f: dict[str, np.ndarray]
    g: dict[str, np.ndarray]
    data: dict[str, tm.Dataset]
    drifts: list[tm.Drift]

    def ratio(self, name: str) -> np.ndarray:
        """SSLMem' of the images of one set in each layer: (images, layers)."""
        return ssl_mem_ratio(self.f[name], self.g[name])


def compare_models(
    trust: tm.Trust, model: tm.Subject, reference: tm.Subject, sets: Mapping[str, tm.Dataset], settings: Settings
) -> Compared | None:
    """Measure how closely both models hold the views of each image together, or None after a control that leaves nothing.

    At most ``settings.points`` images of each set, drawn by the seed; both models see the same views of the same images.
    """
    settings.validate()
    if not controls.two_models(trust, model, reference) or not controls.separate_sets(trust, model, sets):
        return None
    data = {}
    for name in SETS:
        rng = tm.generator(trust.seed, "encoder_memorization", name)
        data[name] = sets[name].sample(min(len(sets[name]), settings.points), rng)
    names = profiled_layers(model.encoder.layers(), settings.layers)
    found = []
    for who, subject in (("model", model), ("reference model", reference)):
        own = {name: _distances(trust, subject, part, names, settings) for name, part in data.items()}
        if not controls.answering(trust, who, np.concatenate([each[EMBEDDING] for each in own.values()])):
            return None
        found.append(own)
    missing = set(found[0][SETS[0]]) ^ set(found[1][SETS[0]])
    if missing:
        raise tm.SubjectError(
            f"The layer {min(missing)!r} is in one of the two models only. The reference must be of the same architecture: "
            "train it by the same recipe, without the candidates."
        )
    layers = list(found[0][SETS[0]])
    f, g = ({name: np.stack([own[name][layer] for layer in layers], axis=1) for name in SETS} for own in found)
    if not controls.two_functions(trust, *(np.concatenate(list(one.values())) for one in (f, g))):
        return None
    scores = {name: ssl_mem_ratio(f[name][:, -1], g[name][:, -1]) for name in SETS}
    controls.canaries(trust, data["candidate_images"], scores["candidate_images"])
    return Compared(layers, f, g, data, controls.drifts(trust, scores, settings.drift_margin))


def _distances(
    trust: tm.Trust, subject: tm.Subject, part: tm.Dataset, names: list[str], settings: Settings
) -> dict[str, np.ndarray]:
    unknown = {name.removesuffix(INPUT) for name in names} - set(subject.encoder.layers())
    if unknown:
        raise tm.SubjectError(
            f"The reference model has no layer {min(unknown)!r}. It must be of the model's architecture: train it by the same "
            "recipe, without the candidates."
        )
    return trust.observe(
        view_distances,
        subject,
        part,
        layers=names,
        pairs=settings.pairs,
        augmentation=settings.augmentation,
        kind=settings.distance,
        normalize=settings.normalize,
        seed=trust.seed,
    )


def nothing(name: str, unit: str, n: int) -> tm.Measurement:
    """No value: the control that failed makes the verdict INVALID and says why."""
    why = "a control failed before there was a score"
    return tm.Measurement(name=name, value=None, undefined=why, n=n, unit=unit, higher_is_safer=False)
