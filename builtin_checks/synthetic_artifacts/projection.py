"""Texts as points of a plane: TF-IDF, a few singular directions, then t-SNE at the paper's settings or principal components."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

PERPLEXITY = 15.0
DIMENSIONS = 30
METHODS = ("tsne", "pca")


def project(texts: Sequence[str], *, method: str = "tsne", seed: int = 0) -> np.ndarray:
    """Coordinates (n, 2) of texts, scaled to mean 0 and overall standard deviation 1.

    Words weighted by TF-IDF stand in for the paper's word2vec vectors, which are no part of this package; they are learnt from
    these texts alone. t-SNE as in section 3.3 of the paper: perplexity 15, random start. Plots are comparable only if method,
    perplexity and number of texts are the same.

    Parameters
    ----------
    texts : sequence of str, at least 50
    method : ``tsne`` or ``pca``
    seed : int
        Of the random start.

    Raises
    ------
    ValueError
        For too few texts, texts without words, or another method.

    Examples
    --------
    >>> project(["red apple", "green tree"] * 30, method="pca").shape
    (60, 2)
    """
    from sklearn.decomposition import PCA, TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.manifold import TSNE

    if method not in METHODS:
        raise ValueError(f"The projection is {method!r}. Choose {' or '.join(METHODS)}.")
    if len(texts) < 50:
        raise ValueError(
            f"A scatter plot takes at least 50 texts, found {len(texts)}: t-SNE at perplexity 15 means nothing below."
        )
    words = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b").fit_transform(texts)
    size = max(2, min(DIMENSIONS, words.shape[1] - 1, len(texts) - 1))
    if words.shape[1] < 3:
        raise ValueError(f"The texts have {words.shape[1]} different words. A projection needs at least 3.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # shares of variance of texts that are all alike
        vectors = TruncatedSVD(size, random_state=seed).fit_transform(words)
        if method == "pca":
            points = PCA(2, random_state=seed).fit_transform(vectors)
        else:
            points = TSNE(perplexity=PERPLEXITY, init="random", max_iter=500, random_state=seed).fit_transform(vectors)
    points = points - points.mean(axis=0)
    spread = float(points.std())
    return (points / spread if spread > 0 else points).astype(np.float64)
