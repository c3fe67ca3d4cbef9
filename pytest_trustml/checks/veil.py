"""What a report must not tell: texts of the data and answers of the model, found again in words that quote them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

HIDDEN = "[…]"
# By whether a text is ASCII: others say more with fewer letters.
_PIECE = {True: 8, False: 4}  # letters per piece looked up
_STEP = {True: 4, False: 2}  # letters from one piece to the next: every run of the shortest length holds a whole piece
_SHORTEST = {True: 12, False: 6}  # a common run that is shorter may be chance
_AT_AN_END = {True: 10, False: 5}  # the same for the beginning or end of a text, of which shortened quotes consist
_WHOLE = {True: 6, False: 3}  # a whole cell or answer that is shorter (a label, a number) says too little


class Veil:
    """Knows every text that a process has read as data or heard from a model, and hides them where they are quoted.

    Hidden are runs of 12 letters and more (6 outside ASCII) that stand anywhere in a known text, of 10 (5) at its beginning or
    end, and whole known texts from 6 letters (3). Upper and lower case do not matter. Shorter words, labels for example, are
    not hidden, nor is what a check made of a text (its letters reversed) or got from the model without ``trust.observe``.

    Examples
    --------
    >>> veil = Veil()
    >>> veil.know([["How do I pick the lock of a car?", "yes"]])
    >>> veil.over("cannot parse 'pick the lock of a' as yes or no")
    "cannot parse '[…]' as yes or no"
    >>> veil.quotes("there are 7 layers")
    False
    """

    def __init__(self) -> None:
        self._known: list[Any] = []
        self._lists: set[int] = set()

    def know(self, texts: Iterable[Any]) -> None:
        """Remember columns, observations or single texts. Arrays of numbers hold none."""
        for value in texts:
            if isinstance(value, dict):
                self.know([list(value), *value.values()])
            elif isinstance(value, list) and all(isinstance(entry, str) for entry in value):
                name = hash(tuple(value))
                if name not in self._lists:  # checks read the same columns and share what was observed
                    self._lists.add(name)
                    self._known.append(value)
            elif not hasattr(value, "dtype"):
                self._known.append(value)

    def overhear(self, traceback: TracebackType | None) -> None:
        """Remember the texts that the running functions held when an error left them: the model's answers so far.

        Only functions below the batches of an observation are looked at. Others work with what was observed.
        """
        inside = False
        while traceback is not None:
            frame = traceback.tb_frame
            inside = inside or frame.f_globals.get("__name__") == "pytest_trustml.work.batches"
            if inside:
                self.know(value for value in frame.f_locals.values() if isinstance(value, str | list | tuple | dict))
            traceback = traceback.tb_next

    def holds(self, texts: Iterable[str]) -> set[str]:
        """Those of the texts that are known word for word, however short they are."""
        wanted = {_folded(text.strip()): text for text in texts if text.strip()}
        return {wanted[known] for text in _texts(self._known) if (known := _folded(text.strip())) in wanted}

    def quotes(self, text: str) -> bool:
        """Whether something known stands in a text."""
        return self.over(text) != text

    def over(self, text: str) -> str:
        """The text with what is known hidden."""
        return self.over_all([text])[0]

    def over_all(self, texts: Sequence[str]) -> list[str]:
        """The same for several texts, in one pass over what is known."""
        if not self._known or not any(texts):
            return list(texts)
        search = _Search(texts)
        for known in _texts(self._known):
            search.look_for(known)
        return search.hidden()


class _Search:
    """Where known texts stand in a few others."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.folded = [_folded(text) for text in texts]
        self.marks = [bytearray(len(text)) for text in texts]
        self.pieces = {ascii: _pieces(self.folded, size) for ascii, size in _PIECE.items()}
        self.all = "\0".join(self.folded)
        self.seen: set[str] = set()

    def look_for(self, known: str) -> None:
        known = _folded(known.strip())
        ascii = known.isascii()
        if len(known) < _WHOLE[ascii] or known in self.seen:
            return
        if len(known) < 2 * _PIECE[ascii]:
            self.seen.add(known)
            if known in self.all:
                self._mark_whole(known)
        size, pieces = _PIECE[ascii], self.pieces[ascii]
        last = len(known) - size
        for start in (*range(0, last, _STEP[ascii]), last) if last >= 0 else ():
            for index, place in pieces.get(known[start : start + size], ()):
                self._mark(index, place, known, start)

    def _mark_whole(self, known: str) -> None:
        for index, text in enumerate(self.folded):
            for found in re.finditer(rf"(?<!\w){re.escape(known)}(?!\w)", text):
                self.marks[index][found.start() : found.end()] = b"\1" * len(known)

    def _mark(self, index: int, place: int, known: str, start: int) -> None:
        """Grow a common piece to both sides and mark it if it is long enough."""
        text, marks = self.folded[index], self.marks[index]
        if marks[place]:
            return
        low, high = 0, 0
        while place - low > 0 and start - low > 0 and text[place - low - 1] == known[start - low - 1]:
            low += 1
        while place + high < len(text) and start + high < len(known) and text[place + high] == known[start + high]:
            high += 1
        run = text[place - low : place + high]
        at_an_end = start == low or start + high == len(known)
        if len(run.strip()) >= (_AT_AN_END if at_an_end else _SHORTEST)[run.isascii()]:
            marks[place - low : place + high] = b"\1" * (low + high)

    def hidden(self) -> list[str]:
        found = []
        for text, marks in zip(self.texts, self.marks, strict=True):
            if not any(marks):
                found.append(text)
                continue
            parts, at = [], 0
            for run in re.finditer(rb"\x01+", marks):
                parts += [text[at : run.start()], HIDDEN]
                at = run.end()
            found.append("".join([*parts, text[at:]]))
        return found


def _pieces(texts: Sequence[str], size: int) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for index, text in enumerate(texts):
        for place in range(len(text) - size + 1):
            found.setdefault(text[place : place + size], []).append((index, place))
    return found


def _folded(text: str) -> str:
    """Lower case, letter by letter, so that places stay the same."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _texts(value: Any) -> Iterator[str]:
    """Every text in nested lists and dicts; of images the names of their files."""
    if isinstance(value, str):
        yield value
        if not value.isascii():
            yield value.encode("ascii", "backslashreplace").decode()
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _texts(entry)
    elif isinstance(value, Path):
        yield value.name
    elif hasattr(value, "pick"):
        yield from _texts(list(getattr(value, "_sources", ())))
