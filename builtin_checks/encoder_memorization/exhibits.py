"""What the report shows beside the numbers: a map of layers and units, the images that units remember, profiles of layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

import pytest_trustml as tm
from builtin_checks.encoder_memorization.layers import layers_before
from builtin_checks.encoder_memorization.score import ssl_mem_ratio
from builtin_checks.encoder_memorization.units import Memory, strongest_units

SHOWN_UNITS = 64
BINS = 40


def show_units(trust: tm.Trust, memory: Memory, top: int) -> tuple[tm.Evidence, ...]:
    """Heat map and table of all layers, and the images that the most memorising units fire for.

    The images are training data: gallery and table of units are folded away until somebody opens them.
    """
    names = list(memory.layers)
    ranked = [np.sort(layer.training - layer.heldout)[::-1] for layer in memory.layers.values()]
    width = min(SHOWN_UNITS, max(map(len, ranked)))
    grid = np.full((len(names), width), np.nan)
    for row, values in enumerate(ranked):
        # A wide layer is thinned out evenly, from its most to its least memorising unit.
        chosen = np.linspace(0, len(values) - 1, min(width, len(values))).round().astype(int)
        grid[row, : len(chosen)] = values[chosen]
    exhibits = [
        trust.heatmap(
            grid, names, range(1, width + 1), "UnitMem on training minus held-out images",
            caption="Layers and their units, the most memorising ones first" + (", wide layers thinned" * _thinned(ranked)),
        ),
        trust.table(
            ["layer", "units", "alive", "training", "held-out", "excess", "p", "training image strongest"]
            + ["ClassMem", "UnitMem above ClassMem"] * bool(memory.classes),
            [_layer_row(memory, name) for name in names],
            caption=f"Mean UnitMem of each layer on {memory.count} training and as many held-out images. Memory of nothing at "
            "all gives the held-out value, not 0",
        ),
    ]  # fmt: skip
    units = strongest_units(memory, top)
    if units:
        gallery, rows = [], []
        for layer, unit, on_training, on_heldout, set_, row in units:
            data = memory.data[set_]
            gallery.append((data.column("image")[row], f"{layer} unit {unit}: UnitMem {on_training:.3f}"))
            rows.append([layer, unit, on_training, on_heldout, data.ids[row]])
        exhibits += [
            trust.gallery(
                gallery, caption=f"The training images that the {len(units)} most memorising units fire for", sensitive=True
            ),
            trust.table(
                ["layer", "unit", "UnitMem training", "UnitMem held-out", "id"],
                rows,
                caption=f"The {len(units)} most memorising units and the training images that they fire for",
                sensitive=True,
            ),
        ]
    return tuple(exhibits)


def _thinned(ranked: Sequence[np.ndarray]) -> bool:
    return any(len(values) > SHOWN_UNITS for values in ranked)


def _layer_row(memory: Memory, name: str) -> list[object]:
    layer = memory.layers[name]
    alive = layer.alive
    share: object = float(layer.trained[alive].mean()) if alive.any() else "undefined"
    row = [
        name, len(alive), int(alive.sum()), float(layer.training.mean()), float(layer.heldout.mean()), layer.excess.value,
        layer.excess.p, share,
    ]  # fmt: skip
    if memory.classes:
        classes = memory.classes[name]
        row += [float(classes.mean()), float((layer.training > classes).mean())]
    return row


def show_layers(
    trust: tm.Trust, profiles: Mapping[str, np.ndarray], names: Sequence[str], drifts: Sequence[tm.Drift]
) -> tuple[tm.Evidence, ...]:
    """LayerMem of the four sets along the network, with its rise from layer to layer.

    ``profiles``: set -> LayerMem (layers,).
    """
    before, own = layers_before(names), dict(zip(names, profiles["candidate_images"].tolist(), strict=True))
    rows = [
        [name, *(float(values[row]) for values in profiles.values()), *_rise(own, name, before[row])]
        for row, name in enumerate(names)
    ]
    along = list(range(1, len(names) + 1))
    return (
        trust.curve(
            {name: (along, values.tolist()) for name, values in profiles.items()}, "layer", "LayerMem",
            caption="Memorization along the network",
        ),
        trust.heatmap(np.stack(list(profiles.values())), list(profiles), names, "LayerMem", caption="Sets and layers"),
        trust.table(
            ["layer", *profiles, "rise", "over"],
            rows,
            caption="LayerMem of each set. The rise depends on which layers are in the list",
        ),
        _drift_table(trust, drifts),
    )  # fmt: skip


def _rise(profile: Mapping[str, float], name: str, before: str) -> tuple[float | str, str]:
    return (profile[name] - profile[before], before) if before else ("undefined", "no layer before it is measured")


def show_samples(
    trust: tm.Trust, data: tm.Dataset, f: np.ndarray, g: np.ndarray, others: Mapping[str, np.ndarray],
    drifts: Sequence[tm.Drift], top: int,
) -> tuple[tm.Evidence, ...]:  # fmt: skip
    """The most memorised candidates with the distances of both models, and the scores of the four sets."""
    scores = ssl_mem_ratio(f, g)
    images, ids = data.column("image"), data.ids
    order = np.argsort(-scores, kind="stable")[:top]
    exhibits = []
    if len(order):
        exhibits += [
            trust.gallery(
                [(images[int(row)], f"score {scores[row]:.3f}") for row in order],
                caption=f"The {len(order)} most memorised candidates, worst first",
                sensitive=True,
            ),
            trust.table(
                ["id", "score", "difference", "distance in the model", "distance in the reference"],
                [[ids[row], float(scores[row]), float(g[row] - f[row]), float(f[row]), float(g[row])] for row in order],
                caption=f"The {len(order)} most memorised candidates: mean distance of their views in both models",
                sensitive=True,
            ),
        ]
    edges = np.histogram_bin_edges(np.concatenate(list(others.values())), bins=BINS)
    middles = ((edges[1:] + edges[:-1]) / 2).tolist()
    series = {name: (middles, (np.histogram(own, edges)[0] / len(own)).tolist()) for name, own in others.items()}
    exhibits += [
        trust.curve(series, "score", "share of images", caption="Scores of the four sets"),
        _drift_table(trust, drifts),
    ]
    return tuple(exhibits)


def _drift_table(trust: tm.Trust, drifts: Sequence[tm.Drift]) -> tm.Evidence:
    columns = ["set", "images", "mean score", "standard error", "expected", "holds"]
    return trust.table(columns, [list(drift) for drift in drifts], caption="Mean scores of the four sets in the embedding")
