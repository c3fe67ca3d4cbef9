"""The cheapest copy: logistic regression on words and pieces of words, as fastText sees a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pytest_trustml.errors import DataError

if TYPE_CHECKING:
    import numpy as np

REGULARISATION = 100.0
"""scikit-learn's C. With a few hundred texts, each a TF-IDF vector of length 1, smaller values leave the answer with the more
frequent label; larger ones change nothing."""


def fit_linear(texts: Sequence[str], targets: np.ndarray) -> Callable[[list[str]], Any]:
    """Train on scores: each text counts as positive with its score as weight, and as negative with the rest.

    Where all targets are labels, both labels together get the same weight: otherwise a copy of a detector that flags most texts
    needs many more of them to tell any apart. Features are the TF-IDF of words and pairs of words, and of runs of 2 to 5
    characters within words, so that unusual spellings of known words are near them; all in lower case.

    Parameters
    ----------
    texts : sequence of str, length n
    targets : array of float in [0, 1], shape (n,)
        Both sides of 0.5 or at least one score strictly between 0 and 1 must occur.

    Returns
    -------
    callable
        A list of texts to (B,) scores. The same texts and targets give the same function: no random number is drawn.

    References
    ----------
    Joulin et al. 2016, arXiv 1607.01759 (bags of words and pairs); Bojanowski et al. 2017, TACL 5, 135-146 (character runs).
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_union

    if not any(letter.isalnum() for text in texts for letter in text):
        raise DataError(f"None of the {len(texts)} texts has a letter or a digit, so that nothing can be learnt from them.")
    features = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+"),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    )
    rows = features.fit_transform(texts)
    only_labels = bool(np.isin(targets, (0.0, 1.0)).all())
    weights = np.concatenate([targets, 1 - targets])
    counts = weights > 0
    both = np.concatenate([np.arange(len(targets))] * 2)[counts]
    labels = np.repeat([1, 0], len(targets))[counts]
    model = LogisticRegression(C=REGULARISATION, max_iter=2000, class_weight="balanced" if only_labels else None)
    model.fit(rows[both], labels, sample_weight=weights[counts])

    def score(batch: list[str]) -> np.ndarray:
        return model.predict_proba(features.transform(batch))[:, 1]

    return score
