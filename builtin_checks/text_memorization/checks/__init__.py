"""The checks of the family: what can be pulled out first, then whose membership can be told."""

from __future__ import annotations

from builtin_checks.text_memorization.checks.canaries import canary_exposure
from builtin_checks.text_memorization.checks.chances import probabilistic_extraction
from builtin_checks.text_memorization.checks.extraction import extraction_rate
from builtin_checks.text_memorization.checks.membership import membership_leak

__all__ = ["canary_exposure", "extraction_rate", "membership_leak", "probabilistic_extraction"]
