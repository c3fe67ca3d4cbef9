"""Detectors made up for these tests: what they do is known, so what an attack finds on them is known too."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Sequence

WEIGHTS = {"they": 0.1, "are": 0.0, "awful": 1.2, "stupid": 1.5, "people": 0.2, "really": 0.3, "muppet": 1.4, "rotten": 0.9}


def word_score(text: str, weights: dict[str, float] = WEIGHTS) -> float:
    """Logistic regression on words, the victim of the method's worked trace; unknown words weigh nothing."""
    return 1 / (1 + math.exp(1 - sum(weights.get(word, 0.0) for word in text.split())))


def on_words(texts: list[str]) -> list[float]:
    return [word_score(text) for text in texts]


def on_lower_words(texts: list[str]) -> list[float]:
    return on_words([text.lower() for text in texts])


def on_hash(texts: list[str]) -> list[float]:
    """Any score for any text, always the same: a victim without rhyme or reason."""
    return [int.from_bytes(hashlib.sha256(t.encode("utf-8", "surrogatepass")).digest()[:4]) / 2**32 for t in texts]


class Counted:
    """Keeps what a victim is asked."""

    def __init__(self, predict: Callable[[list[str]], Sequence[float]]) -> None:
        self.predict = predict
        self.batches: list[list[str]] = []

    def __call__(self, texts: list[str]) -> Sequence[float]:
        self.batches.append(list(texts))
        return self.predict(texts)

    @property
    def asked(self) -> Counter[str]:
        return Counter(text for batch in self.batches for text in batch)


RUDE = [
    "they are really awful stupid people",
    "you stupid muppet, they are awful people",
    "what a rotten muppet and what awful stupid manners they show here",
    "they are really nice people",
    "The people there are stupid, rotten and really awful; see https://example.com/muppet @muppet #stupid",
    "stupid stupid stupid muppet talks about stupid muppet things every single morning",
]
