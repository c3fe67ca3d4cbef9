"""What a detector is asked about texts: one forward pass of a language model, or of a classifier, and nothing twice."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

import pytest_trustml as tm
from builtin_checks.generated_text.texts import first_words

Found = dict[str, np.ndarray]


class TwoModels:
    """A language model with the reference it is compared with token by token, as one thing to observe."""

    def __init__(self, model: tm.Subject, reference: tm.Subject) -> None:
        self.model, self.reference = model, reference
        self.id = f"{model.id} with {reference.id}"
        self.fingerprint = hashlib.sha256(f"{model.fingerprint}\0{reference.fingerprint}".encode()).hexdigest()
        self.dtype, self.device_class = f"{model.dtype}, {reference.dtype}", model.device_class
        self.cacheable = model.cacheable and reference.cacheable


def guesses(subject: Any, batch: tm.Dataset, *, max_tokens: int, bos: bool, draws: int = 0, seed: int = 0) -> Found:
    """Sums of a language model's guesses, with those of the reference if there are two models: see `TextModel.score_tokens`."""
    return look_at_guesses(subject, batch.column("text"), max_tokens=max_tokens, bos=bos, draws=draws, seed=seed)


def opinions(subject: Any, batch: tm.Dataset, *, max_tokens: int, classes: Sequence[int]) -> Found:
    """A classifier's log-odds of the machine's classes against all others, and how many words it was shown."""
    return look_at_opinions(subject, batch.column("text"), max_tokens=max_tokens, classes=classes)


def look_at_guesses(subject: Any, texts: Sequence[str], *, max_tokens: int, bos: bool, draws: int = 0, seed: int = 0) -> Found:
    """`guesses` of bare texts."""
    asked = {"max_tokens": max_tokens, "bos": bos} | ({"draws": draws, "seed": seed} if draws else {})
    if isinstance(subject, TwoModels):
        return dict(subject.model.text.score_tokens(texts, reference=subject.reference.text, **asked))
    return dict(subject.text.score_tokens(texts, **asked))


def look_at_opinions(subject: Any, texts: Sequence[str], *, max_tokens: int, classes: Sequence[int]) -> Found:
    """`opinions` of bare texts."""
    shown = [first_words(text, max_tokens) for text in texts]
    logits = np.asarray(subject.classifier.logits(shown), dtype=float)
    machine = np.isin(np.arange(logits.shape[1]), list(classes))
    odds = np.logaddexp.reduce(logits[:, machine], axis=1) - np.logaddexp.reduce(logits[:, ~machine], axis=1)
    return {"log_odds": odds, "tokens": np.array([len(text.split()) for text in shown], dtype=float)}
