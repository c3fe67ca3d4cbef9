"""What is measured of every attack, and of the model beside it."""

from __future__ import annotations

import numpy as np

import pytest_trustml as tm

HEADLINE, RARER, RAREST = "tpr_at_1_percent_fpr", "tpr_at_01_percent_fpr", "tpr_at_001_percent_fpr"
MANY = 10_000
"""Non-members that a rate of one false accusation in ten thousand needs; with fewer it is not even listed."""


def rates(trust: tm.Trust, scores: np.ndarray, inside: np.ndarray) -> list[tm.Measurement]:
    """Members found at 1 %, 0.1 % and, with enough non-members, 0.01 % false accusations, and the area under the curve."""
    levels = {HEADLINE: 0.01, RARER: 0.001} | ({RAREST: 0.0001} if int((~inside).sum()) >= MANY else {})
    return [
        *(tm.members_caught(scores, inside, rate, name=name, level=trust.level) for name, rate in levels.items()),
        trust.auc(scores, inside, name="attack_auc", higher_is_safer=False),
    ]


def accuracy_gap(trust: tm.Trust, logits: np.ndarray, labels: np.ndarray, inside: np.ndarray) -> tm.Measurement:
    """How much more often the model is right about members than about others: what overfitting looks like from outside."""
    right = tm.membership_signal(logits, labels, "correctness") > 0
    return trust.rate_difference(right[inside], right[~inside], name="accuracy_gap", higher_is_safer=False)
