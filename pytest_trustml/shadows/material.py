"""What shadow models are trained on and asked about, as tensors: encoded once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from pytest_trustml.data.dataset import Dataset
from pytest_trustml.errors import DataError, UsageError
from pytest_trustml.result.plain import line
from pytest_trustml.shadows.networks import Blueprint
from pytest_trustml.subjects.pictures import pixels
from pytest_trustml.subjects.tokens import Tokens, check_texts

FARAWAY = -1e9
_PICTURES = 256
_NOTHING = -100  # a target that is none, as torch has it


class Material:
    """Rows of inputs with their targets.

    Parameters
    ----------
    rows : list of list of int, or tensor
        Token ids, or pixels or features of shape (N, ...).
    targets : array of int, shape (N,)
        Classes; for language how many tokens of each row are given, or of an encoder-decoder the ids to write, (N, T).
    """

    def __init__(self, rows: Any, targets: np.ndarray, pad: int = 0) -> None:
        self.rows, self.targets, self.pad = rows, targets, pad

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def tokens(self) -> bool:
        return isinstance(self.rows, list)

    @property
    def sizes(self) -> list[int]:
        """How many tokens each row has; none for pictures and features."""
        return [len(row) for row in self.rows] if self.tokens else []

    def batch(self, picks: Sequence[np.ndarray], device: str) -> tuple[torch.Tensor, ...]:
        """For each of G models some rows: inputs (G, B, ...), presence (G, B, T) of tokens, targets and weights (G, B).

        Models with fewer rows get repeated ones of weight 0.
        """
        size = max(1, *(len(own) for own in picks))
        place = np.zeros((len(picks), size), dtype=np.int64)
        weights = torch.zeros(len(picks), size)
        for model, own in enumerate(picks):
            place[model, : len(own)] = own
            place[model, len(own) :] = own[0] if len(own) else 0
            weights[model, : len(own)] = 1.0
        targets = torch.from_numpy(self.targets[place])
        if not self.tokens:
            return self.rows[torch.from_numpy(place)].to(device), torch.empty(0), targets.to(device), weights.to(device)
        chosen = [[self.rows[index] for index in own] for own in place]
        width = max(1, *(len(row) for own in chosen for row in own))
        ids = torch.full((len(picks), size, width), self.pad, dtype=torch.long)
        there = torch.zeros(len(picks), size, width)
        for model, own in enumerate(chosen):
            for number, row in enumerate(own):
                ids[model, number, : len(row)] = torch.tensor(row)
                there[model, number, : len(row)] = 1
        there[..., 0] = 1  # a row without any token still has a place to look at
        return ids.to(device), there.to(device), targets.to(device), weights.to(device)


def read_targets(data: Dataset, column: str, labels: Sequence[str]) -> np.ndarray:
    """Numbers of the classes: (N,) int64. Names are compared without case and blanks."""
    known = {str(name).strip().lower(): number for number, name in enumerate(labels)}
    found = []
    for place, value in enumerate(data.column(column)):
        name = str(value).strip().lower()
        if name not in known:
            raise DataError(
                f"Row {data.ids[place]} of {line(data.spec)} has the {column} {line(str(value))!r}, which is none of the "
                f"classes {', '.join(labels)}."
            )
        found.append(known[name])
    return np.array(found, dtype=np.int64)


def inputs_of(blueprint: Blueprint, data: Dataset, column: str) -> tuple[Any, int]:
    """Token ids of texts with the padding id, or the pixels of pictures."""
    loaded = blueprint.loaded
    cells = data.column(column)
    if blueprint.role.input == "image":
        blocks = [pixels(loaded, list(cells[start : start + _PICTURES])).cpu() for start in range(0, len(cells), _PICTURES)]
        return torch.cat(blocks), 0
    check_texts(cells, column)
    limit = min(value for value in (blueprint.training.max_tokens, Tokens(loaded).context) if value)
    tokenizer = loaded.tokenizer
    rows = [list(tokenizer(text, truncation=True, max_length=limit)["input_ids"]) for text in cells]
    return rows, Tokens(loaded).pad


def lessons_of(blueprint: Blueprint, data: Dataset, text: str, prompt: str) -> tuple[list[list[int]], np.ndarray, int]:
    """Token ids of prompts with the texts that are to follow them and an end, and how many of them are given.

    Of an encoder-decoder: the ids of the prompts, and those of the texts, (N, T) with -100 where there are none.

    Raises
    ------
    DataError
        If a prompt leaves no room for what is to be learnt. Texts that are too long lose their end.
    """
    coder = Tokens(blueprint.loaded)
    prompts = data.column(prompt) if prompt in data.columns else [""] * len(data)
    end = coder.end[:1]
    limit = min(value for value in (blueprint.training.max_tokens, coder.context) if value)
    pairs = coder.continued_ids(list(prompts), list(data.column(text)), False, None)
    apart = blueprint.config.is_encoder_decoder
    for place, (head, _) in enumerate(pairs):
        if len(head) > limit or (len(head) == limit and not apart):
            raise DataError(
                f"The {prompt} of row {data.ids[place]} of {line(data.spec)} has {len(head)} tokens, and models are trained on "
                f"{limit} at most, the text included. Shorten it, or raise max_tokens."
            )
    if apart:
        tails = [[*tail, *end][:limit] for _, tail in pairs]
        targets = np.full((len(tails), max(map(len, tails))), _NOTHING, dtype=np.int64)
        for place, tail in enumerate(tails):
            targets[place, : len(tail)] = tail
        return [head for head, _ in pairs], targets, coder.pad
    rows = [[*head, *tail, *end][:limit] for head, tail in pairs]
    return rows, np.array([len(head) for head, _ in pairs], dtype=np.int64), coder.pad


def check_members(members: Sequence[Any], seeds: Sequence[int], size: int) -> list[np.ndarray]:
    """Row numbers of each model's training set."""
    if not len(members) or len(members) != len(seeds):
        raise UsageError(f"There are {len(members)} training sets and {len(seeds)} seeds. Every model has one of each.")
    found = []
    for number, own in enumerate(members):
        rows = np.asarray(own)
        if rows.dtype == bool:
            if rows.shape != (size,):
                raise UsageError(
                    f"The training set of model {number} is {rows.size} truth values, but there are {size} rows. Give one for "
                    "each row, or row numbers."
                )
            rows = np.flatnonzero(rows)
        if not rows.size:
            raise UsageError(f"The training set of model {number} is empty. Give it rows.")
        if rows.ndim != 1 or rows.dtype.kind not in "iu":
            raise UsageError(
                f"The training set of model {number} is an array of {rows.dtype} of shape {rows.shape}. It is a list of row "
                "numbers, or of one truth value per row."
            )
        beyond = rows[(rows < 0) | (rows >= size)]
        if len(beyond):
            raise UsageError(f"The training set of model {number} names row {beyond[0]}, but there are {size} rows, from 0.")
        found.append(rows.astype(np.int64))
    return found
