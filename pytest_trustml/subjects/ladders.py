"""Prompts that each begin with the one before: one pass over the longest answers all of them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from pytest_trustml.errors import DataError, Unsupported, UsageError
from pytest_trustml.subjects.passes import parts, wide
from pytest_trustml.subjects.tokens import Tokens


def ladder_logprobs(
    model: Any, coder: Tokens, ladders: Sequence[Sequence[str]], tokens: Sequence[int], chat: bool, system: str | None
) -> list[np.ndarray]:
    """See `TextModel.ladder_logprobs`.

    What a causal model says behind a prompt does not depend on what follows it, so the longest prompt of a ladder shows the
    guesses behind all the others, provided that their tokens are the beginnings of its tokens.
    """
    if model.config.is_encoder_decoder:
        raise Unsupported(f"{coder.name} is an encoder-decoder, which reads a prompt as a whole. Ask prompt by prompt.")
    vocabulary = model.config.get_text_config().vocab_size
    bad = [token for token in tokens if not 0 <= token < vocabulary]
    if bad:
        raise DataError(f"The vocabulary of {coder.name} has ids 0 to {vocabulary - 1}, found {bad[0]}.")
    rows, places = [], []
    for number, ladder in enumerate(ladders):
        if not ladder:
            raise UsageError(f"Ladder {number} has no prompt. Give one at least.")
        steps = coder.prompt_ids(list(ladder), chat, system)
        for step in steps[:-1]:
            if steps[-1][: len(step)] != step:
                raise Unsupported(
                    f"The tokens of prompt {steps.index(step)} of ladder {number} are not the beginning of those of the last "
                    "one, so one pass cannot answer both. Ask prompt by prompt."
                )
        rows.append(steps[-1])
        places.append([len(step) - 1 for step in steps])
    found = [np.empty(0)] * len(rows)
    wanted = list(tokens)
    for part in parts(rows, vocabulary):
        ids, mask = coder.pad_rows([rows[i] for i in part])
        kept = sorted({place for i in part for place in places[i]})
        if "logits_to_keep" not in inspect.signature(model.forward).parameters:
            kept = list(range(ids.shape[1]))
        how = {"logits_to_keep": torch.tensor(kept, device=ids.device)} if len(kept) < ids.shape[1] else {}
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False, **how).logits
        position = {place: index for index, place in enumerate(kept)}
        for row, i in enumerate(part):
            slots = wide(logits[row, [position[place] for place in places[i]]])
            guesses = torch.log_softmax(slots, -1)
            best = guesses.amax(-1, keepdim=True)
            found[i] = torch.cat([guesses[:, wanted], best], 1).cpu().numpy()
    return found
