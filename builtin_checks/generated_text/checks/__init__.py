"""The checks of the family: the detector first, then what it says about a corpus."""

from __future__ import annotations

from builtin_checks.generated_text.checks.change import share_trend
from builtin_checks.generated_text.checks.evasion import detector_evasion
from builtin_checks.generated_text.checks.quality import detector_quality
from builtin_checks.generated_text.checks.share import corpus_share

__all__ = ["corpus_share", "detector_evasion", "detector_quality", "share_trend"]
