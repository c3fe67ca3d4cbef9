"""Which word matters most to the victim."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

from pytest_trustml.attacks.text_edits.words import core

if TYPE_CHECKING:
    from pytest_trustml.attacks.text_edits.search import Ask, Search


def order(score: float) -> float:
    """Scores for comparison: log-odds to five digits.

    Spellings that a victim cannot tell apart must tie, although its arithmetic rounds differently in every batch; and a victim
    that is very sure of itself must not hide what lowers its score.

    >>> order(0.5) == order(0.5 + 1e-7), order(0.999999) == order(0.9999999)
    (True, False)
    """
    score = min(max(score, 1e-12), 1 - 1e-12)
    return round(math.log(score / (1 - score)), 5)


def ranked(search: Search, places: list[int]) -> Generator[Ask, Sequence[Any], list[int] | None]:
    """The positions in ``places``, most important word first, ties in the order of the text; None if the budget ended.

    In label-only mode a seeded random order: a missing word seldom flips an answer, and nothing else would show.
    """
    if search.rules.label_only:
        return sorted(places, key=lambda k: search.draw.pick(k, "order", 2**64))
    if len(places) == 1:
        return places
    if search.recipe.ranking == "delete":
        scores = yield from search.scores([search.cut.without(k, search.spelling) for k in places])
    else:
        scores = yield from search.scores([_masked(search, k) for k in places])
    if None in scores:
        return None
    if search.recipe.ranking in ("delete", "unk"):
        return _by([order(score) for score in scores], places)
    weights = _softmax([search.after - score for score in scores])
    gains = yield from _gains(search, places)
    if gains is None:
        return None
    return _by([round(-weight * gain, 9) for weight, gain in zip(weights, gains, strict=True)], places)


def _by(keys: Sequence[float], places: list[int]) -> list[int]:
    """Lowest first, ties in the order of the text."""
    return [place for _, place in sorted(zip(keys, places, strict=True))]


def _masked(search: Search, index: int) -> str:
    """The text with the unknown word in the place of one core."""
    head, tail = search.cut.around(search.spelling, index)
    word = search.spelling[index]
    first, last = core(word)
    return head + word[:first] + search.recipe.unknown + word[last:] + tail


def _gains(search: Search, places: list[int]) -> Generator[Ask, Sequence[Any], list[float] | None]:
    """What the best replacement of each word gains; 0 for a word without replacements.

    As published, the gain is 1 minus the score instead of the drop of the score, which ranks words without a useful
    replacement nearly as high as the others.
    """
    every, spans = [], []
    for index in places:
        tries = yield from search.tries(index)
        spans.append(range(len(every), len(every) + len(tries)))
        every += [one.text for one in tries]
    scores = yield from search.scores(every)
    if None in scores:
        return None
    start = 1.0 if search.recipe.ranking == "saliency_as_published" else search.after
    return [start - min(scores[k] for k in span) if span else 0.0 for span in spans]


def _softmax(values: list[float]) -> list[float]:
    highest = max(values)
    powers = [math.exp(value - highest) for value in values]
    total = math.fsum(powers)
    return [power / total for power in powers]
