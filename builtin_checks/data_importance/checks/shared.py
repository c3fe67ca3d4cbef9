"""What both checks of the family share: roles, companions, and the choices that importance depends on."""

from __future__ import annotations

from typing import Any

import pytest_trustml as tm
from builtin_checks.data_importance.importance import Valued
from builtin_checks.data_importance.roles import ROLES, Valuation

REFERENCE = "Wen et al., Understanding Data Importance in Machine Learning Attacks, NDSS 2025, arXiv:2409.03741"
BROKEN = "a control failed before anything was measured"

SHARED: dict[str, Any] = {
    "needs": [tm.Classifier | tm.Encoder],
    "data": ROLES,
    "companions": {"reference": "reference_model"},
    "reference": REFERENCE,
    "cost": "minutes",
}


def choices(valued: Valued, valuation: Valuation) -> dict[str, Any]:
    """What the values depend on, for the report."""
    return {
        "features": valued.source,
        "distance": valuation.distance,
        "neighbours": valuation.neighbours,
        "utility": valuation.utility,
        "validation": valued.validation,
        "heldout": len(valued.heldout),
    }
