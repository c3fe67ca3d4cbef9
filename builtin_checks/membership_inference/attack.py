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
        scores = tm.rmia(own[asked], others[:, asked], inside, own[population], others[:, population], gamma=gamma, mode=mode)
        about = {"population": len(population), "gamma": gamma}
    else:
        own, others = (tm.membership_signal(each, labels, "scaled_logit") for each in (logits, references.logits))
        found = tm.lira(own[asked], others[:, asked], references.inside[:, asked], mode=mode)
        scores, about = found.scores, {"variance": found.variance, "spreads_raised": found.floored}
    return Scored(scores, {"attack": attack, "reference_models": len(references.inside), **about})


def on_references(
    attack: str, labels: np.ndarray, asked: np.ndarray, population: np.ndarray, references: References, gamma: float
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
        scored = attack_scores(attack, references.logits[target], labels, asked, population, others, gamma=gamma)
        found.append((scored.scores, references.inside[target, asked]))
    return found
