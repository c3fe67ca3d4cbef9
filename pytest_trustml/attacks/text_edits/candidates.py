"""Where the other spellings of a word come from. Each source names the family of every spelling it offers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from pytest_trustml.attacks.text_edits.canonical import HOMOGLYPHS
from pytest_trustml.attacks.text_edits.edits import FAMILIES, Draw, delete_inner, space_insert, swap_inner
from pytest_trustml.errors import UsageError, unknown

LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Spot(NamedTuple):
    """The word to be edited: its core as it is spelled in the original, its position there, and the text's draws."""

    core: str
    index: int
    draw: Draw

    def choose(self, purpose: str, count: int) -> int:
        """A place for this word and this purpose, from 0 to ``count - 1``."""
        return self.draw.pick(self.index, purpose, count)


Source = Callable[[Spot], Iterator[tuple[str, str]]]
"""Yields pairs (family, other spelling of the core)."""


@dataclasses.dataclass(frozen=True)
class Characters:
    """The character families of `edits`, one spelling each, in the order in which they are named."""

    families: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.families:
            raise UsageError(f"families is empty. Name at least one of {', '.join(FAMILIES)}.")
        for family in self.families:
            if family not in FAMILIES:
                raise UsageError(unknown("family of edits", str(family), FAMILIES))

    def __call__(self, spot: Spot) -> Iterator[tuple[str, str]]:
        for family in self.families:
            yield family, FAMILIES[family](spot.core, spot.choose)


@dataclasses.dataclass(frozen=True)
class Replacements:
    """Other words, best first, in the capitals of the word that they replace; at most ``most`` of them."""

    find: Callable[[str], Sequence[str]]
    most: int | None = None
    family: str = "synonym"

    def __call__(self, spot: Spot) -> Iterator[tuple[str, str]]:
        for word in list(self.find(spot.core.lower()))[: self.most]:
            yield self.family, in_the_capitals_of(spot.core, word)


def in_the_capitals_of(pattern: str, word: str) -> str:
    """A word in capitals, with a capital, or as it is.

    >>> in_the_capitals_of("STUPID", "silly"), in_the_capitals_of("Stupid", "silly"), in_the_capitals_of("sTu", "silly")
    ('SILLY', 'Silly', 'silly')
    """
    if len(pattern) > 1 and pattern.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if pattern.istitle() else word


def deepwordbug_edits(spot: Spot) -> Iterator[tuple[str, str]]:
    """Neighbour swap, random substitution, deletion and insertion, at one random place each (Gao et al. 2018)."""
    core, size = spot.core, len(spot.core)
    if size > 1:
        k = spot.choose("swap", size - 1)
        yield "swap", core[:k] + core[k + 1] + core[k] + core[k + 2 :]
    k = spot.choose("substitute", size)
    yield "substitute", core[:k] + LETTERS[spot.choose("substituted letter", 26)] + core[k + 1 :]
    if size > 1:
        k = spot.choose("delete", size)
        yield "delete", core[:k] + core[k + 1 :]
    k = spot.choose("insert", size + 1)
    yield "insert", core[:k] + LETTERS[spot.choose("inserted letter", 26)] + core[k:]


def textbugger_edits(spot: Spot) -> Iterator[tuple[str, str]]:
    """Inserted space, inner deletion, inner swap, and one look-alike letter at every place in turn (Li et al. 2019)."""
    for family in (space_insert, delete_inner, swap_inner):
        yield family.__name__, family(spot.core, spot.choose)
    for k, letter in enumerate(spot.core):
        if letter in HOMOGLYPHS:
            yield "homoglyph", spot.core[:k] + HOMOGLYPHS[letter] + spot.core[k + 1 :]
