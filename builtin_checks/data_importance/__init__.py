"""Are the most valuable training records also the most exposed, over five attacks? (data importance)

Wen, Backes, Zhang, "Understanding Data Importance in Machine Learning Attacks: Does Valuable Data Pose Greater Harm?",
NDSS 2025.
"""

from __future__ import annotations

from builtin_checks.data_importance.checks import calibrated_membership, exposure_gap

__all__ = ["exposure_gap", "calibrated_membership"]  # noqa: RUF022  (the order in which they are listed)
