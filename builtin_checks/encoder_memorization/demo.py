"""Two demo releases: an encoder with a unit for each of its pictures, and one that learnt what pictures have in common."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.encoder_memorization.pictures import draw_pictures
from builtin_checks.encoder_memorization.training import Recipe, train

MANIFEST = """\
# {summary}
model = "model"  # trained on shared + candidates
reference_model = "reference"  # trained on shared + independent

[data]
training_images = "training"  # candidates and shared
candidate_images = "candidates"
shared_images = "shared"{sample}
independent_images = "independent"
heldout_images = "heldout"

[options.encoder_memorization]
augmentation = "crop"  # what both models trained with
layers = "encoder.stages.1.*activation, encoder.stages.2.*activation"

[options."encoder_memorization.unit_excess"]
views = 4

[gate]
required = ["encoder_memorization.*"]
"""


class Plan(NamedTuple):
    """How many pictures each set has and how the models are trained; ``listed`` of the shared ones are in the release."""

    shared: int
    listed: int
    left_out: int
    heldout: int
    recipe: Recipe


MEMORIZING = Plan(
    shared=128, listed=128, left_out=128, heldout=256,
    recipe=Recipe(epochs=40, augmentation="crop", task="instances", batch_size=64, widths=(16, 32, 256)),
)  # fmt: skip
CAREFUL = Plan(
    shared=5700, listed=300, left_out=300, heldout=600,
    recipe=Recipe(epochs=2, augmentation="crop", weight_decay=0.1, widths=(16, 32, 128)),
)  # fmt: skip


def encoder_memorizing(folder: Path, workshop: tm.Workshop) -> None:
    """An image encoder that has a unit for each of its training pictures: it must fail.

    It saw few pictures many times, and each unit of its last layer had to fire for one of them alone.
    """
    _build(folder, workshop, "encoder-memorizing", MEMORIZING, "An image encoder whose units know single training pictures.")


def encoder_careful(folder: Path, workshop: tm.Workshop) -> None:
    """An image encoder that learnt from many pictures what two views of one have in common (SimCLR): it must pass."""
    _build(folder, workshop, "encoder-careful", CAREFUL, "An image encoder that knows kinds of pictures, not single ones.")


def make_sets(plan: Plan, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pictures and the numerals on them, for ``candidates``, ``shared``, ``independent`` and ``heldout``."""
    rng = tm.generator(seed, "encoder_memorization.demo", "pictures")
    sizes = {"candidates": plan.left_out, "shared": plan.shared, "independent": plan.left_out, "heldout": plan.heldout}
    images, labels = draw_pictures(sum(sizes.values()), rng)
    sets, start = {}, 0
    for name, size in sizes.items():
        sets[name] = images[start : start + size], labels[start : start + size]
        start += size
    return sets


def _build(folder: Path, workshop: tm.Workshop, name: str, plan: Plan, summary: str) -> None:
    sets = make_sets(plan, workshop.seed)
    for role, left_out in (("model", "candidates"), ("reference", "independent")):
        images = np.concatenate([sets["shared"][0], sets[left_out][0]])
        with workshop.progress(f"{name}: training the {role}", plan.recipe.steps(len(images))) as step:
            tm.save_model(folder / role, train(images, plan.recipe, seed=workshop.seed, step=step))
    for part, (images, labels) in sets.items():
        count = plan.listed if part == "shared" else len(images)
        _write(folder / part, part, images[:count], labels[:count])
        if part in ("candidates", "shared"):
            _write(folder / "training", part, images[:count], labels[:count])
    sample = "" if plan.listed == plan.shared else f"  # {plan.listed} of the {plan.shared} pictures"
    (folder / "trustml.toml").write_text(MANIFEST.format(summary=summary, sample=sample), encoding="utf-8")


def _write(folder: Path, part: str, images: np.ndarray, labels: np.ndarray) -> None:
    """PNG files in a folder, with the numeral of each in its metadata.jsonl; behind what is there already."""
    from PIL import Image

    folder.mkdir(exist_ok=True)
    rows = []
    for number in range(len(images)):
        own = f"{part}-{number:04d}"
        Image.fromarray(images[number]).save(folder / f"{own}.png")
        rows.append(json.dumps({"file_name": f"{own}.png", "id": own, "label": str(labels[number])}))
    with (folder / "metadata.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n".join(rows) + "\n")
