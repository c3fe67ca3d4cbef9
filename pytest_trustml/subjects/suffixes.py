"""Does a language model know how a text goes on? One pass says whether it would recite the rest, and how likely by chance."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from pytest_trustml.errors import UsageError
from pytest_trustml.subjects.passes import parts, scored, wide
from pytest_trustml.subjects.quiet import quiet
from pytest_trustml.subjects.sampling import check_sampling, drawn_logprobs
from pytest_trustml.subjects.tokens import Tokens

SCORES = ("tokens", "logprob", "drawn", "greedy", "start")


def suffix_scores(
    model: Any, coder: Tokens, rows: Sequence[Sequence[int]], prefix: int, suffix: int, sampling: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """See `TextModel.suffix_scores`; ``rows`` are the token ids of the texts.

    That all tokens are the likeliest ones behind their true beginnings is, one after the other, the same as that greedy
    decoding says them: nothing has to be generated.
    """
    pairs = _split(coder, rows, prefix, suffix)
    check_sampling(**sampling)
    found = np.zeros((len(pairs), len(SCORES)))
    for part in parts([head + tail for head, tail in pairs], model.config.get_text_config().vocab_size):
        some = [i for i in part if pairs[i][1]]
        for i, (logits, tail) in zip(some, scored(model, coder, [pairs[i] for i in some]) if some else (), strict=True):
            found[i, :4] = len(tail), *_measured(wide(logits), tail, sampling)
    found[:, 4] = [_number(head) for head, _ in pairs]
    return dict(zip(SCORES, found.T, strict=True))


def recite(model: Any, coder: Tokens, rows: Sequence[Sequence[int]], prefix: int, suffix: int) -> dict[str, Any]:
    """See `TextModel.recite`; all beginnings are continued at once, and their keys and values are kept."""
    pairs = _split(coder, rows, prefix, suffix)
    said: list[list[int]] = [[] for _ in pairs]
    some = [i for i, (_, tail) in enumerate(pairs) if tail]
    if some:
        ids, mask = coder.pad_rows([pairs[i][0] for i in some], left=True)
        longest = max(len(pairs[i][1]) for i in some)
        with quiet():
            answers = model.generate(
                ids, attention_mask=mask, max_new_tokens=longest, do_sample=False, num_beams=1, use_cache=True,
                pad_token_id=coder.pad, eos_token_id=coder.end or None,
            )  # fmt: skip
        for i, answer in zip(some, answers[:, ids.shape[1] :].tolist(), strict=True):
            said[i] = _until_end(answer, coder.end)[: len(pairs[i][1])]
    return {
        "text": [coder.tokenizer.decode(tokens, skip_special_tokens=True) for tokens in said],
        "distance": np.array([_distance(own, tail) for own, (_, tail) in zip(said, pairs, strict=True)]),
    }


def _split(coder: Tokens, rows: Sequence[Sequence[int]], prefix: int, suffix: int) -> list[tuple[list[int], list[int]]]:
    if prefix < 1 or suffix < 1:
        raise UsageError(f"prefix is {prefix} and suffix {suffix}. Both count tokens and are at least 1.")
    room = coder.context
    if room is not None and prefix + suffix > room:
        raise UsageError(
            f"{prefix} + {suffix} tokens do not fit into the context of {coder.name}, which takes {room}. Ask for fewer."
        )
    return [(list(row[:prefix]), list(row[prefix : prefix + suffix])) for row in rows]


def _measured(logits: torch.Tensor, tail: Sequence[int], sampling: Mapping[str, Any]) -> tuple[float, float, float]:
    """Log-probability, log-probability of being drawn, and how many tokens from the start are the likeliest."""
    tokens = torch.tensor(list(tail), device=logits.device)
    chosen = logits.gather(1, tokens[:, None])[:, 0]
    # Greedy decoding takes the first of equals, so a token is right only if it is that one.
    right = (logits.argmax(1) == tokens).long().cumprod(0).sum()
    logprob = (chosen - logits.logsumexp(1)).sum()
    return float(logprob), float(drawn_logprobs(logits, tokens, **sampling).sum()), float(right)


def _until_end(tokens: Sequence[int], end: Sequence[int]) -> list[int]:
    return list(tokens[: next((place for place, token in enumerate(tokens) if token in end), len(tokens))])


def _distance(said: Sequence[int], tail: Sequence[int]) -> float:
    """Levenshtein distance over the longer length."""
    if not tail:
        return float("nan")
    row = np.arange(len(tail) + 1)
    other = np.asarray(tail)
    for count, token in enumerate(said, 1):
        changed = np.minimum(row[1:] + 1, row[:-1] + (other != token))
        # Insertions run along the row: the least of what stands to the left plus the steps from there.
        steps = np.arange(len(tail) + 1)
        row = np.minimum.accumulate(np.concatenate(([count], changed)) - steps) + steps
    return float(row[-1] / max(len(said), len(tail)))


def _number(tokens: Sequence[int]) -> int:
    """48 bits of a digest: exact as a float."""
    digest = hashlib.sha256(np.asarray(tokens, dtype="<i8").tobytes()).digest()
    return int.from_bytes(digest[:6], "little")
