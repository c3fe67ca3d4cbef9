"""Two demo releases: a classifier of forms that learnt its records by heart, and one trained with differential privacy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import pytest_trustml as tm
from builtin_checks.membership_inference.forms import CLASSES, Forms, draw_forms
from builtin_checks.membership_inference.training import Fit, PrivateFit, fit, fit_privately, new_model

MANIFEST = """\
# {summary}
model = "model"
checks = "membership_inference.low_fpr,membership_inference.metric_attacks"

[data]
members = "members.npz"
nonmembers = "nonmembers.npz"
population = "population.npz"

[options."membership_inference.low_fpr"]  # how the reference models are trained
epochs = {epochs}
batch_size = 32
learning_rate = 2e-3
weight_decay = 0.0

[gate]
required = ["membership_inference.low_fpr"]
"""
SIZES = {"members": 1000, "nonmembers": 1500, "population": 800}
PRIVATE_SIZES = {"members": 3000, "nonmembers": 2000, "population": 800}
MISTYPED = 0.25
OVERFIT = Fit(epochs=100, batch=32, rate=2e-3, decay=0.0)
PRIVATE = PrivateFit(steps=100, clip=1.0, noise=14.0, rate=2e-2)


def classifier_overfit(folder: Path, workshop: tm.Workshop) -> None:
    """A classifier of forms that learnt its training records by heart, typing errors and all: it must fail.

    It saw each of 1,000 forms a hundred times. One code in four was typed in wrong, which no model can know without having
    memorised the form.
    """
    sets = make_sets(SIZES, workshop.seed)
    model = new_model(workshop.seed, width=64, layers=1)
    members = sets["members"]
    steps = OVERFIT.epochs * -(-len(members.labels) // OVERFIT.batch)
    with workshop.progress("classifier-overfit: training", steps) as step:
        fit(model, members, OVERFIT, workshop.seed, step)
    summary = "A classifier of forms that learnt its training records by heart."
    _write(folder, sets, model, summary, epochs=60)


def classifier_private(folder: Path, workshop: tm.Workshop) -> None:
    """A classifier of forms that was trained with differential privacy, epsilon about 3.7 at delta 1e-5: it must pass.

    Three times as many of the same kind of forms, and every record's influence on each step bounded and drowned in noise.
    """
    sets = make_sets(PRIVATE_SIZES, workshop.seed)
    model = new_model(workshop.seed, width=32, layers=1)
    with workshop.progress("classifier-private: training", PRIVATE.steps) as step:
        fit_privately(model, sets["members"], PRIVATE, workshop.seed, step)
    said = f"epsilon {PRIVATE.epsilon(1e-5):.2f} at delta 1e-5"
    _write(folder, sets, model, f"A classifier of forms that was trained with differential privacy, {said}.", epochs=30)


def make_sets(sizes: dict[str, int], seed: int) -> dict[str, Forms]:
    """Forms of one pool, divided at random."""
    forms = draw_forms(sum(sizes.values()), MISTYPED, tm.generator(seed, "membership_inference.demo", "forms"))
    found, start = {}, 0
    for name, size in sizes.items():
        rows = slice(start, start + size)
        found[name] = Forms(*(part[rows] for part in forms))
        start += size
    return found


def _write(folder: Path, sets: dict[str, Forms], model: Any, summary: str, epochs: int) -> None:
    tm.save_model(folder / "model", model)
    for name, forms in sets.items():
        ids = np.array([f"{name}-{number:04d}" for number in range(len(forms.labels))])
        labels = np.array(CLASSES)[forms.labels]
        np.savez_compressed(folder / f"{name}.npz", id=ids, image=forms.images, label=labels, mistyped=forms.mistyped)
    (folder / "trustml.toml").write_text(MANIFEST.format(summary=summary, epochs=epochs), encoding="utf-8")
