"""What the two models are asked: embeddings of a few pairs, and three similarities for each of the many.

The pairs are streamed: what is kept of one is three numbers per model, whatever the number of views and dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import pytest_trustml as tm
from builtin_checks.clip_memorization.score import normalise, terms_of_means
from builtin_checks.clip_memorization.views import caption_views, image_views, pictures


def embeddings(subject: tm.Subject, batch: tm.Dataset) -> dict[str, np.ndarray]:
    """Normalised embeddings of every image, uncropped, and of its first caption: (B, d) float32 each."""
    captions = [views[0] for views in caption_views(batch)]
    images = normalise(subject.pairs.embed_images(list(pictures(batch))), "the embedding of the image of pair", batch.ids)
    return {"image": images.astype(np.float32), "caption": _texts(subject, captions).astype(np.float32)}


def terms(
    subject: tm.Subject,
    batch: tm.Dataset,
    *,
    views: int,
    seed: int,
    crop: float,
    flip: bool,
    view_pairing: str,
    p_bar: Sequence[float] | None,
    q_bar: Sequence[float] | None,
) -> dict[str, np.ndarray]:
    """Matched and unrelated similarities of every pair, ``pos``, ``neg_t`` and ``neg_i``: (B,) float64 each.

    All views of a batch go through the image tower at once, every distinct caption of it once through the text tower.
    ``p_bar`` and ``q_bar`` are the mean held-out embeddings of this model.
    """
    size = subject.pairs.image_size
    crops = [
        view
        for image, name in zip(pictures(batch), batch.ids, strict=True)
        for view in image_views(image, name, views, size, seed=seed, smallest=crop, flip=flip)
    ]
    rows = np.asarray(subject.pairs.embed_images(crops))
    u = normalise(rows.reshape(len(batch), views, -1), "the embedding of the image of pair", batch.ids)
    captions = caption_views(batch)
    distinct = {caption: row for row, caption in enumerate(dict.fromkeys(c for own in captions for c in own))}
    texts = _texts(subject, list(distinct))
    v = [texts[[distinct[caption] for caption in own]] for own in captions]
    pos = None
    if view_pairing == "paired":
        pos = np.array([np.einsum("kd,kd->", images, own) / views for images, own in zip(u, v, strict=True)])
    v_bar = np.stack([own.mean(axis=0) for own in v])
    return terms_of_means(u.mean(axis=1), v_bar, p_bar, q_bar, pos)._asdict()


def _texts(subject: tm.Subject, captions: list[str]) -> np.ndarray:
    return normalise(subject.pairs.embed_texts(captions), "the embedding of the caption", captions)


def matched_first(images: np.ndarray, captions: np.ndarray) -> float:
    """How often a pair's own caption is closer to its image than another pair's, and its own image than another's: 0 to 1.

    Parameters
    ----------
    images, captions : array of shape (N, d), N >= 2
        Normalised embeddings; row i of both is one pair. Meant for a few hundred pairs: it compares all with all.

    Returns
    -------
    float
        1 for a model that tells all pairs apart, 1/2 for one that tells nothing: ties count one half.

    Examples
    --------
    >>> matched_first(np.eye(3), np.eye(3)), matched_first(np.ones((3, 1)), np.ones((3, 1)))
    (1.0, 0.5)
    """
    n = len(images)
    similar = np.asarray(images, dtype=np.float64) @ np.asarray(captions, dtype=np.float64).T
    own = np.diag(similar)
    wins = 0.0
    for other, mine in ((similar, own[:, None]), (similar, own[None, :])):
        gap = mine - other
        gap[np.abs(gap) < 1e-6] = 0  # equal embeddings differ by rounding
        wins += float((np.sign(gap).sum() / 2 + (n * n - n) / 2) / (n * n - n))
    return wins / 2


def matched_gap(images: np.ndarray, captions: np.ndarray) -> float:
    """By how much matching halves are closer than mismatched ones on average: cosine, the scale of a model's similarities.

    Parameters
    ----------
    images, captions : array of shape (N, d), N >= 2
        Normalised embeddings; row i of both is one pair.

    Examples
    --------
    >>> matched_gap(np.eye(3), np.eye(3))
    1.0
    """
    n = len(images)
    images, captions = np.asarray(images, dtype=np.float64), np.asarray(captions, dtype=np.float64)
    matched = float(np.einsum("nd,nd->", images, captions))
    return matched / n - (float(images.sum(axis=0) @ captions.sum(axis=0)) - matched) / (n * n - n)
