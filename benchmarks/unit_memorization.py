"""UnitMem of all layers against the bare forward passes that it needs, and against asking for one unit after the other.

Run: python benchmarks/unit_memorization.py. Prints the ratio to the passes (target: at most 1.15), the speed-up over a loop
that runs the network once per unit (target: at least 20 times), and the peak of Python and numpy memory for 512 and 1536
pictures.
"""

from __future__ import annotations

import statistics
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import ResNetConfig, ResNetModel

import pytest_trustml as tm
from builtin_checks.encoder_memorization.layers import chosen_layers
from builtin_checks.encoder_memorization.observations import layers_of, merge_units, unit_summary
from builtin_checks.encoder_memorization.views import AUGMENTATIONS, image_views
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.summarise import summarise

PICTURES, VIEWS, ROUNDS, BATCH, SIDE, UNITS = 32, 4, 3, 32, 96, 8


def save_model(folder: Path) -> None:
    """A ResNet-18 with random weights: speed does not depend on what they are."""
    torch.manual_seed(0)
    config = ResNetConfig(embedding_size=64, hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], layer_type="basic")
    config.image_size = SIDE
    tm.save_model(folder, ResNetModel(config))


def pictures(count: int) -> tm.Dataset:
    """Random pictures, numbered."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)
    return tm.Dataset({"image": images, "place": np.arange(count), "id": [f"p{n}" for n in range(count)]})


def views_of(data: tm.Dataset) -> list[Image.Image]:
    """All views of all pictures, drawn beforehand."""
    recipe = AUGMENTATIONS["crop"]
    return [
        view
        for pixels, name in zip(data.column("image"), data.ids, strict=True)
        for view in image_views(Image.fromarray(pixels), name, 0, VIEWS, recipe, 0)
    ]


def bare(subject: tm.Subject, shown: list[Image.Image]) -> float:
    """Seconds of nothing but the forward passes on views that are drawn already."""
    started = time.perf_counter()
    for start in range(0, len(shown), BATCH * VIEWS):
        subject.encoder.embed(shown[start : start + BATCH * VIEWS])
    return time.perf_counter() - started


def ours(subject: tm.Subject, data: tm.Dataset, layers: list[str], views: int = VIEWS) -> float:
    """Seconds of summing up all units of all layers, from pictures to stored numbers, with what 199 permutations need."""
    started = time.perf_counter()
    with Cache("unused", "off") as cache:
        summarise(
            unit_summary, subject, data, merge=merge_units, cache=cache, batch_size=BATCH, layers=layers, views=views,
            augmentation="crop", sign="relu", seed=0, points=len(data), permutations=199,
        )  # fmt: skip
    return time.perf_counter() - started


def unit_by_unit(subject: tm.Subject, shown: list[Image.Image], layer: str, units: int) -> float:
    """Seconds of the published loop for some units of a layer: a pass over all views for each unit."""
    started = time.perf_counter()
    for unit in range(units):
        values = [
            subject.encoder.activations(shown[start : start + BATCH * VIEWS], [layer])[layer][:, unit]
            for start in range(0, len(shown), BATCH * VIEWS)
        ]
        mu = np.concatenate(values).reshape(-1, VIEWS).mean(axis=1)
        rest = np.delete(mu, mu.argmax()).mean()
        _ = (mu.max() - rest) / (mu.max() + rest)
    return time.perf_counter() - started


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        save_model(Path(folder))
        subject = tm.open_subject(folder, device="cpu").load()
        layers = chosen_layers(subject.encoder.layers(), "")
        data = pictures(PICTURES)
        shown = views_of(data)
        bare(subject, shown)
        timings = [(bare(subject, shown), ours(subject, data, layers)) for _ in range(ROUNDS)]
        limit, taken = (statistics.median(column) for column in zip(*timings, strict=True))
        found = unit_summary(
            subject, data.rows(0, 2), layers=layers, views=1, augmentation="none", sign="relu", seed=0, points=PICTURES,
            permutations=99,
        )  # fmt: skip
        units = sum(len(found[f"{layer}|rest"]) for layer in layers_of(found))
        print(
            f"UnitMem, {units} units in {len(layers)} layers, {PICTURES} pictures, {VIEWS} views: bare passes {limit:.2f} s, "
            f"summed up {taken:.2f} s, ratio {taken / limit:.3f} (<= 1.15)"
        )
        loop = unit_by_unit(subject, shown, layers[-1], UNITS) / UNITS * units
        print(f"one unit after the other: {loop:.0f} s (from {UNITS} units), {loop / taken:.0f} times as long (>= 20)")
        for count in (512, 1536):
            many = pictures(count)
            tracemalloc.start()
            ours(subject, many, layers[:1], views=1)
            peak = tracemalloc.get_traced_memory()[1] / 2**20
            tracemalloc.stop()
            print(f"peak memory beside the model and the data, {count} pictures: {peak:.1f} MiB")


if __name__ == "__main__":
    main()
