"""The attacks by name: from what the judged model and the reference models say to one score per record."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.membership_inference.references import References

ALONE = ("confidence", "loss", "entropy", "modified_entropy", "correctness")
"""Attacks that ask nobody but the judged model."""
COMPARING = ("rmia", "rmia_offline", "lira", "lira_offline")
"""Attacks that need reference models."""


class Scored(NamedTuple):
    """Scores of the chosen records (higher is more like a member), and what is worth telling of how they came about."""

    scores: np.ndarray
    details: dict[str, str | int | float]


def attack_scores(
    attack: str,
    logits: np.ndarray,
    labels: np.ndarray,
    asked: np.ndarray,
    population: np.ndarray,
    references: References | None,
    *,
    gamma: float = 1.0,
    offline_a: float = 0.3,
) -> Scored:
    """One score per record that is asked about.

    Parameters
    ----------
    logits : array of float, shape (N, C)
        Of the judged model, for all records.
    labels : array of int, shape (N,)
    asked, population : arrays of int
        Rows whose membership is asked about, and rows on which no model was trained.
    references : References, optional
        Not used by the attacks in `ALONE`.
    gamma, offline_a : float
        Of RMIA; an ``offline_a`` below 0 is chosen on the reference models (`tuned_a`).
    """
    if attack in ALONE:
        return Scored(tm.membership_signal(logits[asked], labels[asked], attack), {"attack": attack})
    if attack not in COMPARING:
        raise tm.UsageError(f"There is no attack {attack!r}. The attacks are {', '.join((*COMPARING, *ALONE))}.")
    assert references is not None
    mode = "offline" if attack.endswith("_offline") else "online"
    if attack.startswith("rmia"):
        own, others = (tm.membership_signal(each, labels, "loss") for each in (logits, references.logits))
        inside = references.inside[:, asked]
        about = {"population": len(population), "gamma": gamma}
        if mode == "offline":
            if offline_a < 0:
                offline_a = tuned_a(labels, asked, population, references, gamma)
            about["offline_a"] = offline_a
        scores = tm.rmia(
            own[asked], others[:, asked], inside, own[population], others[:, population], gamma=gamma, mode=mode,
            a=max(offline_a, 0.0),
        )  # fmt: skip
    else:
        own, others = (tm.membership_signal(each, labels, "scaled_logit") for each in (logits, references.logits))
        found = tm.lira(own[asked], others[:, asked], references.inside[:, asked], mode=mode)
        scores, about = found.scores, {"variance": found.variance, "spreads_raised": found.floored}
    return Scored(scores, {"attack": attack, "reference_models": len(references.inside), **about})


def on_references(
    attack: str,
    labels: np.ndarray,
    asked: np.ndarray,
    population: np.ndarray,
    references: References,
    gamma: float,
    offline_a: float = 0.3,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The same attack on every reference model, by the others: (scores, membership) of each model in turn.

    Its membership is known for certain. A model's pair takes no part either: what it was trained on says all about the other.
    Empty where the others are too few for the attack: RMIA needs four models in all, LiRA six.
    """
    found = []
    count = len(references.inside)
    for target in range(count if count >= (4 if attack.startswith("rmia") else 6) else 0):
        rest = [k for k in range(count) if k // 2 != target // 2]
        others = References(references.logits[rest], references.inside[rest])
        scored = attack_scores(
            attack, references.logits[target], labels, asked, population, others, gamma=gamma, offline_a=offline_a
        )
        found.append((scored.scores, references.inside[target, asked]))
    return found


GRID = tuple(k / 10 for k in range(11))
"""Values of ``a`` that are tried (Zarifzadeh et al. 2024, section 3.3)."""


def tuned_a(labels: np.ndarray, asked: np.ndarray, population: np.ndarray, references: References, gamma: float) -> float:
    """The ``a`` of offline RMIA with the largest mean area under the curve on the reference models, attacked by each other.

    Of equally good ones the smallest. The judged model takes no part, so that its members do not choose their own attack.

    Raises
    ------
    UsageError
        With fewer than four reference models: a model's pair may not attack it, and nobody else is left.
    """
    from scipy.stats import rankdata

    best, chosen = -1.0, 0.0
    for a in GRID:
        rounds = on_references("rmia_offline", labels, asked, population, references, gamma, a)
        if not rounds:
            raise tm.UsageError(
                f"offline_a is to be tuned on {len(references.inside)} reference models. That takes 4 at least: set references "
                "to 4 or more, or offline_a to a number from 0 to 1, such as 0.3."
            )
        areas = []
        for scores, inside in rounds:
            ranks, hits = rankdata(scores), int(inside.sum())
            areas.append((ranks[inside].sum() - hits * (hits + 1) / 2) / (hits * (len(inside) - hits)))
        if float(np.mean(areas)) > best + 1e-12:
            best, chosen = float(np.mean(areas)), a
    return chosen
