"""Heads on a frozen encoder: inputs are encoded once, and all heads learn from the same encodings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from pytest_trustml.shadows.material import Material
from pytest_trustml.shadows.networks import Blueprint
from pytest_trustml.shadows.stack import Stack
from pytest_trustml.shadows.steps import Gradients

_BATCH = 64


def encodings(blueprint: Blueprint, material: Material) -> torch.Tensor | None:
    """What the head reads of every row: (N, d), in eval mode. None if the answer is not what the head alone makes of that."""
    model = blueprint.loaded.model.eval()
    head = model.get_submodule(blueprint.head or "")
    caller = Gradients(model, "classes", blueprint.role.input, stacked=False, causal=blueprint.causal)
    seen: list[torch.Tensor] = []
    handle = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    found = []
    try:
        with torch.inference_mode():
            for start in range(0, len(material), _BATCH):
                rows = np.arange(start, min(len(material), start + _BATCH))
                inputs, there, _, _ = material.batch([rows], blueprint.device)
                seen.clear()
                said = model(**caller.arguments(inputs[0], there[0] if there.numel() else there)).logits
                read = _pooled(seen[-1], there[0] if there.numel() else None)
                if not torch.allclose(head(read), said, rtol=1e-3, atol=1e-4):
                    return None  # e.g. a decoder, whose answer is read at the last token
                found.append(read.cpu())
    finally:
        handle.remove()
    return torch.cat(found).clone()


def _pooled(value: torch.Tensor, there: torch.Tensor | None) -> torch.Tensor:
    """One vector per row: heads that read every position are read at the first one, as their models do."""
    return value[:, 0] if value.ndim == 3 and there is not None else value.flatten(1)


def heads_of(blueprint: Blueprint, seeds: Sequence[int]) -> Stack:
    """Untrained heads, one per seed: those that whole models of these seeds would have."""
    name = blueprint.head or ""
    layers: list[Any] = [blueprint.make(seed).get_submodule(name) for seed in seeds]
    trained = {
        key: torch.stack([dict(layer.named_parameters())[key].detach() for layer in layers])
        for key in dict(layers[0].named_parameters())
    }
    return Stack(layers[0], trained, {}, "classes", "features")
