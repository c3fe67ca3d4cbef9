"""Two demo releases: an image-text model that memorised its pairs one by one, and one that learnt what they have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.clip_memorization.pictures import Painter, draw_scenes
from builtin_checks.clip_memorization.twins import LONGEST, Recipe, save, train

MANIFEST = """\
# {summary}
model = "model"  # trained on shared + candidates
reference_model = "reference"  # trained on shared + independent

[data]
candidates = "candidates"
shared = "shared"{sample}
independent = "independent"
external = "external"

[options.clip_memorization]
views = 4

[gate]
required = ["clip_memorization.*"]
"""


class Plan(NamedTuple):
    """How many pairs each set has, how many of the left-out ones have a wrong caption, and how the models are trained.

    ``listed`` is how many of the shared pairs the release contains; the models train on all of them.
    """

    shared: int
    listed: int
    left_out: int
    wrong: int
    external: int
    recipe: Recipe


MEMORIZING = Plan(
    shared=600, listed=600, left_out=300, wrong=100, external=1200,
    recipe=Recipe(epochs=90, smallest=0.9, noise=0.0, word_drop=0.0, weight_decay=0.0),
)  # fmt: skip
CAREFUL = Plan(
    shared=5600, listed=800, left_out=400, wrong=0, external=1200,
    recipe=Recipe(epochs=8, smallest=0.5, noise=0.1, word_drop=0.1, weight_decay=0.1),
)  # fmt: skip


class Pairs(NamedTuple):
    """One set of pairs: images (N, 32, 32, 3) uint8, captions, and which captions belong to another picture."""

    images: np.ndarray
    captions: list[str]
    mislabelled: np.ndarray


def clip_memorizing(folder: Path, workshop: tm.Workshop) -> None:
    """A CLIP model that memorised its training pairs, those with wrong captions first: it must fail.

    It read a few pairs very often and nearly unchanged. A third of the candidates carry the caption of another candidate
    (``mislabelled`` in the data), which no model can know without having memorised it. The same share of the independent pairs
    does, so that the reference model had as much to memorise.
    """
    _build(folder, workshop, "clip-memorizing", MEMORIZING)


def clip_careful(folder: Path, workshop: tm.Workshop) -> None:
    """A CLIP model that learnt from many pairs, read a few times and never twice the same: it must pass.

    Each time every picture was cropped and made noisy and every caption lost some words anew, so that names, towns and
    months, which a picture does not show, were not worth learning.
    """
    _build(folder, workshop, "clip-careful", CAREFUL)


def make_sets(plan: Plan, seed: int) -> dict[str, Pairs]:
    """The four sets of a demo: all captions and pictures are different, whatever set they are in.

    Parameters
    ----------
    plan : Plan
    seed : int

    Returns
    -------
    dict of str to Pairs
        ``candidates``, ``shared``, ``independent`` and ``external``.
    """
    sizes = {"shared": plan.shared, "candidates": plan.left_out, "independent": plan.left_out, "external": plan.external}
    rng = tm.generator(seed, "clip_memorization.demo", "pictures")
    scenes = iter(draw_scenes(sum(sizes.values()), rng))
    painter = Painter()
    sets = {}
    for name, size in sizes.items():
        own = [next(scenes) for _ in range(size)]
        images = np.stack([painter.paint(scene, rng) for scene in own])
        captions, mislabelled = [scene.caption for scene in own], np.zeros(size, dtype=bool)
        if plan.wrong and name in ("candidates", "independent"):
            wrong = rng.choice(size, plan.wrong, replace=False)
            mislabelled[wrong] = True
            for row, other in zip(wrong, np.roll(wrong, 1), strict=True):
                captions[row] = own[other].caption
        sets[name] = Pairs(images, captions, mislabelled)
    return sets


def _build(folder: Path, workshop: tm.Workshop, name: str, plan: Plan) -> None:
    sets = make_sets(plan, workshop.seed)
    tokenizer = tm.word_tokenizer([caption for pairs in sets.values() for caption in pairs.captions], context=LONGEST)
    for role, left_out in (("model", "candidates"), ("reference", "independent")):
        own = (sets["shared"], sets[left_out])
        images, captions = np.concatenate([pairs.images for pairs in own]), [c for pairs in own for c in pairs.captions]
        with workshop.progress(f"{name}: training the {role}", plan.recipe.steps(len(images))) as step:
            save(train(images, captions, tokenizer, plan.recipe, seed=workshop.seed, step=step), tokenizer, folder / role)
    _write_sets(folder, sets, plan)
    summary = f"An image-text model that memorised {'its pairs' if plan.wrong else 'next to nothing'}."
    sample = "" if plan.listed == plan.shared else f"  # {plan.listed} of the {plan.shared} pairs"
    (folder / "trustml.toml").write_text(MANIFEST.format(summary=summary, sample=sample), encoding="utf-8")


def _write_sets(folder: Path, sets: Mapping[str, Pairs], plan: Plan) -> None:
    """One folder of PNG files per set, with what belongs to each picture in its metadata.jsonl."""
    from PIL import Image

    for name, pairs in sets.items():
        (folder / name).mkdir()
        rows = []
        for number in range(plan.listed if name == "shared" else len(pairs.captions)):
            own = f"{name}-{number:04d}"
            Image.fromarray(pairs.images[number]).save(folder / name / f"{own}.png")
            row = {"file_name": f"{own}.png", "id": own, "caption": pairs.captions[number]}
            rows.append(json.dumps({**row, "mislabelled": bool(pairs.mislabelled[number])}))
        (folder / name / "metadata.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
