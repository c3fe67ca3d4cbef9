"""Do the demonstrations in a deployed prompt leak through text alone, and which defences help?

Wen, Li, Backes, Zhang, "Membership Inference Attacks Against In-Context Learning", ACM CCS 2024, arXiv 2409.01380; with data
defences after Tang et al., "Privacy-Preserving In-Context Learning with Differentially Private Few-Shot Generation", ICLR 2024.
"""

from __future__ import annotations

from builtin_checks.icl_membership.checks import advantage, defended_advantage

__all__ = ["advantage", "defended_advantage"]
