"""Is the new version of an image pipeline less safe, less fair or harder to tell from real pictures than the previous one?

Wu, Shen, Backes, Zhang, "Image-Perfect Imperfections: Safety, Bias, and Authenticity in the Shadow of Text-To-Image Model
Evolution", ACM CCS 2024, arXiv 2408.17285. Three verdicts, each with its own direction: over published versions safety rose
while bias did as well, so one number for all would hide what matters.
"""

from __future__ import annotations

from builtin_checks.image_evolution.checks import (
    bias_change,
    detector_drop,
    detector_recovery,
    stereotype_shift,
    unsafe_rate_change,
)

__all__ = ["bias_change", "detector_drop", "detector_recovery", "stereotype_shift", "unsafe_rate_change"]
