"""Asking the models of a stack: all at once about the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.func import functional_call, vmap

from pytest_trustml.data.dataset import Dataset
from pytest_trustml.shadows.material import Material, inputs_of
from pytest_trustml.shadows.networks import Blueprint
from pytest_trustml.shadows.stack import Stack
from pytest_trustml.shadows.steps import Gradients
from pytest_trustml.subjects.quiet import quiet
from pytest_trustml.subjects.tokens import Tokens

_BATCH = 64


def stacked_logits(blueprint: Blueprint, stack: Stack, dataset: Dataset, column: str, stacked: bool) -> np.ndarray:
    """Logits of every model for every row: (G, N, C) float32; ``stacked`` if they were trained in one vectorised pass."""
    rows, pad = inputs_of(blueprint, dataset, column)
    material = Material(rows, np.zeros(len(dataset), dtype=np.int64), pad)
    # Rows of like length together; where a text stands changes nothing but rounding.
    order = np.argsort([len(row) for row in rows], kind="stable") if material.tokens else np.arange(len(dataset))
    found: np.ndarray | None = None
    for start in range(0, len(order), _BATCH):
        part = order[start : start + _BATCH]
        inputs, there, _, _ = material.batch([part], blueprint.device)
        said = _asked(blueprint, stack, inputs[0], there[0] if there.numel() else there, stacked).float().cpu().numpy()
        if found is None:
            found = np.empty((len(stack), len(order), said.shape[-1]), np.float32)
        found[:, part] = said
    assert found is not None
    return found


def _asked(blueprint: Blueprint, stack: Stack, inputs: torch.Tensor, there: torch.Tensor, stacked: bool) -> torch.Tensor:
    """(G, B, C): in one vectorised pass where the architecture has been seen to allow it."""
    state = {**stack.trained, **stack.rest}
    kwargs = Gradients(stack.skeleton, "classes", stack.kind, stacked, blueprint.causal).arguments(inputs, there)
    with torch.inference_mode():
        if stacked:
            return vmap(lambda own: functional_call(stack.skeleton, own, kwargs=kwargs).logits)(state)
        own = [{name: value[model] for name, value in state.items()} for model in range(len(stack))]
        return torch.stack([functional_call(stack.skeleton, one, kwargs=kwargs).logits for one in own])


def soft_logits(blueprint: Blueprint, stack: Stack, embeddings: torch.Tensor) -> torch.Tensor:
    """Logits for made-up embeddings: (G, Q, C), with gradients into the embeddings and into nothing else."""
    found = []
    for model in range(len(stack)):
        own = {name: value[model] for name, value in {**stack.trained, **stack.rest}.items()}
        found.append(functional_call(stack.skeleton, own, kwargs={"inputs_embeds": embeddings}).logits)
    return torch.stack(found)


def answers(blueprint: Blueprint, state: dict[str, Any], prompts: Sequence[str], max_new_tokens: int) -> list[str]:
    """Greedy answers of one language model."""
    model = blueprint.loaded.model
    model.load_state_dict(state, strict=False)
    model.eval()
    coder = Tokens(blueprint.loaded)
    apart = model.config.is_encoder_decoder
    rows = coder.prompt_ids(list(prompts), False, None, room=0 if apart else max_new_tokens)
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
    found = [""] * len(rows)
    with torch.inference_mode(), quiet():
        for start in range(0, len(order), _BATCH):
            part = order[start : start + _BATCH]
            ids, mask = coder.pad_rows([rows[place] for place in part], left=not apart)
            said = model.generate(
                ids, attention_mask=mask, max_new_tokens=max_new_tokens, do_sample=False, num_beams=1, use_cache=True,
                pad_token_id=coder.pad, eos_token_id=coder.end or None,
            )  # fmt: skip
            for place, row in zip(part, said[:, 1 if apart else ids.shape[1] :].tolist(), strict=True):
                found[place] = coder.text(row)
    return found
