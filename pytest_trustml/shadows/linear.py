"""Linear shadow models of texts: TF-IDF and a logistic regression, kept as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pytest_trustml.errors import UsageError

_WORDS = 20_000


def reader() -> Any:
    """Words and pairs of words, weighted by how rare they are."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(ngram_range=(1, 2), max_features=_WORDS, sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")


def fit_linear(texts: Sequence[str], targets: np.ndarray, classes: int, seed: int) -> tuple[list[str], dict[str, np.ndarray]]:
    """The vocabulary of one model and its arrays: ``idf`` (V,), ``weights`` (C, V), ``bias`` (C,).

    A class that does not occur in the training set is never named.

    Raises
    ------
    UsageError
        If the training set has a single class or no words.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    if len(np.unique(targets)) < 2:
        raise UsageError("A training set has texts of one class alone. Every model needs at least two.")
    words = reader()
    try:
        features = words.fit_transform(texts)
    except ValueError as error:
        raise UsageError(f"The texts of a training set hold no words ({error}).") from None
    with threadpool_limits(1):  # sums on several threads round differently
        model = LogisticRegression(C=10.0, max_iter=500, random_state=seed).fit(features, targets)
    weights, bias = np.zeros((classes, features.shape[1])), np.full(classes, -30.0)
    if len(model.classes_) == 2:
        weights[model.classes_[1]], bias[model.classes_] = model.coef_[0], (0.0, model.intercept_[0])
    else:
        weights[model.classes_], bias[model.classes_] = model.coef_, model.intercept_
    vocabulary = sorted(words.vocabulary_, key=words.vocabulary_.__getitem__)
    return vocabulary, {"idf": words.idf_, "weights": weights, "bias": bias}


def linear_logits(texts: Sequence[str], vocabulary: Sequence[str], arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Logits of one model: (N, C) float32."""
    words = reader().set_params(vocabulary={word: place for place, word in enumerate(vocabulary)})
    words.idf_ = arrays["idf"]
    return np.asarray(words.transform(texts) @ arrays["weights"].T + arrays["bias"], dtype=np.float32)
