"""The formulas: how likely a text is drawn in n tries, how exposed a canary is, and the membership scores of one pass."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

SCORES = ("loss", "zlib", "min_k", "min_k_plus")
"""Membership scores that need the model alone; ``reference`` needs a second one. Larger means more likely a member."""


def chance(drawn: np.ndarray, queries: int) -> np.ndarray:
    """Probability that at least one of ``queries`` samples is exactly the suffix: 1 - (1 - p_z)^n.

    Parameters
    ----------
    drawn : array of float, shape (N,)
        Log-probability log p_z (nat) that one sample is the suffix.
    queries : int

    References
    ----------
    Hayes et al. 2024, arXiv 2410.19482, (n, p)-discoverable extraction.

    Examples
    --------
    >>> chance(np.log([0.01, 1.0]), 100).round(6).tolist(), chance(np.array([-np.inf]), 9).tolist()
    ([0.633968, 1.0], [0.0])
    """
    with np.errstate(divide="ignore"):
        return -np.expm1(queries * np.log1p(-np.exp(np.minimum(drawn, 0.0))))


def queries_needed(drawn: np.ndarray, probability: float) -> np.ndarray:
    """How many samples make the suffix appear with a probability: the smallest n with 1 - (1 - p_z)^n >= p.

    Infinite where the suffix is never drawn.

    >>> queries_needed(np.log([0.01, 0.01, 1e-6, 1.0]), 0.5).tolist(), queries_needed(np.log([0.01]), 0.9).tolist()
    ([69.0, 69.0, 693147.0, 1.0], [230.0])
    """
    with np.errstate(divide="ignore"):
        needed = math.log1p(-probability) / np.log1p(-np.exp(np.minimum(drawn, 0.0)))
    return np.maximum(1.0, np.ceil(needed * (1 - 1e-12)))


def exposure(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Bits by which a canary is easier to guess than by blind search: log2 of the number of candidates over its rank.

    Parameters
    ----------
    scores : array of float, shape (N,)
        Scores of the canaries, higher for more familiar ones.
    others : array of float, shape (M,)
        Scores of M candidates of the same space that were never trained on. Ties count against the canary's exposure.

    Returns
    -------
    array of float, shape (N,)
        Between 0 and log2(M + 1). For a canary that was not trained on it has the mean 1.44 bits (log2 e) and exceeds b with
        probability 2^-b.

    References
    ----------
    Carlini et al., USENIX Security 2019, definition 2.

    Examples
    --------
    >>> exposure(np.array([9.0, 0.5, -1.0]), np.array([0.0, 1.0, 2.0])).round(4).tolist()
    [2.0, 0.415, 0.0]
    """
    ordered = np.sort(others)
    rank = 1 + len(ordered) - np.searchsorted(ordered, scores, side="left")
    return np.log2(len(ordered) + 1) - np.log2(rank)


def compressed(text: str) -> int:
    """Bytes of the text after zlib, at the level that the attack was published with (the default, 6)."""
    return len(zlib.compress(text.encode("utf-8", "surrogatepass")))


def membership_scores(
    found: Mapping[str, np.ndarray], texts: Sequence[str], reference: Mapping[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """All scores of every text; NaN for a text without a scored token.

    ``loss`` is the mean log-probability per token (nat), ``zlib`` the same over the compressed bytes, ``min_k`` and
    ``min_k_plus`` come from the pass. ``reference`` is the log-probability less that of the reference model, per token where
    both models cut the texts alike, else per byte.

    References
    ----------
    Carlini et al., USENIX Security 2021 (loss, zlib, reference); arXiv 2310.16789; arXiv 2404.02936.

    Examples
    --------
    >>> found = {"tokens": [4.0], "logprob": [-6.0], "min_k": [-3.0], "min_k_plus": [-1.0]}
    >>> found = {name: np.array(values) for name, values in found.items()}
    >>> membership_scores(found, ["abcd"])["loss"].tolist()
    [-1.5]
    """
    tokens = np.where(found["tokens"] > 0, found["tokens"], np.nan)
    loss = found["logprob"] / tokens
    scores = {
        "loss": loss,
        "zlib": loss / np.array([compressed(text) for text in texts]),
        "min_k": found["min_k"],
        "min_k_plus": found["min_k_plus"],
    }
    if reference is not None:
        alike = np.array_equal(found["tokens"], reference["tokens"])
        length = tokens if alike else np.array([max(1, len(text.encode("utf-8", "surrogatepass"))) for text in texts])
        scores["reference"] = np.where(np.isnan(tokens), np.nan, (found["logprob"] - reference["logprob"]) / length)
    return scores
