"""Edits of a few words that a person reads over: the simplest ones change the least."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from difflib import SequenceMatcher
from itertools import combinations
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_trustml.attacks.text_edits.attacked import Edit
from pytest_trustml.attacks.text_edits.edits import FAMILIES
from pytest_trustml.attacks.text_edits.words import Words, core, eligible
from pytest_trustml.checks.strategies.kinds import chosen
from pytest_trustml.errors import UsageError

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

_PAGE = 64
_HIDDEN = "•"


class EditedText(msgspec.Struct, frozen=True, kw_only=True):
    """A text and a few edits of its words, made: what `text_edits` draws.

    Parameters
    ----------
    original, text : str
        Before and after.
    edits : tuple of Edit
        In the order of the words.
    number : int
        Which of the texts it was, counted from 0.
    families : tuple of str
        What the strategy may use.
    """

    original: str
    text: str
    edits: tuple[Edit, ...]
    number: int
    families: tuple[str, ...]

    def __str__(self) -> str:
        """What was done, without quoting the text: ``1 edit of text 3: homoglyph in word 2``. Both are counted from 0."""
        count = f"{len(self.edits)} edit{'s' if len(self.edits) != 1 else ''}"
        return f"{count} of text {self.number}: " + ", ".join(f"{edit.family} in word {edit.word}" for edit in self.edits)

    def masked(self) -> str:
        """The edits letter by letter, and nothing else of the text. Letters that stayed, and those that went, are hidden.

        >>> edit = Edit(family="zero_width", word=1, before="muppet!", after="mup\u200bpet!")
        >>> print(EditedText(original="you muppet!", text="you mup\u200bpet!", edits=(edit,), number=0, families=()).masked())
        1 edit of text 0: zero_width in word 1
        zero_width in word 1: •••[+U+200B]••••
        """
        lines = [f"{edit.family} in word {edit.word}: {_difference(edit)}" for edit in self.edits]
        return "\n".join([str(self), *lines])

    def revealed(self) -> str:
        """Both texts in full, and every edit."""
        lines = [f"{edit.family} in word {edit.word}: {edit.before} → {edit.after}" for edit in self.edits]
        return "\n".join([str(self), f"before: {self.original}", f"after:  {self.text}", *lines])

    def simpler(self) -> list[EditedText]:
        """Changes of the same text that are simpler, the simplest first.

        Single edits at the first place of a word, in the order of families and then of words; then some of these edits; then
        the same number of edits with one of them put at an earlier place in that order.
        """
        cut, fitting = Words(self.original), _fitting(self.original, self.families)
        singles = [_edit(cut, word, family, _first) for family, words in fitting.items() for word in words]
        ranks = [self._rank(edit, singles) for edit in self.edits]
        if len(self.edits) == 1:
            return [self._with((edit,)) for edit in singles[: math.ceil(ranks[0])]]
        found = [(edit,) for edit in singles] + [(edit,) for edit in self.edits]
        for size in range(2, len(self.edits)):
            found += combinations(self.edits, size)
        for k, rank in enumerate(ranks):
            others = self.edits[:k] + self.edits[k + 1 :]
            taken = {edit.word for edit in others}
            found += [(*others, edit) for edit in singles[: math.ceil(rank)] if edit.word not in taken]
        return list(dict.fromkeys(self._with(edits) for edits in found))

    def _rank(self, edit: Edit, singles: Sequence[Edit]) -> float:
        """The place of an edit among the single ones; one at a later place in its word comes half a step behind."""
        same = [k for k, single in enumerate(singles) if (single.family, single.word) == (edit.family, edit.word)]
        return same[0] + (0.0 if singles[same[0]] == edit else 0.5)

    def _with(self, edits: Iterable[Edit]) -> EditedText:
        return made(self.original, edits, self.number, self.families)


def made(original: str, edits: Iterable[Edit], number: int, families: tuple[str, ...]) -> EditedText:
    """A text with edits of different words carried out."""
    cut = Words(original)
    ordered = tuple(sorted(edits, key=lambda edit: edit.word))
    words = list(cut.words)
    for edit in ordered:
        words[edit.word] = edit.after
    return EditedText(original=original, text=cut.joined(words), edits=ordered, number=number, families=families)


def text_edits(
    texts: Sequence[str], *, families: Sequence[str] | None = None, max_edits: int = 3
) -> SearchStrategy[EditedText]:
    """Small edits that a person reads over: one of the texts with one to ``max_edits`` of its words misspelt.

    Fewer edits are simpler than more; then comes the family that is first in ``families``, the earlier word and the earlier
    place in the word. Only words of four letters and more are edited, no function words, URLs or mentions, and of a long text
    the first 64 such words.

    Parameters
    ----------
    texts : sequence of str
        Those that have no word to edit are left out.
    families : sequence of str, optional
        Names of ``pytest_trustml.attacks.text_edits.edits.FAMILIES``, all ten by default: swap_inner, delete_inner,
        duplicate_inner, space_insert, leet, homoglyph, zero_width, diacritic, punct_insert, case_flip.
    max_edits : int

    Returns
    -------
    hypothesis strategy of EditedText

    Raises
    ------
    UsageError
        For an unknown family, no edits, or texts in which nothing can be edited.

    Examples
    --------
    >>> from hypothesis import find
    >>> simplest = find(text_edits(["you stupid muppet"], families=["leet", "homoglyph"]), lambda edited: True)
    >>> simplest.text, str(simplest)
    ('you 57up1d muppet', '1 edit of text 0: leet in word 1')
    """
    from hypothesis import strategies as st

    used = chosen(families, FAMILIES, "family of edits")
    if not used or max_edits < 1:
        raise UsageError(f"There are {len(used)} families and max_edits is {max_edits}. A search needs one of each at least.")
    if isinstance(texts, str):
        raise UsageError("texts is one text. Hand in a list of texts.")
    usable = [(number, text) for number, text in enumerate(texts) if _fitting(text, used)]
    if not usable:
        raise UsageError(
            f"None of the {len(texts)} texts has a word that {', '.join(used)} could edit. Hand in texts with words of four "
            "letters and more."
        )

    @st.composite
    def edited(draw: DrawFn) -> EditedText:
        number, text = usable[_place(draw, st, len(usable))]
        cut, fitting = Words(text), _fitting(text, used)
        edits: dict[int, Edit] = {}
        for _ in range(draw(st.integers(1, max_edits))):
            open = {family: [word for word in words if word not in edits] for family, words in fitting.items()}
            families = [family for family, words in open.items() if words]
            if not families:
                break
            family = families[draw(st.integers(0, len(families) - 1))]
            word = open[family][draw(st.integers(0, len(open[family]) - 1))]
            place = draw(st.integers(0, _PAGE - 1))  # also where a family needs none: what draws less would be simpler
            edits[word] = _edit(cut, word, family, lambda purpose, count, place=place: place % count)
        return made(text, edits.values(), number, used)

    return edited()


def _place(draw: DrawFn, st: Any, count: int) -> int:
    """A number below ``count``, drawn digit by digit.

    Of larger ranges hypothesis prefers numbers that stand in the source files of whatever modules happen to be loaded, and the
    same seed would not give the same search everywhere.
    """
    digits = 1
    while _PAGE**digits < count:
        digits += 1
    size = math.ceil(count ** (1 / digits))
    place = 0
    for _ in range(digits):
        place = place * size + draw(st.integers(0, size - 1))
    return place % count


@functools.lru_cache(maxsize=4096)
def _fitting(text: str, families: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Family -> positions of the words that may be edited and that it changes; families without any are left out."""
    words = [(index, word) for index, word in enumerate(Words(text).words) if eligible(word)][:_PAGE]
    fitting = {}
    for family in families:
        changed = []
        for index, word in words:
            first, last = core(word)
            if FAMILIES[family](word[first:last], _first) != word[first:last]:
                changed.append(index)
        if changed:
            fitting[family] = tuple(changed)
    return fitting


def _first(purpose: str, count: int) -> int:
    return 0


def _edit(cut: Words, word: int, family: str, choose: Callable[[str, int], int]) -> Edit:
    before = cut.words[word]
    first, last = core(before)
    after = before[:first] + FAMILIES[family](before[first:last], choose) + before[last:]
    return Edit(family=family, word=word, before=before, after=after)


def _difference(edit: Edit) -> str:
    """What changed in a word, with every letter that stayed hidden."""
    parts = []
    for kind, a, b, c, d in SequenceMatcher(None, edit.before, edit.after, autojunk=False).get_opcodes():
        old, new = edit.before[a:b], edit.after[c:d]
        if kind == "equal":
            parts.append(_HIDDEN * len(old))
        elif kind == "insert":
            parts.append(f"[+{_spelt(new)}]")
        elif kind == "delete":
            parts.append(f"[-{_HIDDEN * len(old)}]")
        else:
            parts.append(f"[{_HIDDEN * len(old)}→{_spelt(new)}]")
    return "".join(parts)


def _spelt(letters: str) -> str:
    """Letters by code point where they are no plain ASCII: a look-alike must be told from the letter."""
    return " ".join(f"U+{ord(letter):04X}" if not letter.isascii() or letter.isspace() else letter for letter in letters)
