"""Reference models: trained like the judged one, each on a random half of the records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.membership_inference.records import Records


class Recipe(NamedTuple):
    """How reference models are trained; see the page of ``membership_inference.low_fpr``."""

    references: int
    start: str
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    max_tokens: int


class References(NamedTuple):
    """What the reference models say.

    Parameters
    ----------
    logits : array of float32, shape (K, N, C)
        In the order of the records.
    inside : array of bool, shape (K, N)
        Which model was trained on which record.
    """

    logits: np.ndarray
    inside: np.ndarray


def halves(ids: list[str], groups: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Which of ``count`` models is trained on which record: pairs of models share each group out at random, (count, N) bool.

    Parameters
    ----------
    ids : list of str, length N
        The draw depends on them, not on the order of the records.
    groups : array of str, shape (N,)
        Each is halved by itself, so that every model sees as many members and other records. An empty word is never trained on.
    count : int
        An even number: the second model of a pair gets what the first does not, so that every record is in for half of them.

    Examples
    --------
    >>> shared = halves(["a", "b", "c"], np.array(["x", "x", ""]), 2, np.random.default_rng(0))
    >>> shared.sum(0).tolist(), shared.sum(1).tolist()
    ([1, 1, 0], [1, 1])
    """
    if count < 2 or count % 2:
        raise tm.UsageError(f"references is {count}. Take an even number, 2 at least: models are trained in pairs.")
    inside = np.zeros((count, len(ids)), dtype=bool)
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=int)
    for first in range(0, count, 2):
        for group in sorted(set(groups.tolist()) - {""}):
            rows = rng.permutation(order[groups[order] == group])
            extra = int(rng.integers(2)) if len(rows) % 2 else 0
            half = len(rows) // 2 + extra
            inside[first, rows[:half]] = True
            inside[first + 1, rows[half:]] = True
    return inside


def train_references(
    trust: tm.Trust, model: tm.Subject, base: tm.Subject | None, records: Records, recipe: Recipe
) -> References:
    """Train the reference models on members and non-members, never on the population, and ask them about all records.

    Raises
    ------
    UsageError
        If the model has no folder on disk whose configuration they could start from, or the recipe cannot be meant.
    """
    architecture, start, pretrained = _start(model, base, recipe.start)
    training = tm.Training(
        architecture=architecture,
        start=start,
        pretrained=pretrained,
        labels=tuple(str(name) for name in model.classifier.labels),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        max_tokens=recipe.max_tokens,
    )
    groups = np.where(records.sets == "population", "", records.sets)
    rng = trust.rng
    inside = halves(records.data.ids, groups, recipe.references, rng)
    seeds = [int(seed) for seed in rng.integers(1 << 31, size=recipe.references)]
    members = [row.nonzero()[0] for row in inside]
    shadows = trust.train_shadows(training, records.data, members, seeds=seeds, text=records.column)
    return References(np.asarray(shadows.logits(records.data, column=records.column)), inside)


def _start(model: tm.Subject, base: tm.Subject | None, given: str) -> tuple[str, str, bool]:
    """What reference models are made of: class, folder that they start from, and whether they take its weights."""
    own = "" if model.path is None else _architecture(model.path)
    if given == "linear":
        return "linear", "", False
    if given and given != "auto":
        return own, given, True
    if base is not None and base.path is not None:
        return own, str(base.path), True
    if model.path is not None:
        return "", str(model.path), False
    raise tm.UsageError(
        f"Reference models cannot be trained like {model.spec}, which is no model folder. Name a folder with config.json and "
        "weights to start from as the option start, or choose an attack that needs none: attack=confidence."
    )


def _architecture(folder: Path) -> str:
    """The class in ``config.json``: a base model is often saved without a head, which reference models need."""
    named = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("architectures")
    return str(named[0]) if named else ""
