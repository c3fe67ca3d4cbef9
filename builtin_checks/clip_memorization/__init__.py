"""Does an image-text model memorise individual training pairs, mis-captioned ones first? (CLIPMem)

Wang, Dziedzic, Kim, Backes, Boenisch, "Captured by Captions: On Memorization and its Mitigation in CLIP Models", ICLR 2025.
"""

from __future__ import annotations

from builtin_checks.clip_memorization.checks import effect_size, mean_score, tail_rate

__all__ = ["tail_rate", "effect_size", "mean_score"]  # noqa: RUF022  (the order in which they are listed)
