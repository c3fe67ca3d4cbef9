"""Forward passes of language models over texts of many lengths, in pieces whose logits fit into memory."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from pytest_trustml.subjects.tokens import Tokens

MOST_LOGITS = 2**26
"""Logits held at once (float32: 256 MiB): batches are cut so that positions x vocabulary stay below."""


def scored(model: Any, tokens: Tokens, rows: Sequence[tuple[list[int], list[int]]]) -> Iterator[tuple[torch.Tensor, list[int]]]:
    """Per row the logits (T_i, V) that predict its tail, and the tail."""
    if model.config.is_encoder_decoder:
        first = model.config.decoder_start_token_id
        first = tokens.pad if first is None else first
        ids, mask = tokens.pad_rows([head for head, _ in rows])
        ahead, _ = tokens.pad_rows([[first, *tail[:-1]] for _, tail in rows])
        logits = model(input_ids=ids, attention_mask=mask, decoder_input_ids=ahead, use_cache=False).logits
        for i, (_, tail) in enumerate(rows):
            yield logits[i, : len(tail)], tail
        return
    ids, mask = tokens.pad_rows([head + tail[:-1] for head, tail in rows])
    skip, keep = 0, {}
    if "logits_to_keep" in inspect.signature(model.forward).parameters:
        skip = min(len(head) for head, _ in rows) - 1  # logits of the shared stretch of prompt are never made
        keep = {"logits_to_keep": torch.arange(skip, ids.shape[1], device=ids.device)}
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False, **keep).logits
    for i, (head, tail) in enumerate(rows):
        start = len(head) - 1 - skip
        yield logits[i, start : start + len(tail)], tail


def wide(tensor: torch.Tensor) -> torch.Tensor:
    """As float64, which mps does not have."""
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).double()


def parts(rows: Sequence[Sequence[int]], vocabulary: int) -> Iterator[list[int]]:
    """Indices of the rows in groups whose logits fit, rows of similar length together."""
    order, part, width = sorted(range(len(rows)), key=lambda i: (len(rows[i]), i)), [], 0
    for i in order:
        width = max(width, len(rows[i]), 1)
        if part and (len(part) + 1) * width * vocabulary > MOST_LOGITS:
            yield part
            part, width = [], max(len(rows[i]), 1)
        part.append(i)
    if part:
        yield part
