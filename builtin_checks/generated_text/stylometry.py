"""Human or machine, told from style alone, without any model: the blind baseline that every detector must beat."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

FEATURES = ("mean word length", "sentence length variation", "mean sentence length", "type-token ratio")
PENALTY = 1e-3
_WORD = re.compile(r"[A-Za-z']+")
_ENDS = re.compile(r"[.!?]+\s+")
_VOWELS = re.compile(r"[aeiouy]+")


def words(text: str) -> list[str]:
    """Words of Latin letters and apostrophes, as they are written.

    >>> words("Don't stop - it's 9 o'clock.")
    ["Don't", 'stop', "it's", "o'clock"]
    """
    return _WORD.findall(text)


def sentence_lengths(text: str) -> list[int]:
    """Words per sentence; pieces without a word do not count.

    >>> sentence_lengths("One two three. Four! (Five six?) ...")
    [3, 1, 2]
    """
    return [length for piece in _ENDS.split(text) if (length := len(words(piece)))]


def features(text: str) -> np.ndarray:
    """The four `FEATURES` of a text: (4,). A text without words has NaN everywhere, one sentence a variation of 0."""
    found = [word.lower() for word in words(text)]
    if not found:
        return np.full(len(FEATURES), np.nan)
    lengths = sentence_lengths(text)
    return np.array([np.mean([len(word) for word in found]), variation(lengths), np.mean(lengths), type_token_ratio(found)])


def variation(lengths: Sequence[float]) -> float:
    """Coefficient of variation: population standard deviation over mean.

    >>> round(variation([5, 9, 14, 8]), 6)
    0.360041
    """
    return float(np.std(lengths) / np.mean(lengths))


def burstiness(lengths: Sequence[float]) -> float:
    """(sd - mean) / (sd + mean), in [-1, 1]: -1 for sentences that are all of one length (Goh and Barabasi 2008).

    >>> round(burstiness([5, 9, 14, 8]), 6)
    -0.470544
    """
    spread, mean = float(np.std(lengths)), float(np.mean(lengths))
    return (spread - mean) / (spread + mean)


def type_token_ratio(found: Sequence[str], window: int | None = None) -> float:
    """Different words over words; with a window the mean over all stretches of that many words (MATTR).

    >>> found = "the cat sat on the mat and the dog sat".split()
    >>> round(type_token_ratio(found), 6), round(type_token_ratio(found, 5), 6)
    (0.7, 0.9)
    """
    if window is None or window >= len(found):
        return len(set(found)) / len(found)
    stretches = range(len(found) - window + 1)
    return float(np.mean([len(set(found[start : start + window])) / window for start in stretches]))


def yule_k(found: Sequence[str]) -> float:
    """Yule's K, 10^4 (sum_i f_i^2 - N) / N^2: how likely two words of the text are the same one.

    >>> yule_k("the cat sat on the mat and the dog sat".split())
    800.0
    """
    counts = np.array(list(Counter(found).values()))
    return float(1e4 * (np.sum(counts**2) - len(found)) / len(found) ** 2)


def hapax_share(found: Sequence[str]) -> float:
    """Words that occur once, over words.

    >>> hapax_share("the cat sat on the mat and the dog sat".split())
    0.5
    """
    return sum(count == 1 for count in Counter(found).values()) / len(found)


def flesch(word_count: int, sentences: int, syllables: int) -> float:
    """Flesch's reading ease: 206.835 - 1.015 words/sentences - 84.6 syllables/words.

    >>> round(flesch(100, 5, 150), 3)
    59.635
    """
    return 206.835 - 1.015 * word_count / sentences - 84.6 * syllables / word_count


def syllables(word: str) -> int:
    """Groups of vowels, without a silent e at the end: a rough count for English.

    >>> [syllables(word) for word in ("cat", "table", "made", "really")]
    [1, 2, 1, 2]
    """
    groups = len(_VOWELS.findall(word.lower()))
    silent = word.lower().endswith("e") and not word.lower().endswith("le") and groups > 1
    return max(1, groups - silent)


def portrait(text: str) -> dict[str, float]:
    """Everything that the comparison of human and machine texts lists, by name; NaN without words."""
    found = [word.lower() for word in words(text)]
    names = (*FEATURES, "MATTR of 50 words", "Yule's K", "share of words used once", "burstiness", "Flesch reading ease")
    if not found:
        return dict.fromkeys(names, float("nan"))
    lengths = sentence_lengths(text)
    ease = flesch(len(found), len(lengths), sum(map(syllables, found)))
    more = [type_token_ratio(found, 50), yule_k(found), hapax_share(found), burstiness(lengths), ease]
    return dict(zip(names, [*features(text).tolist(), *more], strict=True))


class Logistic(NamedTuple):
    """A fitted logistic regression on standardised columns."""

    centre: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    intercept: float

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Log-odds of the positive class: (n,)."""
        return (np.asarray(rows, dtype=float) - self.centre) / self.spread @ self.weights + self.intercept


def fit_logistic(rows: np.ndarray, positive: np.ndarray, penalty: float = PENALTY) -> Logistic:
    """Logistic regression with an L2 penalty of ``penalty`` times half the squared weights, per sample.

    Parameters
    ----------
    rows : array of float, shape (n, k)
        A column that never changes gets the weight it deserves, none.
    positive : array of bool, shape (n,)
        Both classes must occur. They count alike, however many samples each has.
    """
    from sklearn.linear_model import LogisticRegression

    rows = np.asarray(rows, dtype=float)
    centre, spread = rows.mean(axis=0), rows.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    model = LogisticRegression(C=1 / (penalty * len(rows)), max_iter=2000, class_weight="balanced")
    model.fit((rows - centre) / spread, np.asarray(positive, dtype=int))
    return Logistic(centre, spread, model.coef_[0], float(model.intercept_[0]))
