"""Attacks as data: what is tried on which words, in which order, and what an edited text must still be."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal

from pytest_trustml.attacks.text_edits.candidates import Characters, Replacements, Source
from pytest_trustml.attacks.text_edits.constraints import Constraint, Similarity
from pytest_trustml.attacks.text_edits.edits import FAMILIES
from pytest_trustml.attacks.text_edits.synonyms import Synonyms, open_synonyms
from pytest_trustml.attacks.text_edits.words import STOPLIST
from pytest_trustml.errors import UsageError

Ranking = Literal["delete", "unk", "saliency", "saliency_as_published"]

KEPT_FIRST = (
    "leet", "punct_insert", "space_insert", "delete_inner", "swap_inner", "duplicate_inner", "homoglyph", "diacritic",
    "zero_width", "case_flip",
)  # fmt: skip
"""Which edit a victim that gives no scores is left with when none flips it: those that no normalisation undoes come first."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """One attack. Words are ranked, then edited one after the other as long as that helps.

    Parameters
    ----------
    name : str
    sources : tuple of Source
        Where other spellings come from, in the order in which ties are decided.
    ranking : {"delete", "unk", "saliency", "saliency_as_published"}
        How much a word matters: the score without it; with ``unknown`` in its place; the softmax of the latter's drop times
        the best gain of a replacement; or times 1 minus the best score, as the published code has it.
    constraints : tuple of Constraint
        Every one must allow an edited text before the victim sees it.
    similarity : Similarity or None
        The least similarity in the eyes of an encoder. Of several edits that evade, the most similar one is taken.
    stopwords : frozenset of str
        Lower case; never edited. URLs, mentions and hashtags never are either.
    least_letters : int
        Words with fewer letters are left alone.
    block : int or None
        Words are ranked and edited in blocks of this many, in the order of the text, so that long texts do not spend the
        whole budget on the ranking.
    kept_first : tuple of str
        In label-only mode: the family whose edit is kept when none flips the answer.
    writers : tuple of callables
        Rewriting instead of editing: each gives one candidate for the whole text; nothing is ranked.
    """

    name: str
    sources: tuple[Source, ...] = ()
    ranking: Ranking = "delete"
    constraints: tuple[Constraint, ...] = ()
    similarity: Similarity | None = None
    stopwords: frozenset[str] = STOPLIST
    least_letters: int = 1
    block: int | None = None
    unknown: str = "[UNK]"
    kept_first: tuple[str, ...] = ()
    writers: tuple[Callable[[list[str]], list[str]], ...] = ()

    def __post_init__(self) -> None:
        if bool(self.sources) == bool(self.writers):
            raise UsageError(f"The recipe {self.name!r} needs either sources of edits or writers, not both and not neither.")
        if self.block is not None and self.block < 1:
            raise UsageError(f"A block holds at least 1 word, found {self.block}.")


def greedy_edits(families: Sequence[str] = tuple(FAMILIES), synonyms: Synonyms | None = None) -> Recipe:
    """The attack that needs nothing but the detector: ten kinds of misspelling, most important words first.

    Parameters
    ----------
    families : sequence of str
        Some of swap_inner, delete_inner, duplicate_inner, space_insert, leet, homoglyph, zero_width, diacritic,
        punct_insert, case_flip.
    synonyms : mapping, callable, path or None
        Other words to try as well, as a further family ``synonym``: a dictionary of lists, a function from a word to a list,
        WordNet's ``dict`` folder, or a file of word vectors (text, or ``.npz`` with ``words`` and ``vectors``).

    Returns
    -------
    Recipe
        For `attack_texts`. Words of at least four letters outside a list of a hundred function words are edited.

    Examples
    --------
    >>> greedy_edits(["leet", "homoglyph"]).name
    'greedy'
    """
    sources: list[Source] = [Characters(tuple(families))]
    if synonyms is not None:
        sources.append(Replacements(open_synonyms(synonyms)))
    return Recipe(name="greedy", sources=tuple(sources), least_letters=4, block=64, kept_first=KEPT_FIRST)
