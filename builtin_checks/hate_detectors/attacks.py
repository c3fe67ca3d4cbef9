"""The detector under attack: searched edits, random ones, and a deliberately weak detector that shows that the search works."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

import pytest_trustml as tm
from builtin_checks.hate_detectors.detector import Detector, score_texts

if TYPE_CHECKING:
    from pytest_trustml import Attacked, Dataset, Subject, Trust

ATTACK = "greedy, 1"
"""Name and version of the search: part of the name under which results are kept, and of the record."""
_BATCH = 64
_WEAK_THRESHOLD = 0.5


class Search(NamedTuple):
    """What an attacker may do: calls of the detector per text, share of words to edit, scores or only labels."""

    threshold: float
    max_queries: int
    max_edit_ratio: float
    label_only: bool
    seed: int

    def named(self) -> dict[str, Any]:
        """Everything that success rates depend on: rates of other searches must not be compared with these."""
        return {**self._asdict(), "attack": ATTACK}


def editable(texts: Sequence[str], max_edit_ratio: float) -> np.ndarray:
    """Which texts have enough words for the rules to allow an edit of one of them: (n,) bool.

    >>> editable(["rotten little muppets", "you rotten little muppets"], 0.3).tolist()
    [False, True]
    """
    return np.array(
        [bool(count) and 1 / count <= max_edit_ratio for count in (len(text.split()) for text in texts)], dtype=bool
    )


def attacked(
    subject: Subject,
    batch: Dataset,
    *,
    columns: Sequence[int],
    head: str,
    threshold: float,
    max_queries: int,
    max_edit_ratio: float,
    label_only: bool,
    seed: int,
    canonical: bool,
    attack: str,
) -> list[str]:
    """What became of every text, as JSON of `tm.Attacked`. ``canonical``: the detector reads canonical spelling only."""

    def predict(texts: list[str]) -> np.ndarray:
        scores = score_texts(subject, list(map(tm.canonicalise, texts)) if canonical else texts, columns, head)
        return scores >= threshold if label_only else scores

    found = tm.attack_texts(
        predict, list(batch.column("text")), threshold=threshold, max_queries=max_queries, max_edit_ratio=max_edit_ratio,
        label_only=label_only, seed=seed, batch_size=max(4 * len(batch), 1),
    )  # fmt: skip
    # JSON in plain ASCII: texts of posts may hold anything, lone surrogates included.
    return [json.dumps(msgspec.to_builtins(one)) for one in found]


def run(
    trust: Trust, model: Subject, texts: Dataset, detector: Detector, search: Search, *, canonical: bool = False
) -> list[Attacked]:
    """Attack every text of a data set; paid for once."""
    found = trust.observe(attacked, model, texts, batch_size=_BATCH, canonical=canonical, **detector.params, **search.named())
    return [msgspec.convert(json.loads(one), tm.Attacked) for one in found]


def corrupted_scores(subject: Subject, batch: Dataset, *, columns: Sequence[int], head: str, seed: int) -> np.ndarray:
    """P(hate) of texts with as many random edits as the column ``edits`` says: (B,) float64."""
    counts = [int(count) for count in batch.column("edits")]
    return score_texts(subject, tm.corrupt_texts(list(batch.column("text")), counts, seed=seed), columns, head)


class WeakDetector:
    """A list of words, learnt from the judged texts: it knows how hateful words are spelt and nothing else.

    The weight of a word is how much more often hateful texts have it than others do (naive Bayes), and never below zero, so
    that no harmless word can make up for it; a word that is not on the list weighs nothing. Short words and function words
    are left out, because no edit may touch them. A text is flagged if its words weigh more than those of nearly all harmless
    ones, and at least 0.7 times as much as those of the typical hateful one.

    Parameters
    ----------
    texts : sequence of str
    hateful : ndarray of bool, shape (n,)
        Both classes must occur.
    """

    def __init__(self, texts: Sequence[str], hateful: np.ndarray) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        self._words = CountVectorizer(binary=True, stop_words="english", token_pattern=r"(?u)\b\w{4,}\b")
        has = self._words.fit_transform(texts)
        shares = [(np.asarray(has[rows].sum(axis=0)).ravel() + 1) / (rows.sum() + 2) for rows in (hateful, ~hateful)]
        self._weights = np.maximum(np.log(shares[0] / shares[1]), 0.0)
        sums = has @ self._weights
        self._typical = max(float(np.quantile(sums[~hateful], 0.95)), 0.7 * float(np.median(sums[hateful])), 1e-9)

    def predict(self, texts: list[str]) -> np.ndarray:
        """A score of texts that is 1/2 where their words weigh just as much as it takes to be flagged: (B,)."""
        sums = self._words.transform(texts) @ self._weights
        return sums / (sums + self._typical)


def weak_success(
    texts: Sequence[str], hateful: np.ndarray, search: Search, most: int, rng: np.random.Generator
) -> tuple[int, int]:
    """Successes and attackable texts of the same search against a `WeakDetector`, on at most ``most`` hateful texts."""
    weak = WeakDetector(texts, hateful)
    able = editable(texts, search.max_edit_ratio)
    flagged = np.flatnonzero(hateful & able & (weak.predict(list(texts)) >= _WEAK_THRESHOLD))
    if len(flagged) > most:
        flagged = np.sort(rng.choice(flagged, size=most, replace=False))

    def predict(asked: list[str]) -> np.ndarray:
        scores = weak.predict(asked)
        return scores >= _WEAK_THRESHOLD if search.label_only else scores

    settings = search._replace(threshold=_WEAK_THRESHOLD)._asdict()
    found = tm.attack_texts(predict, [texts[row] for row in flagged], **settings) if len(flagged) else []
    return sum(one.status == "success" for one in found), len(found)
