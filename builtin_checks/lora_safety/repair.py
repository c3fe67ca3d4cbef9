"""Repair of a trained LoRA adapter: its updates are taken out of the safety directions, without training.

References
----------
.. [1] Li et al., "SaLoRA: Safety-Alignment Preserved Low-Rank Adaptation", ICLR 2025, arXiv 2501.01765 (the projector).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from builtin_checks.lora_safety import adapter_files as files
from builtin_checks.lora_safety.recording import Text, input_moments, linear_layers
from builtin_checks.lora_safety.subspace import project_factor, weight_overlap

if TYPE_CHECKING:
    import numpy as np


class Repair(NamedTuple):
    """What a projection did to one layer."""

    layer: str
    rank: int
    """Number of safety directions."""
    overlap_before: float | None
    """Share of the update in the safety directions before, 0 to 1. None for an update of zero."""
    overlap_after: float | None
    kept: float | None
    """Length of the update after, as a share of its length before. None for an update of zero."""


def project_adapter(
    adapter: Path | str,
    base: Path | str,
    safety_data: Sequence[Text],
    out: Path | str,
    *,
    safety_rank: int = 32,
    batch_size: int = 8,
) -> list[Repair]:
    """Take the safety directions out of a trained LoRA adapter. Doing it twice changes nothing more.

    Check the result on other prompts than these: a projection cannot bring back what the adapter lost elsewhere, and it takes
    away what the task had learnt in those directions.

    Parameters
    ----------
    adapter, base, out : path
        Folder of the adapter, of the base model that it was trained on, and the new or empty folder to write to.
    safety_data : sequence of (prompt, safe answer) or of prompts
        Some 128 or more. With pairs only the answers' tokens count, as in [1]_.
    safety_rank : int
        Number of directions that are kept per layer, at most half of its outputs.

    Returns
    -------
    list of Repair
        One per adapted layer, in the order of the network.

    Raises
    ------
    SubjectError
        No adapter or no base model at these places.
    Unsupported
        The adapter is no plain LoRA: then its factors are not the whole story.
    """
    config, factors = files.read_adapter(adapter)
    out = files.new_folder(out)
    model, tokenizer = files.load_base(base)
    moments = input_moments(model, tokenizer, safety_data, list(factors), batch_size)
    projected, repairs = {}, []
    for name, layer in linear_layers(model).items():
        if name not in factors:
            continue
        left, right = factors[name]
        directions = files.directions_of(name, files.array(layer.weight), moments[name][0], safety_rank)
        projected[name] = project_factor(left, directions), right
        repairs.append(_repair(name, directions, left @ right, projected[name][0] @ right))
    files.write_adapter(out, config, projected, config.r, config.lora_alpha)
    return repairs


def _repair(name: str, directions: np.ndarray, before: np.ndarray, after: np.ndarray) -> Repair:
    import numpy as np

    rank = directions.shape[1]
    if not before.any():
        return Repair(name, rank, None, None, None)
    overlaps = weight_overlap(before, directions), weight_overlap(after, directions) if after.any() else 0.0
    return Repair(name, rank, *overlaps, float(np.linalg.norm(after) / np.linalg.norm(before)))
