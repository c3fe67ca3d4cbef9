"""How far an edited text is from its original. Words are maximal runs without white space, in both texts alike."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from pytest_trustml.errors import DataError

if TYPE_CHECKING:
    import numpy as np


def levenshtein(before: str, after: str) -> int:
    """How many characters must be inserted, deleted or exchanged to make one text from the other.

    Bit-parallel (Myers 1999, in the form of Hyyrö 2001): one whole number holds a column of the table.

    >>> levenshtein("stupid", "st upid"), levenshtein("kitten", "sitting"), levenshtein("", "abc")
    (1, 3, 3)
    """
    if not before or not after:
        return len(before) + len(after)
    size = len(before)
    places: dict[str, int] = {}
    for k, letter in enumerate(before):
        places[letter] = places.get(letter, 0) | 1 << k
    full, last = (1 << size) - 1, 1 << (size - 1)
    up, down, distance = full, 0, size
    for letter in after:
        match = places.get(letter, 0)
        diagonal = (((match & up) + up) ^ up) | match | down
        rise = down | (full & ~(diagonal | up))
        fall = diagonal & up
        distance += bool(rise & last) - bool(fall & last)
        rise = rise << 1 | 1
        up = full & (fall << 1 | ~(diagonal | rise))
        down = full & rise & diagonal
    return distance


def common_subsequence(before: Sequence[Hashable], after: Sequence[Hashable]) -> int:
    """Length of the longest sequence of elements that both have in this order, not necessarily in a row.

    Bit-parallel (Hyyrö 2004).

    >>> common_subsequence("a b c d e".split(), "x b c y e".split())
    3
    """
    places: dict[Hashable, int] = {}
    for k, element in enumerate(before):
        places[element] = places.get(element, 0) | 1 << k
    full = (1 << len(before)) - 1
    rest = full
    for element in after:
        match = rest & places.get(element, 0)
        rest = (rest + match | rest - match) & full
    return len(before) - rest.bit_count()


def word_modification_rate(original: str, text: str) -> float:
    """The share of the original's words that are not kept in order: (n - LCS) / n, in [0, 1].

    Appended words change nothing. An inserted space costs the word it splits, and no word behind it.

    Raises
    ------
    DataError
        If the original has no words.

    Examples
    --------
    >>> word_modification_rate("they are awful stupid people", "they are awful st upid people")
    0.2
    >>> word_modification_rate("they are awful stupid people", "they awful stupid people")
    0.2
    """
    words = original.split()
    if not words:
        raise DataError("The original text has no words, so no share of them is kept. Leave empty texts out.")
    return (len(words) - common_subsequence(words, text.split())) / len(words)


def meteor(original: str, text: str) -> float:
    """METEOR with exact matches only, the original as reference: alpha 0.9, beta 3, gamma 0.5; in [0, 1).

    F = P R / (alpha P + (1 - alpha) R) over the matched words, times 1 - gamma (chunks / matches) ** beta. Words are compared
    in lower case. A text does not score 1 against itself (six words: 0.9977).

    Raises
    ------
    DataError
        If one of the texts has no words.

    References
    ----------
    Lavie and Agarwal 2007, "METEOR: An Automatic Metric for MT Evaluation with High Levels of Correlation with Human
    Judgments", section 2, with the parameters of NLTK.

    Examples
    --------
    >>> round(meteor("the cat sat on the mat", "the cat sat on the hat"), 6)
    0.83
    """
    reference, hypothesis = original.lower().split(), text.lower().split()
    if not reference or not hypothesis:
        raise DataError("METEOR compares words, and one of the texts has none. Leave empty texts out.")
    partner = _aligned(reference, hypothesis)
    matches = len(partner)
    if not matches:
        return 0.0
    chunks = sum(partner.get(k - 1, -2) + 1 != place for k, place in partner.items())
    precision, recall = matches / len(hypothesis), matches / len(reference)
    mean = precision * recall / (0.9 * precision + 0.1 * recall)
    return mean * (1 - 0.5 * (chunks / matches) ** 3)


def _aligned(reference: list[str], hypothesis: list[str]) -> dict[int, int]:
    """For every matched word of the hypothesis its place in the reference: as many as there are, in long runs first."""
    partner: dict[int, int] = {}
    for block in difflib.SequenceMatcher(None, reference, hypothesis, autojunk=False).get_matching_blocks():
        partner.update((block.b + k, block.a + k) for k in range(block.size))
    taken = set(partner.values())
    free: dict[str, list[int]] = {}
    for place in reversed(range(len(reference))):
        if place not in taken:
            free.setdefault(reference[place], []).append(place)
    for place, word in enumerate(hypothesis):
        if place not in partner and free.get(word):
            partner[place] = free[word].pop()
    return partner


def angular_similarity(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """1 - arccos(cosine) / pi of the rows of two arrays (N, d): 1 for the same direction, 0 for the opposite.

    Raises
    ------
    DataError
        If a row is all zeros or not finite: it has no direction.

    Examples
    --------
    >>> angular_similarity([[1, 0], [1, 0], [1, 0]], [[2, 0], [0, 1], [-1, 0]]).tolist()
    [1.0, 0.5, 0.0]
    """
    import numpy as np

    left, right = np.asarray(left, np.float64), np.asarray(right, np.float64)
    lengths = np.linalg.norm(left, axis=-1) * np.linalg.norm(right, axis=-1)
    if not (np.isfinite(lengths) & (lengths > 0)).all():
        raise DataError("An embedding is all zeros or not finite and has no direction. Look at what the encoder gives.")
    cosine = np.clip((left * right).sum(-1) / lengths, -1, 1)
    return 1 - np.arccos(cosine) / np.pi
