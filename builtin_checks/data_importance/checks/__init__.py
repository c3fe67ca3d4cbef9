"""The checks of the family."""

from __future__ import annotations

from builtin_checks.data_importance.checks.calibrated_membership import calibrated_membership
from builtin_checks.data_importance.checks.exposure import exposure_gap

__all__ = ["calibrated_membership", "exposure_gap"]
