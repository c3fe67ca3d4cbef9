"""The checks of the family, behaviour first: what decides stands before what explains."""

from __future__ import annotations

from builtin_checks.lora_safety.checks.behaviour import harmful_rate_increase, overrefusal_increase
from builtin_checks.lora_safety.checks.direction import refusal_direction_kept
from builtin_checks.lora_safety.checks.first_token import first_token_refusal
from builtin_checks.lora_safety.checks.probes import probe_transfer
from builtin_checks.lora_safety.checks.subspace_disturbance import safety_subspace

__all__ = [
    "first_token_refusal",
    "harmful_rate_increase",
    "overrefusal_increase",
    "probe_transfer",
    "refusal_direction_kept",
    "safety_subspace",
]
