"""Paired trials: every target once among the demonstrations of a prompt, and once not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.icl_membership.prompt import Record, normal

NEAR = 0.8
"""Share of common words from which another record counts as the target itself."""


class Trial(NamedTuple):
    """A target and the demonstrations of one prompt. ``position`` is the target's place among them, -1 if it is not there."""

    target: Record
    shown: tuple[Record, ...]
    position: int
    number: int

    @property
    def member(self) -> bool:
        return self.position >= 0


def paired_trials(records: Sequence[Record], targets: int, shots: int, rng: np.random.Generator) -> list[Trial]:
    """Two trials per target, the one with the target first; its positions are balanced.

    The demonstrations of both prompts are drawn anew. None of them shares more than `NEAR` of its words with the target.

    Raises
    ------
    DataError
        If there are not enough records.
    """
    if shots < 1 or targets < 1:
        raise tm.UsageError(f"shots is {shots} and targets {targets}. A prompt has one demonstration at least, and one target.")
    if len(records) < 2 * shots + 2:
        raise tm.DataError(
            f"There are {len(records)} different demonstrations. Prompts of {shots} need at least {2 * shots + 2}: give the "
            "pool that demonstrations are taken from, not only those of one prompt."
        )
    order = sorted(range(len(records)), key=lambda place: records[place].id)
    chosen = [order[place] for place in rng.permutation(len(order))[:targets]]
    words = [set(normal(record.text).split()) for record in records]
    trials = []
    for number, place in enumerate(chosen):
        position = number % shots
        inside = _others(place, shots - 1, order, words, rng)
        inside.insert(position, place)
        outside = _others(place, shots, order, words, rng)
        trials.append(Trial(records[place], tuple(records[i] for i in inside), position, number))
        trials.append(Trial(records[place], tuple(records[i] for i in outside), -1, number))
    return trials


def _others(target: int, count: int, order: Sequence[int], words: Sequence[set[str]], rng: np.random.Generator) -> list[int]:
    found: list[int] = []
    for place in rng.permutation(len(order)):
        if len(found) == count:
            break
        other = order[place]
        if other != target and _overlap(words[other], words[target]) <= NEAR:
            found.append(other)
    if len(found) < count:
        raise tm.DataError(
            "The demonstrations are too much alike: a target has not enough others that differ from it in a fifth of their "
            "words. Give more of them, or fewer shots."
        )
    return found


def _overlap(one: set[str], other: set[str]) -> float:
    return len(one & other) / max(1, len(one | other))
