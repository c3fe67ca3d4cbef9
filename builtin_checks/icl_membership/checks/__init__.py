"""The checks of the family: the deployed prompt first, then what defences would change."""

from __future__ import annotations

from builtin_checks.icl_membership.checks.advantage import advantage
from builtin_checks.icl_membership.checks.defended import defended_advantage

__all__ = ["advantage", "defended_advantage"]
