"""Do the units and layers of an image encoder remember single training images? (UnitMem, LayerMem, SSLMem)

Wang, Dziedzic, Backes, Boenisch, "Localizing Memorization in SSL Vision Encoders", NeurIPS 2024; Wang, Kaleem, Dziedzic,
Backes, Papernot, Boenisch, "Memorization in Self-Supervised Learning Improves Downstream Generalization", ICLR 2024.
"""

from __future__ import annotations

from builtin_checks.encoder_memorization.checks.layer_profile import layer_profile
from builtin_checks.encoder_memorization.checks.sample_score import sample_score
from builtin_checks.encoder_memorization.checks.unit_excess import unit_excess

__all__ = ["unit_excess", "layer_profile", "sample_score"]  # noqa: RUF022  (the order in which they are listed)
