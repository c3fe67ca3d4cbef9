"""The small language model of the demo release: its tokenizer, its training, and what it writes itself.

All of it runs on one thread: the model is so small that more threads cost more than they bring, and the numbers do not depend
on how many cores there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import pytest_trustml as tm

CONTEXT = 160
_SPECIALS = 3


class Recipe(NamedTuple):
    """How long and how fast: steps, stretches of text per step and their tokens, highest learning rate."""

    steps: int
    batch: int
    width: int
    rate: float


def fit(model: Any, tokenizer: Any, texts: Sequence[str], recipe: Recipe, seed: int, step: Callable[[int], None]) -> None:
    """Train the model to continue stretches of the texts, which stand one after the other."""
    import torch

    rows = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    stream = np.concatenate([[tokenizer.bos_token_id, *row] for row in rows])
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=recipe.steps, pct_start=0.1)
    model.train()
    with tm.one_thread():
        for _ in range(recipe.steps):
            starts = rng.integers(0, len(stream) - recipe.width, recipe.batch)
            ids = torch.tensor(np.stack([stream[start : start + recipe.width] for start in starts]))
            loss = model(input_ids=ids, labels=ids).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step(1)
    model.eval()


def write(
    model: Any,
    tokenizer: Any,
    n: int,
    seed: int,
    *,
    temperature: float,
    tokens: int,
    step: Callable[[int], None],
    batch: int = 64,
) -> list[str]:
    """``n`` different texts of ``tokens`` tokens each that the model makes up at a temperature."""
    import torch
    from transformers import GenerationConfig

    habits = GenerationConfig(
        do_sample=True, temperature=temperature, top_k=0, top_p=1.0, min_new_tokens=tokens, max_new_tokens=tokens,
        suppress_tokens=list(range(_SPECIALS)), pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    found: dict[str, None] = {}
    with tm.one_thread(), tm.own_randomness(seed), tm.quiet(), torch.inference_mode():
        while len(found) < n:
            start = torch.full((batch, 1), tokenizer.bos_token_id)
            ids = model.generate(start, attention_mask=torch.ones_like(start), generation_config=habits)
            for text in tokenizer.batch_decode(ids[:, 1:].tolist(), clean_up_tokenization_spaces=False):
                found.setdefault(text)
            step(min(n, len(found)))
    return list(found)[:n]
