"""Did fine-tuning break the safety alignment of a language model, where, and how would an adapter look that had not? (SaLoRA)

Li, Si, Backes, Zhang, Wang, "SaLoRA: Safety-Alignment Preserved Low-Rank Adaptation", ICLR 2025, arXiv 2501.01765; with the
refusal direction of Arditi et al., arXiv 2406.11717, and the over-refusal prompts' idea of XSTest, arXiv 2308.01263. The remedy
stands in ``builtin_checks.lora_safety.remedy``.
"""

from __future__ import annotations

from builtin_checks.lora_safety.checks import (
    first_token_refusal,
    harmful_rate_increase,
    overrefusal_increase,
    probe_transfer,
    refusal_direction_kept,
    safety_subspace,
)

__all__ = [
    "first_token_refusal",
    "harmful_rate_increase",
    "overrefusal_increase",
    "probe_transfer",
    "refusal_direction_kept",
    "safety_subspace",
]
