"""What an encoder is asked. Only `unit_means` keeps what grows with the number of points times the number of units."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import pytest_trustml as tm
from builtin_checks.encoder_memorization import streaming
from builtin_checks.encoder_memorization.score import distance, signed
from builtin_checks.encoder_memorization.views import AUGMENTATIONS, image_views, pictures

if TYPE_CHECKING:
    import torch

PARTS = ("count", "top", "who", "rest", "halves")
EMBEDDING = "embedding"
"""What the encoder gives to its users, listed behind the layers inside."""


def unit_summary(
    subject: tm.Subject,
    batch: tm.Dataset,
    *,
    layers: Sequence[str],
    views: int,
    augmentation: str,
    sign: str,
    seed: int,
    points: int,
    permutations: int,
) -> dict[str, np.ndarray]:
    """The summary of `streaming.first_summary` of every layer, under ``layer|part``.

    All layers are read in one pass over the views of a batch, each averaged over positions inside the network. The column
    ``place`` numbers the points.
    """
    places = np.asarray(batch.column("place"), dtype=np.int64)
    halves = streaming.random_halves(points, permutations, seed)[:, places]
    summary = {}
    for layer, mu in _means(subject, batch, layers, views, augmentation, seed).items():
        for part, array in streaming.first_summary(signed(mu, sign), places, halves).items():
            summary[f"{layer}|{part}"] = array
    return summary


def unit_means(
    subject: tm.Subject, batch: tm.Dataset, *, layers: Sequence[str], views: int, augmentation: str, sign: str, seed: int
) -> dict[str, np.ndarray]:
    """Mean activation of every unit on every point, over its views: (B, units) float32 per layer.

    Kept whole, for statistics that no sum gives: the median of all but the largest.
    """
    found = _means(subject, batch, layers, views, augmentation, seed)
    return {layer: signed(mu, sign).astype(np.float32) for layer, mu in found.items()}


def _means(
    subject: tm.Subject, batch: tm.Dataset, layers: Sequence[str], views: int, augmentation: str, seed: int
) -> dict[str, np.ndarray]:
    recipe = AUGMENTATIONS[augmentation]
    shown = [
        view
        for image, name in zip(pictures(batch), batch.ids, strict=True)
        for view in image_views(image, name, 0, views, recipe, seed)
    ]
    found = subject.encoder.activations(shown, list(layers))
    return {
        layer: _finite(values, layer).reshape(len(batch), views, -1).mean(axis=1, dtype=np.float64)
        for layer, values in found.items()
    }


def merge_units(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`streaming.merge` for every layer."""
    merged = {}
    for layer in layers_of(one):
        together = streaming.merge(summary_of(one, layer), summary_of(other, layer))
        merged |= {f"{layer}|{part}": array for part, array in together.items()}
    return merged


def layers_of(summaries: Mapping[str, np.ndarray]) -> list[str]:
    """Names of the layers in summaries of all."""
    return list(dict.fromkeys(name.rpartition("|")[0] for name in summaries))


def summary_of(summaries: Mapping[str, np.ndarray], layer: str) -> dict[str, np.ndarray]:
    """The summary of one layer."""
    return {part: summaries[f"{layer}|{part}"] for part in PARTS}


def class_sums(
    subject: tm.Subject, batch: tm.Dataset, *, layers: Sequence[str], classes: Sequence[str], sign: str
) -> dict[str, np.ndarray]:
    """Sums of every unit over the points of each class, (classes, units) per layer, and their number: ``|count`` (classes,).

    The images are shown as they are. The column ``label`` names their classes.
    """
    member = np.array([[str(label) == name for label in batch.column("label")] for name in classes], dtype=np.float64)
    found = subject.encoder.activations(pictures(batch), list(layers))
    sums = {layer: member @ signed(_finite(values, layer), sign) for layer, values in found.items()}
    return sums | {"|count": member.sum(axis=1)}


def add(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sums of both together."""
    return {name: array + other[name] for name, array in one.items()}


def view_distances(
    subject: tm.Subject,
    batch: tm.Dataset,
    *,
    layers: Sequence[str],
    pairs: int,
    augmentation: str,
    kind: str,
    normalize: bool,
    seed: int,
) -> dict[str, np.ndarray]:
    """Mean distance of two views of each point in every layer and in the embedding: (B,) float64 each.

    Both views go through the network in one batch, and the distance is taken inside it, so that a layer's output, however
    large, is gone before the next layer has run.
    """
    recipe = AUGMENTATIONS[augmentation]
    images, ids = pictures(batch), batch.ids
    totals: dict[str, np.ndarray] = {}
    for pair in range(pairs):
        both = [
            image_views(image, name, 2 * pair + half, 1, recipe, seed)[0]
            for half in (0, 1)
            for image, name in zip(images, ids, strict=True)
        ]
        found: dict[str, np.ndarray] = dict(subject.encoder.listen(both, list(layers), _between(kind, normalize)))
        embedded = np.asarray(subject.encoder.embed(both))
        found[EMBEDDING] = distance(embedded[: len(batch)], embedded[len(batch) :], kind, normalize=normalize)
        for layer, values in found.items():
            totals[layer] = totals.get(layer, 0.0) + _finite(values, layer).astype(np.float64) / pairs
    return totals


def _between(kind: str, normalize: bool) -> Any:
    """`score.distance` of the first half of the rows to the second half, as torch computes it on its device."""

    def reduce(output: torch.Tensor) -> torch.Tensor:
        import torch

        rows = output.flatten(1).float()
        if normalize or kind in ("cosine", "angular"):
            length = rows.norm(dim=1, keepdim=True)
            rows = rows / torch.where(length > 0, length, torch.ones_like(length))
        one, other = rows.chunk(2)
        if kind == "l1":
            return (one - other).abs().sum(dim=1)
        apart = (one - other).norm(dim=1)
        if kind == "l2":
            return apart
        silent = (one.abs().sum(dim=1) == 0) != (other.abs().sum(dim=1) == 0)
        if kind == "cosine":
            return torch.where(silent, torch.ones_like(apart), apart.square() / 2)
        angle = 2 * torch.asin((apart / 2).clamp(max=1)) / torch.pi
        return torch.where(silent, torch.full_like(angle, 0.5), angle)

    return reduce


def digests(subject: tm.Subject, batch: tm.Dataset) -> list[str]:
    """What an image is recognised by: SHA-256 of its size and pixels. Takes no model."""
    return [hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest() for image in pictures(batch)]


def _finite(values: np.ndarray, layer: str) -> np.ndarray:
    if not np.isfinite(values).all():
        raise tm.SubjectError(
            f"The layer {layer!r} gives {values[~np.isfinite(values)][0]} for an image. What computes no numbers cannot be "
            "judged: take float32 (--trustml-dtype=float32) or mend its weights."
        )
    return values
