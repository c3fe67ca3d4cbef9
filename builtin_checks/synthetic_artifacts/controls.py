"""Tests of the instrument: if one fails, the ranks of a classifier say nothing about what it was trained on."""

from __future__ import annotations

import math

import numpy as np

import pytest_trustml as tm


def answers_are_numbers(trust: tm.Trust, logits: np.ndarray) -> bool:
    """Without numbers there is nothing to audit."""
    finite = np.isfinite(logits).all(axis=1)
    return trust.control(
        "the model answers",
        bool(finite.all()),
        "every query has an answer"
        if finite.all()
        else f"{int((~finite).sum())} of {len(finite)} queries have no finite answer",
    )


def does_the_task(trust: tm.Trust, right: np.ndarray, classes: int) -> bool:
    """Right more often than by chance and three standard errors: otherwise classes are in another order, or none is told."""
    share, least = float(right.mean()), least_accuracy(classes, len(right))
    return trust.control(
        "the model knows the classes",
        share > least,
        f"{share:.0%} of {len(right)} queries are classified rightly; guessing stays below {least:.0%}"
        + ("" if share > least else ". Are its classes named in the order of its outputs, and is this its task?"),
    )


def references_do_the_task(trust: tm.Trust, right: np.ndarray, classes: int) -> bool:
    """Most references have learnt anything at all. ``right`` (K, Q) bool."""
    own, least = right.mean(axis=1), least_accuracy(classes, right.shape[1])
    middle = float(np.median(own))
    return trust.control(
        "references have learnt the task",
        middle > least,
        f"half of the references classify {middle:.0%} of the queries rightly or more; guessing stays below {least:.0%}"
        + ("" if middle > least else ". Train them as the audited model was: more epochs, or a higher learning rate"),
    )


def least_accuracy(classes: int, queries: int) -> float:
    """Chance and three standard errors: 1/C + 3 sqrt(1/C (1 - 1/C) / Q).

    >>> round(least_accuracy(2, 200), 4), round(least_accuracy(4, 200), 4)
    (0.6061, 0.3419)
    """
    chance = 1 / classes
    return chance + 3 * math.sqrt(chance * (1 - chance) / queries)
