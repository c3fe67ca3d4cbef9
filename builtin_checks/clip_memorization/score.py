"""CLIPMem on arrays: how much more strongly a model aligns a pair than a twin that never saw it.

Everything here takes embeddings and returns numbers. Rows are normalised first and averaged afterwards; because a mean of
scalar products is the scalar product of means, one pair costs O(d) and no matrix of pairs by held-out items is ever made.

References
----------
.. [1] Wang, Dziedzic, Kim, Backes, Boenisch, "Captured by Captions: On Memorization and its Mitigation in CLIP Models",
   ICLR 2025, arXiv:2502.07830, definition of CLIPMem (section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

NEG_WEIGHTS = (1.0, 0.5, 0.0)
VIEW_PAIRINGS = ("cross", "paired")
SCALES = ("raw", "maxabs", "range")


class BadEmbedding(ValueError):
    """An embedding without a direction: zero, NaN or infinite."""


class Terms(NamedTuple):
    """The three similarities of every pair under one model: (N,) float64 each, cosine, between -1 and 1."""

    pos: np.ndarray
    neg_t: np.ndarray
    neg_i: np.ndarray


class Scores(NamedTuple):
    """Raw score of every pair (N,) with what it is made of: the terms of both models."""

    raw: np.ndarray
    f: Terms
    g: Terms


def normalise(rows: np.ndarray, what: str = "embedding", names: Sequence[str] | None = None) -> np.ndarray:
    """Scale every vector of the last axis to length one, in float64.

    Parameters
    ----------
    rows : array of shape (..., d)
        Embeddings. Any positive scale; the temperature of a model does not matter.
    what : str
        How to call a row in the error message.
    names : sequence of str, optional
        Names of the rows for that message, along the first axis; their number stands in otherwise.

    Raises
    ------
    BadEmbedding
        (a ValueError) If a row is zero, NaN or infinite. No epsilon is added, because a vector without a direction has no
        similarity with anything.

    Examples
    --------
    >>> normalise(np.array([[3.0, 4.0]])).tolist()
    [[0.6, 0.8]]
    """
    rows = np.asarray(rows, dtype=np.float64)
    if rows.ndim < 1 or rows.shape[-1] == 0:
        raise ValueError(f"Embeddings need a last axis of at least one number, found the shape {rows.shape}.")
    largest = np.abs(rows).max(axis=-1, keepdims=True)  # scaled by it, squares neither overflow nor vanish
    bad = ~np.isfinite(largest[..., 0]) | (largest[..., 0] == 0)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        place = repr(names[where[0]]) if names is not None else str(where[0] if len(where) == 1 else where)
        found = "length 0" if largest[where][0] == 0 else "numbers that are NaN or infinite"
        raise BadEmbedding(
            f"{what} {place} has {found}: it has no direction and no similarity with anything. "
            "Look at what the encoder does with this input."
        )
    rows = rows / largest
    return rows / np.sqrt(np.einsum("...d,...d->...", rows, rows))[..., None]


def heldout_mean(rows: np.ndarray, what: str = "held-out embedding") -> np.ndarray:
    """Mean of the normalised held-out embeddings, itself not normalised again: p_bar of the images, q_bar of the captions.

    Parameters
    ----------
    rows : array of shape (M, d)
        Held-out embeddings of one modality, seen by neither model, M >= 2.
    """
    rows = np.asarray(rows)
    if rows.ndim != 2 or len(rows) < 2:
        raise ValueError(f"The negative terms need at least 2 held-out rows (M, d), found the shape {rows.shape}.")
    return normalise(rows, what).mean(axis=0)


def align_terms(
    u_views: np.ndarray, v_views: np.ndarray, p_bar: np.ndarray | None, q_bar: np.ndarray | None, view_pairing: str = "cross"
) -> Terms:
    """The matched and the two unrelated similarities of every pair under one model ([1], section 3).

    Parameters
    ----------
    u_views : array of shape (N, K, d)
        Embeddings of K views of each image.
    v_views : array of shape (N, L, d)
        Embeddings of L captions of each image.
    p_bar, q_bar : array of shape (d,) or None
        `heldout_mean` of the images and of the captions. None gives terms of 0, for ``neg_weight=0``.
    view_pairing : {"cross", "paired"}
        ``cross`` averages over all K x L combinations; ``paired`` over view k with caption k and needs K = L.

    Examples
    --------
    >>> terms = align_terms([[[3, 4], [4, 3]]], [[[1, 1], [5, 12]]], np.array([0.2, 0.4]), np.array([0.031036, -0.102369]))
    >>> round(float(terms.pos[0]), 6)
    0.952667
    """
    u, v = normalise(u_views, "image embedding"), normalise(v_views, "caption embedding")
    if u.ndim != 3 or v.ndim != 3 or len(u) != len(v) or u.shape[2] != v.shape[2]:
        raise ValueError(f"Views have the shapes (N, K, d) and (N, L, d), found {u.shape} and {v.shape}.")
    pos = None
    if view_pairing == "paired":
        if u.shape[1] != v.shape[1]:
            raise ValueError(f"Paired views need as many captions as images, found {v.shape[1]} and {u.shape[1]}. Use cross.")
        pos = np.einsum("nkd,nkd->n", u, v) / u.shape[1]
    elif view_pairing != "cross":
        raise ValueError(f"view_pairing is cross or paired, found {view_pairing!r}.")
    return terms_of_means(u.mean(axis=1), v.mean(axis=1), p_bar, q_bar, pos)


def terms_of_means(
    u_bar: np.ndarray, v_bar: np.ndarray, p_bar: np.ndarray | None, q_bar: np.ndarray | None, pos: np.ndarray | None = None
) -> Terms:
    """The same from the mean views (N, d) of each pair: exact, by linearity of the mean. ``pos`` replaces <u_bar, v_bar>."""
    nothing = np.zeros(len(u_bar))
    return Terms(
        pos=np.einsum("nd,nd->n", u_bar, v_bar) if pos is None else pos,
        neg_t=nothing if q_bar is None else u_bar @ np.asarray(q_bar, dtype=np.float64),
        neg_i=nothing if p_bar is None else v_bar @ np.asarray(p_bar, dtype=np.float64),
    )


def alignment(terms: Terms, neg_weight: float = 1.0) -> np.ndarray:
    """L_align = pos - w (neg_t + neg_i): (N,), between -(1 + 2w) and 1 + 2w ([1], section 3)."""
    if neg_weight not in NEG_WEIGHTS:
        raise ValueError(f"neg_weight is 1.0, 0.5 or 0.0, found {neg_weight!r}.")
    return terms.pos - neg_weight * (terms.neg_t + terms.neg_i)


def score_terms(f: Terms, g: Terms, neg_weight: float = 1.0) -> np.ndarray:
    """CLIPMem of every pair: its alignment under f minus its alignment under g, between -2(1 + 2w) and 2(1 + 2w)."""
    return alignment(f, neg_weight) - alignment(g, neg_weight)


def clipmem_scores(
    f_img: np.ndarray,
    f_txt: np.ndarray,
    g_img: np.ndarray,
    g_txt: np.ndarray,
    heldout_f_img: np.ndarray | None = None,
    heldout_f_txt: np.ndarray | None = None,
    heldout_g_img: np.ndarray | None = None,
    heldout_g_txt: np.ndarray | None = None,
    *,
    neg_weight: float = 1.0,
    view_pairing: str = "cross",
) -> Scores:
    """How much more strongly f, which trained on the pairs, aligns them than g, which did not.

    Parameters
    ----------
    f_img, g_img : array of shape (N, K, d)
        Embeddings of the same K views of each image under the two models. The two may differ in d.
    f_txt, g_txt : array of shape (N, L, d)
        Embeddings of the same L captions.
    heldout_f_img, heldout_f_txt, heldout_g_img, heldout_g_txt : array of shape (M, d), M >= 2
        Embeddings of images and captions that neither model saw; may be absent with ``neg_weight=0`` only.
    neg_weight : {1.0, 0.5, 0.0}
        Weight w of the unrelated similarities. With 0.5 a constant added to all similarities of a model cancels.
    view_pairing : {"cross", "paired"}

    Returns
    -------
    Scores
        ``raw`` (N,): about 0 = not memorised, high = memorised by f, low = by g.
    """
    if neg_weight not in NEG_WEIGHTS:
        raise ValueError(f"neg_weight is 1.0, 0.5 or 0.0, found {neg_weight!r}.")
    models = []
    for who, img, txt, p, q in (
        ("f", f_img, f_txt, heldout_f_img, heldout_f_txt),
        ("g", g_img, g_txt, heldout_g_img, heldout_g_txt),
    ):
        if neg_weight and (p is None or q is None):
            raise ValueError(
                f"neg_weight={neg_weight} needs held-out images and captions of {who}. Give them, or neg_weight=0."
            )
        p_bar = heldout_mean(p, f"held-out image of {who}") if neg_weight else None
        q_bar = heldout_mean(q, f"held-out caption of {who}") if neg_weight else None
        models.append(align_terms(img, txt, p_bar, q_bar, view_pairing))
    f, g = models
    if len(f.pos) != len(g.pos):
        raise ValueError(f"f and g must score the same pairs, found {len(f.pos)} and {len(g.pos)}.")
    return Scores(score_terms(f, g, neg_weight), f, g)


def over_seeds(scores: np.ndarray) -> tuple[np.ndarray, float]:
    """Score of every pair as the expectation over training seeds, and how much the mean score moves between seeds.

    Parameters
    ----------
    scores : array of shape (S, N)
        One row of raw scores per pair of training seeds, S >= 2.

    Returns
    -------
    tuple of array (N,) and float
        The mean over seeds, and the standard deviation (S - 1) of the S mean scores.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or len(scores) < 2:
        raise ValueError(f"A spread over seeds needs scores of the shape (S, N) with S >= 2, found {scores.shape}.")
    return scores.mean(axis=0), float(scores.mean(axis=1).std(ddof=1))


def scaled(scores: np.ndarray, others: np.ndarray = (), scale: str = "maxabs") -> np.ndarray:
    """Scores brought to [-1, 1] for the eye; limits are judged on the raw ones.

    Parameters
    ----------
    scores, others : array of shape (N,), (M,)
        Raw scores of the candidates, and of the pairs that only g saw, so that both signs are present.
    scale : {"maxabs", "range", "raw"}
        ``maxabs`` divides by the largest magnitude of the union. ``range`` divides by max - min of ``scores`` alone, as
        published scripts do; it is refused where it leaves [-1, 1], which happens when all scores share one sign.

    Examples
    --------
    >>> scaled(np.array([0.5, -0.1, 0.2, 0.0])).tolist()
    [1.0, -0.2, 0.4, 0.0]
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scale == "raw" or not len(scores):
        return scores
    if scale == "maxabs":
        largest = float(np.abs(np.concatenate([scores, np.asarray(others, dtype=np.float64)])).max())
        return scores / largest if largest > 0 else scores
    if scale != "range":
        raise ValueError(f"scale is raw, maxabs or range, found {scale!r}.")
    width = float(scores.max() - scores.min())
    if width == 0:
        raise ValueError("All scores are equal: they have no range to be scaled by. Use maxabs or raw.")
    if np.abs(scores).max() > width * (1 + 1e-12):
        top = float(np.abs(scores).max() / width)
        raise ValueError(f"Scaled by their range the scores reach {top:.3g}, outside [-1, 1]. Use maxabs or raw.")
    return scores / width
