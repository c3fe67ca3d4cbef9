"""Ten ways to misspell a word so that people still read it, each one decided by seed, text and position alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol

from pytest_trustml.attacks.text_edits.canonical import HOMOGLYPHS

LEET = dict(zip("aeiostAEIOST", "431057431057", strict=True))
MARKS = "\u0301\u0308\u0300\u0302\u0303"
"""Acute, diaeresis, grave, circumflex and tilde, as combining marks."""


class Draw:
    """Numbers that depend on the seed, the text, the position of the word and the purpose, and on nothing else.

    No state is kept: a text gets the same edits in any batch, in any order and beside any other text.

    Examples
    --------
    >>> draw = Draw(0, "you stupid muppet")
    >>> draw.pick(2, "leet", 5) == Draw(0, "you stupid muppet").pick(2, "leet", 5)
    True
    """

    def __init__(self, seed: int, text: str) -> None:
        self._start = hashlib.blake2b(f"{seed}\n{text}".encode("utf-8", "surrogatepass"), digest_size=8)

    def pick(self, index: int, purpose: str, count: int) -> int:
        """A whole number from 0 to ``count - 1``."""
        state = self._start.copy()
        state.update(f"\n{index}\n{purpose}".encode("utf-8", "surrogatepass"))
        return int.from_bytes(state.digest(), "little") % count


class Chooser(Protocol):
    """Picks one of ``count`` places for one word; what it is for keeps the choices apart."""

    def __call__(self, purpose: str, count: int) -> int: ...


def _inner(core: str) -> list[int]:
    """Positions of the letters that are neither first nor last."""
    return [k for k in range(1, len(core) - 1) if core[k].isalpha()]


def _gaps(core: str) -> list[int]:
    """Places between two letters."""
    return [k for k in range(1, len(core)) if core[k - 1].isalpha() and core[k].isalpha()]


def _at(core: str, places: list[int], choose: Chooser, family: str, change: Callable[[int], str]) -> str:
    return change(places[choose(family, len(places))]) if places else core


def swap_inner(core: str, choose: Chooser) -> str:
    """Two neighbouring inner letters change places."""
    inner = set(_inner(core))
    places = [k for k in sorted(inner) if k + 1 in inner and core[k] != core[k + 1]]
    return _at(core, places, choose, "swap_inner", lambda k: core[:k] + core[k + 1] + core[k] + core[k + 2 :])


def delete_inner(core: str, choose: Chooser) -> str:
    """One inner letter is missing."""
    return _at(core, _inner(core), choose, "delete_inner", lambda k: core[:k] + core[k + 1 :])


def duplicate_inner(core: str, choose: Chooser) -> str:
    """One inner letter stands twice."""
    return _at(core, _inner(core), choose, "duplicate_inner", lambda k: core[: k + 1] + core[k:])


def space_insert(core: str, choose: Chooser) -> str:
    """A space between two letters."""
    return _at(core, _gaps(core), choose, "space_insert", lambda k: core[:k] + " " + core[k:])


def leet(core: str, choose: Chooser) -> str:
    """Digits for letters, everywhere: a4 e3 i1 o0 s5 t7."""
    return "".join(LEET.get(letter, letter) for letter in core)


def homoglyph(core: str, choose: Chooser) -> str:
    """Cyrillic or Greek letters that look the same, everywhere."""
    return "".join(HOMOGLYPHS.get(letter, letter) for letter in core)


def zero_width(core: str, choose: Chooser) -> str:
    """A space of no width (U+200B) between two letters."""
    return _at(core, _gaps(core), choose, "zero_width", lambda k: core[:k] + "\u200b" + core[k:])


def diacritic(core: str, choose: Chooser) -> str:
    """A combining mark on one letter."""
    mark = MARKS[choose("diacritic mark", len(MARKS))]
    places = [k + 1 for k, letter in enumerate(core) if letter.isalpha()]
    return _at(core, places, choose, "diacritic", lambda k: core[:k] + mark + core[k:])


def punct_insert(core: str, choose: Chooser) -> str:
    """A full stop between two letters."""
    return _at(core, _gaps(core), choose, "punct_insert", lambda k: core[:k] + "." + core[k:])


def case_flip(core: str, choose: Chooser) -> str:
    """Every second letter, from the second on, changes its case, unless that would change its length (ß)."""
    return "".join(letter.swapcase() if k % 2 and len(letter.swapcase()) == 1 else letter for k, letter in enumerate(core))


FAMILIES: dict[str, Callable[[str, Chooser], str]] = {
    family.__name__: family
    for family in (
        swap_inner, delete_inner, duplicate_inner, space_insert, leet, homoglyph, zero_width, diacritic, punct_insert,
        case_flip,
    )
}  # fmt: skip
"""In the order in which they are tried. A family that does not apply to a word gives it back unchanged."""
