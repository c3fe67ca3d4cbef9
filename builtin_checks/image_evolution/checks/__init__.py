"""The checks of the family: safety, then bias, then authenticity."""

from __future__ import annotations

from builtin_checks.image_evolution.checks.bias_change import bias_change
from builtin_checks.image_evolution.checks.detector_drop import detector_drop
from builtin_checks.image_evolution.checks.detector_recovery import detector_recovery
from builtin_checks.image_evolution.checks.stereotype_shift import stereotype_shift
from builtin_checks.image_evolution.checks.unsafe_rate_change import unsafe_rate_change

__all__ = ["bias_change", "detector_drop", "detector_recovery", "stereotype_shift", "unsafe_rate_change"]
