"""The checks of the family: first how good the detector is, and for whom; then what is left of it under pressure."""

from __future__ import annotations

from builtin_checks.hate_detectors.checks.campaign import campaign
from builtin_checks.hate_detectors.checks.evasion import evasion
from builtin_checks.hate_detectors.checks.functional import functional
from builtin_checks.hate_detectors.checks.generator_drift import generator_drift
from builtin_checks.hate_detectors.checks.group_gap import group_gap
from builtin_checks.hate_detectors.checks.quality import quality

__all__ = ["campaign", "evasion", "functional", "generator_drift", "group_gap", "quality"]
