"""What the checks ask a model beyond ready-made questions: openings of answers, and energies in adapted layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from builtin_checks.lora_safety.subspace import energy, safety_directions

if TYPE_CHECKING:
    from pytest_trustml import Dataset, Subject

ENERGIES = ("update in the directions", "update", "base in the directions", "base", "directions", "energy held")


def opening_logprobs(
    subject: Subject, batch: Dataset, *, openings: Sequence[str], system: str | None = None, chat: bool = True
) -> dict[str, np.ndarray]:
    """Log-probability (nat) that the answer begins with the first token of each opening, and the ids of these tokens."""
    tokens = [ids[0] for ids in map(subject.text.token_ids, openings) if ids]
    found = subject.text.next_token_logprobs(batch.column("prompt"), tokens, system=system, chat=chat)
    return {"logprobs": np.asarray(found), "tokens": np.tile(np.array(tokens, dtype=np.int64), (len(batch), 1))}


def update_norms(subject: Subject, batch: Dataset) -> np.ndarray:
    """Length (Frobenius norm) of the adapter's update of every layer, the same in each row: (B, layers)."""
    adapter = subject.adapter
    norms = []
    for layer in adapter.layers():
        left, right, scale = adapter.factors(layer)
        squared = float(np.sum((left.T @ left) * (right @ right.T)))
        norms.append(abs(scale) * max(squared, 0.0) ** 0.5)
    return np.tile(np.array(norms), (len(batch), 1))


def layer_energies(
    subject: Subject,
    batch: Dataset,
    *,
    calibration: Sequence[str],
    safety_rank: int,
    system: str | None = None,
    chat: bool = True,
) -> dict[str, np.ndarray]:
    """Per adapted layer and group of prompts, six numbers: see ``ENERGIES``.

    A row of the batch is a group of prompts (column ``prompts``). The safety directions are learnt on ``calibration``, and all
    inputs are those of the BASE model, so that only the layer's own update counts.

    Returns
    -------
    dict of layer name to ndarray, shape (B, 6)
    """
    adapter = subject.adapter
    learnt = adapter.input_moments(list(calibration), chat=chat, system=system)
    tools: dict[str, Any] = {}
    for layer in adapter.layers():
        weight, (left, right, scale) = adapter.weight(layer), adapter.factors(layer)
        rank = max(min(safety_rank, len(weight) // 4), 1)
        directions, energies = safety_directions(weight, learnt[layer][0], rank)
        share = float(energies[: directions.shape[1]].sum() / energies.sum())
        tools[layer] = weight, left, scale * right, directions, share
    rows: dict[str, list[list[float]]] = {layer: [] for layer in tools}
    for prompts in batch.column("prompts"):
        moments = adapter.input_moments(list(prompts), chat=chat, system=system)
        for layer, (weight, left, right, directions, share) in tools.items():
            moment = moments[layer][0]
            small = right @ moment @ right.T
            update = max(float(np.sum((left.T @ left) * small)), 0.0)
            held = energy((directions.T @ left) @ right, moment)
            base = energy(directions.T @ weight, moment), energy(weight, moment)
            rows[layer].append([held, update, *base, directions.shape[1], share])
    return {layer: np.array(values, dtype=np.float64) for layer, values in rows.items()}
