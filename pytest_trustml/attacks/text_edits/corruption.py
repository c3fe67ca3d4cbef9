"""The control of an attack: as many edits as it made, but anywhere and of any kind, as hurried typing would leave them."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_trustml.attacks.text_edits.candidates import Characters, Spot
from pytest_trustml.attacks.text_edits.edits import FAMILIES, Draw
from pytest_trustml.attacks.text_edits.words import STOPLIST, Words, core, eligible
from pytest_trustml.errors import DataError, UsageError


def corrupt_texts(
    texts: Sequence[str],
    counts: Sequence[int],
    families: Sequence[str] = tuple(FAMILIES),
    *,
    seed: int = 0,
    least_letters: int = 4,
    stopwords: frozenset[str] = STOPLIST,
) -> list[str]:
    """Texts with random edits to random words, to be shown to the victim beside the results of an attack.

    What a detector misses on these it would miss on typos. The attack's success rate minus the rate on these is what the search
    adds: it separates a weakness that must be looked for from one that turns up by itself.

    Parameters
    ----------
    texts : sequence of str
        The originals, ``[result.original for result in results]``.
    counts : sequence of int
        How many words to edit in each, ``[len(result.edits) for result in results]``. A text with fewer words that may be
        edited gets all of them edited.
    families : sequence of str
        What to choose from, as in `greedy_edits`.
    seed : int
        Another seed than the attack's gives other places in the words as well.
    least_letters, stopwords : int, frozenset of str
        Which words may be edited, as in `Recipe`.

    Returns
    -------
    list of str
        Each depends on its own text, its count, the families and the seed alone.

    Raises
    ------
    DataError, UsageError
        If the lengths differ, a count is negative or a family is unknown.

    Examples
    --------
    >>> corrupt_texts(["you really stupid muppet"] * 2, [0, 1], ["delete_inner"])
    ['you really stupid muppet', 'you really stupid mupet']
    """
    Characters(tuple(families))  # refuses unknown names
    if len(texts) != len(counts):
        raise DataError(f"There are {len(texts)} texts and {len(counts)} counts. Give one count per text.")
    found = []
    for text, count in zip(texts, counts, strict=True):
        if count < 0:
            raise UsageError(f"A count of edits is never negative, found {count}.")
        found.append(_corrupted(text, int(count), tuple(families), seed, least_letters, stopwords))
    return found


def _corrupted(
    text: str, count: int, families: tuple[str, ...], seed: int, least_letters: int, stopwords: frozenset[str]
) -> str:
    cut, draw = Words(text), Draw(seed, text)
    words = list(cut.words)
    places = [k for k, word in enumerate(words) if eligible(word, least_letters, stopwords)]
    for k in sorted(places, key=lambda k: draw.pick(k, "corrupted", 2**64)):
        if count <= 0:
            break
        first, last = core(words[k])
        spot = Spot(words[k][first:last], k, draw)
        spellings = [FAMILIES[family](spot.core, spot.choose) for family in families]
        # A family that leaves this word as it is would be an edit that is counted and not made.
        spellings = [spelling for spelling in spellings if spelling != spot.core]
        if spellings:
            words[k] = words[k][:first] + spellings[spot.choose("corruption", len(spellings))] + words[k][last:]
            count -= 1
    return cut.joined(words)
