"""What is measured of every attack, and of the model beside it."""

from __future__ import annotations

import numpy as np

import pytest_trustml as tm

HEADLINE, RARER = "tpr_at_1_percent_fpr", "tpr_at_01_percent_fpr"


def rates(trust: tm.Trust, scores: np.ndarray, inside: np.ndarray) -> list[tm.Measurement]:
    """Members found at 1 % and at 0.1 % false accusations, and the area under the curve."""
    return [
        tm.members_caught(scores, inside, 0.01, name=HEADLINE, level=trust.level),
        tm.members_caught(scores, inside, 0.001, name=RARER, level=trust.level),
        trust.auc(scores, inside, name="attack_auc", higher_is_safer=False),
    ]


def accuracy_gap(trust: tm.Trust, logits: np.ndarray, labels: np.ndarray, inside: np.ndarray) -> tm.Measurement:
    """How much more often the model is right about members than about others: what overfitting looks like from outside."""
    right = tm.membership_signal(logits, labels, "correctness") > 0
    return trust.rate_difference(right[inside], right[~inside], name="accuracy_gap", higher_is_safer=False)
