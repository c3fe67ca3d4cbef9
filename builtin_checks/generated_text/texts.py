"""Texts made comparable before anything is measured: no duplicates, no shared beginnings, and two parts that share no pair."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm

_PIECE = re.compile(r"\S+")


class Sides(NamedTuple):
    """Human and machine texts."""

    human: tm.Dataset
    machine: tm.Dataset


def comparable(human: tm.Dataset, machine: tm.Dataset) -> Sides:
    """Each text once, and without the beginning that a machine's text took over from the human one of its pair.

    A prompt that both continue tells nothing about who wrote it, and a detector that sees it in both is judged too well or too
    badly by chance. Pairs are told by the column ``pair``, where both sets have it.
    """
    human, machine = distinct(human), distinct(machine)
    if not paired(human, machine):
        return Sides(human, machine)
    originals: dict[str, str] = {}
    for pair, text in zip(human.column("pair"), human.column("text"), strict=True):
        originals.setdefault(str(pair), text)
    shared: dict[str, int] = {}
    shortened = []
    for pair, text in zip(machine.column("pair"), machine.column("text"), strict=True):
        same = common_words(originals.get(str(pair), ""), text)
        shared[str(pair)] = max(same, shared.get(str(pair), 0))
        shortened.append(without_words(text, same))
    rest = [
        without_words(text, shared.get(str(pair), 0))
        for pair, text in zip(human.column("pair"), human.column("text"), strict=True)
    ]
    return Sides(human.with_columns(text=rest), machine.with_columns(text=shortened))


def paired(human: tm.Dataset, machine: tm.Dataset) -> bool:
    return "pair" in human.columns and "pair" in machine.columns


def distinct(data: tm.Dataset) -> tm.Dataset:
    """The rows without those whose text has the same words as one before, in the order of their ids."""
    texts, ids = data.column("text"), data.ids
    first: dict[str, int] = {}
    for index in sorted(range(len(data)), key=ids.__getitem__):
        if not isinstance(texts[index], str):
            raise tm.DataError(f"Row {ids[index]} of {data.spec} has a {type(texts[index]).__name__} where a text should be.")
        first.setdefault(wording(texts[index]), index)
    return data.take(list(first.values()))


def wording(text: str) -> str:
    """What makes two texts the same: their words, whatever their case and spacing."""
    return " ".join(text.lower().split())


def common_words(one: str, other: str) -> int:
    """How many words two texts begin with in common.

    >>> common_words("It was a dark night.", "It was a  bright day.")
    3
    """
    count = 0
    for first, second in zip(one.split(), other.split(), strict=False):
        if first != second:
            break
        count += 1
    return count


def without_words(text: str, count: int) -> str:
    """The text without its first words.

    >>> without_words("It was a dark\\nnight.", 3)
    'dark\\nnight.'
    """
    if count == 0:
        return text
    for place, piece in enumerate(_PIECE.finditer(text)):
        if place == count:
            return text[piece.start() :]
    return ""


def first_words(text: str, count: int) -> str:
    """The text up to its word number ``count``, as it is written.

    >>> first_words("It was\\n a dark night.", 3)
    'It was\\n a'
    """
    for place, piece in enumerate(_PIECE.finditer(text), 1):
        if place == count:
            return text[: piece.end()]
    return text


def units(data: tm.Dataset, by_pair: bool) -> list[Hashable]:
    """What belongs together: the pair, else the author, else the row alone."""
    for column in (["pair"] if by_pair else []) + ["author"]:
        if column in data.columns:
            return [f"{column} {value}" if value is not None else f"row {name}" for value, name in _named(data, column)]
    return [f"row {name}" for name in data.ids]


def _named(data: tm.Dataset, column: str) -> Sequence[tuple[object, str]]:
    return list(zip(data.column(column), data.ids, strict=True))


def split(sides: Sides, share: float, seed: int) -> tuple[Sides, Sides]:
    """Two parts of both sets, the first with about ``share`` of the texts, that have no pair and no author in common.

    The first sets thresholds and trains what has to be trained, the second is judged. The draw depends on the seed and on
    the names of pairs, authors or rows alone.
    """
    by_pair = paired(*sides)
    names = [units(side, by_pair) for side in sides]
    chosen: set[Hashable] = set()
    for part, group in enumerate([[*names[0], *names[1]]] if by_pair else names):
        known = sorted(set(group), key=str)
        rng = tm.generator(seed, "generated_text", "split", str(part))
        chosen.update(known[index] for index in rng.permutation(len(known))[: round(share * len(known))])
    first, second = ([], [])
    for side, own in zip(sides, names, strict=True):
        inside = np.array([name in chosen for name in own], dtype=bool)
        first.append(side.take(np.flatnonzero(inside)))
        second.append(side.take(np.flatnonzero(~inside)))
    return Sides(*first), Sides(*second)
