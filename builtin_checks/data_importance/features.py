"""What importance is computed from: embeddings of an encoder that is not the judged model, or the content itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import pytest_trustml as tm
from builtin_checks.data_importance.roles import Pictures, Valuation, input_column
from builtin_checks.data_importance.score import normalised

SIDE = 16
"""Pixels to which pictures are scaled before their values are compared."""
TOPICS = 100
_SEED = 0


def embedded(
    trust: tm.Trust, reference: tm.Subject | None, sets: Mapping[str, tm.Dataset], valuation: Valuation
) -> tuple[dict[str, np.ndarray], str]:
    """One row per record of every set, all in one space, and in words where they come from.

    Parameters
    ----------
    reference : Subject or None
        A model with an encoder, not the one that is judged.
    sets : mapping of name to Dataset

    Returns
    -------
    dict of name to float64 array (n, d), and the source

    Raises
    ------
    UsageError
        If an encoder is asked for and there is none.
    DataError
        If the sets hold inputs of different kinds, or embeddings that are not finite.
    """
    columns = {input_column(data) for data in sets.values()}
    if len(columns) > 1:
        raise tm.DataError(f"Some sets hold {' and others '.join(sorted(columns))}s. All must hold the same kind of input.")
    (column,) = columns
    encodes = reference is not None and reference.why_not("encoder") is None
    if valuation.features == "encoder" and not encodes:
        why = "there is no reference model" if reference is None else reference.why_not("encoder")
        raise tm.UsageError(
            f"features is 'encoder', but {why}. Supply --trustml-reference-model=SPEC, or features = 'content'."
        )
    if encodes and valuation.features != "content":
        assert reference is not None
        found = {name: trust.observe(tm.embed, reference, data, column=column) for name, data in sets.items()}
        source = "embeddings of the reference model"
    elif column == "image":
        found = {name: pixel_features(data) for name, data in sets.items()}
        source = f"pixels at {SIDE} x {SIDE}"
    else:
        found = text_features(sets)
        source = f"TF-IDF of words, {next(iter(found.values())).shape[1]} components"
    for name, rows in found.items():
        if not np.isfinite(rows).all():
            raise tm.DataError(
                f"The {source} of {name} hold NaN or infinite values. Take another encoder, or features = 'content'."
            )
    rows = {name: np.asarray(each, dtype=np.float64) for name, each in found.items()}
    return {name: normalised(each) if valuation.distance == "cosine" else each for name, each in rows.items()}, source


def pixel_features(data: tm.Dataset) -> np.ndarray:
    """Pictures as numbers from -1 to 1: (n, 16 * 16 * 3) float32."""
    from PIL import Image

    pictures = Pictures(data)
    found = np.empty((len(pictures), SIDE * SIDE * 3), dtype=np.float32)
    for row in range(len(pictures)):
        small = pictures[row].resize((SIDE, SIDE), Image.Resampling.BOX)
        found[row] = np.asarray(small, dtype=np.float32).reshape(-1) / 127.5 - 1
    return found


def text_features(sets: Mapping[str, tm.Dataset]) -> dict[str, Any]:
    """Texts as their topics: TF-IDF of all words that occur, and its first singular vectors over all sets. (n, <= 100) each.

    >>> rows = text_features({"a": tm.Dataset({"text": ["red cat", "red dog", "blue cat"]})})["a"]
    >>> rows.shape[0], bool(abs(rows).sum() > 0)
    (3, True)
    """
    from scipy.sparse.linalg import svds
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = {name: list(data.column("text")) for name, data in sets.items()}
    matrix = TfidfVectorizer(token_pattern=r"(?u)\w+", sublinear_tf=True).fit_transform(
        [t for own in texts.values() for t in own]
    )
    most = min(matrix.shape) - 1
    if most < 1:
        raise tm.DataError(
            "The texts have fewer than two different words or rows, so nothing tells them apart. Give more texts."
        )
    start = np.random.default_rng(_SEED).normal(size=min(matrix.shape))
    left, sizes, _ = svds(matrix, k=min(TOPICS, most), v0=start)
    rows = left * sizes
    ends = np.cumsum([0, *map(len, texts.values())])
    return {name: rows[start:stop] for name, start, stop in zip(texts, ends[:-1], ends[1:], strict=True)}
