"""Two demo releases: pictures of drawn people under one mask for each person, and under a change of its own for each picture.

Both are made against the same trained recogniser with the same budget; that recogniser judges them. What such small changes do
not withstand is reported beside the verdict: JPEG, and a second recogniser which they were not made against.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.face_tracking.faces import draw_people, photograph
from builtin_checks.face_tracking.protection import Protection, protect
from builtin_checks.face_tracking.training import Recipe, open_extractor, train_extractor

MANIFEST = """\
# {summary}
model = "extractor"  # the recogniser that the pictures were protected against
reference_model = "other_extractor"  # a recogniser that they were not protected against

[data]
protected_images = "protected"
gallery_images = "gallery"
clean_images = "clean"
stranger_images = "strangers"

[gate]
required = ["face_tracking.*"]
"""


class Plan(NamedTuple):
    """How many people there are, how many pictures of each, and how recognisers learn."""

    protected_people: int = 40
    protected_pictures: int = 10
    private_pictures: int = 6
    gallery_people: int = 120
    gallery_pictures: int = 4
    strangers: int = 60
    guides: int = 200
    recipe: Recipe = Recipe(people=500, pictures=10, epochs=10)


PLAN = Plan()
_CALLED = {"clean": "person", "gallery": "somebody", "strangers": "stranger"}
BUDGET = 9.0
WEAK = Protection(budget=BUDGET, steps=20, guides="person", masks="person", learnt_from=3)
STRONG = Protection(budget=BUDGET, steps=30)


def tracker_weak_protection(folder: Path, workshop: tm.Workshop) -> None:
    """Pictures of people under one mask for each person: a tracker that knows one of them knows nearly all. It must fail."""
    _build(folder, workshop, "tracker-weak-protection", WEAK, "Pictures under one mask for each person.")


def tracker_strong_protection(folder: Path, workshop: tm.Workshop) -> None:
    """Pictures of people that were led away from each other, each to another stranger: it must pass."""
    _build(folder, workshop, "tracker-strong-protection", STRONG, "Pictures that were made unlike each other.")


def train_recognisers(folder: Path, workshop: tm.Workshop) -> None:
    """The recogniser that pictures are protected against, and another one; both demos share them."""
    for number, place in enumerate(("extractor", "other_extractor")):
        with workshop.progress(f"{place.replace('_', ' ')}: training", PLAN.recipe.steps) as step:
            tm.save_model(folder / place, train_extractor(PLAN.recipe, seed=2 * workshop.seed + number, step=step))


def _build(folder: Path, workshop: tm.Workshop, name: str, how: Protection, summary: str) -> None:
    recognisers = workshop.part("recognisers", train_recognisers)
    for place in ("extractor", "other_extractor"):
        shutil.copytree(recognisers / place, folder / place)
    protect_sets(folder, workshop, name, PLAN, how)
    (folder / "trustml.toml").write_text(MANIFEST.format(summary=summary), encoding="utf-8")


def protect_sets(folder: Path, workshop: tm.Workshop, name: str, plan: Plan, how: Protection) -> None:
    """Write all sets of pictures into a folder, the protected ones made against the recogniser in ``folder/extractor``."""
    sets = make_sets(plan, workshop.seed)
    images, names, ids = sets["clean"]
    published = np.flatnonzero([int(own.rpartition("-")[2]) < plan.protected_pictures for own in ids])
    who = np.unique(names, return_inverse=True)[1][published]
    rng = tm.generator(workshop.seed, "face_tracking.demo", "protection")
    others = photograph(draw_people(plan.guides, rng), rng)
    with workshop.progress(f"{name}: protecting pictures", len(published)) as step:
        changed = protect(open_extractor(folder / "extractor"), images[published], who, others, how, rng, step)
    for part, (own, people, own_ids) in sets.items():
        _write(folder / part, own, people, own_ids)
    made_from = [ids[row] for row in published]
    _write(folder / "protected", changed, names[published], [f"protected-{own}" for own in made_from], made_from)


def make_sets(plan: Plan, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray, list[str]]]:
    """Pictures, names and ids of the sets ``clean``, ``gallery`` and ``strangers``. No person is in two of them."""
    rng = tm.generator(seed, "face_tracking.demo", "pictures")
    sizes = {
        "clean": (plan.protected_people, plan.protected_pictures + plan.private_pictures),
        "gallery": (plan.gallery_people, plan.gallery_pictures),
        "strangers": (plan.strangers, 1),
    }
    sets = {}
    for part, (people, pictures) in sizes.items():
        drawn = np.repeat(draw_people(people, rng), pictures, axis=0)
        names = np.array([f"{_CALLED[part]}-{person:03d}" for person in range(people) for _ in range(pictures)])
        ids = [f"{_CALLED[part]}-{person:03d}-{number:02d}" for person in range(people) for number in range(pictures)]
        sets[part] = photograph(drawn, rng), names, ids
    return sets


def _write(folder: Path, images: np.ndarray, names: np.ndarray, ids: list[str], originals: list[str] | None = None) -> None:
    """PNG files in a folder, with the person on each, and the picture that it was made from, in its metadata.jsonl."""
    from PIL import Image

    folder.mkdir(exist_ok=True)
    rows = []
    for number, (image, name, own) in enumerate(zip(images, names, ids, strict=True)):
        Image.fromarray(image).save(folder / f"{own}.png")
        row = {"file_name": f"{own}.png", "id": own, "identity": str(name)}
        rows.append(json.dumps(row if originals is None else {**row, "original": originals[number]}))
    (folder / "metadata.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
