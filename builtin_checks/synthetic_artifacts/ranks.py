"""Rank p-values of an artefact among references, and the origin that they speak for."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from builtin_checks.synthetic_artifacts.score import looks_synthetic, midpoint_threshold

Origin = Literal["synthetic", "real", "inconclusive", "neither"]


def spread(scores: np.ndarray, overlap: float) -> np.ndarray:
    """References moved away from their mean as far as if each had been trained on data of its own.

    References that draw m of the same N training examples have the share m / N in common. Their scores vary less than those
    of artefacts with other data, and about the mean of this pool instead of the true one. For a score that is a mean over
    training examples, the variance of an outsider about the pool's mean is (1 + m / N) / (1 - m / N) times theirs: it is this
    factor that is made up for (as Nadeau and Bengio 2003 do for resampled training sets).

    >>> spread(np.array([[0.0], [2.0]]), 0.6).ravel().tolist()
    [-1.0, 3.0]
    """
    if not 0 <= overlap < 1:
        raise ValueError(
            f"References share {overlap} of their training data. It is at least 0 and below 1: draw fewer of more."
        )
    middle = scores.mean(axis=0, keepdims=True)
    return middle + (scores - middle) * np.sqrt((1 + overlap) / (1 - overlap))


def ranks(scores: np.ndarray, n_real: int, towards: int) -> tuple[np.ndarray, np.ndarray]:
    """Both p-values in each of B resamples. ``scores`` (B, 1 + nR + nS): the subject, real, then synthetic references."""
    turned = towards * scores
    # Equal artefacts must tie whatever the order in which their queries were added up.
    tie = 1e-12 * np.abs(turned).max(axis=1, keepdims=True)
    own, real, synthetic = turned[:, :1], turned[:, 1 : 1 + n_real], turned[:, 1 + n_real :]
    p_real = (1 + (real >= own - tie).sum(axis=1)) / (real.shape[1] + 1)
    p_synthetic = (1 + (synthetic <= own + tie).sum(axis=1)) / (synthetic.shape[1] + 1)
    return p_real, p_synthetic


def origin_of(p_real: ArrayLike, p_synthetic: ArrayLike, alpha: float) -> np.ndarray:
    """The origin that two p-values speak for, elementwise.

    >>> origin_of([0.05, 0.3, 0.3, 0.05], [0.5, 0.5, 0.05, 0.05], 0.05).tolist()
    ['synthetic', 'inconclusive', 'real', 'neither']
    """
    not_real, not_synthetic = (np.asarray(p) <= alpha * (1 + 1e-9) for p in (p_real, p_synthetic))
    words = np.where(not_real, "synthetic", np.where(not_synthetic, "real", "inconclusive"))
    return np.where(not_real & not_synthetic, "neither", words)


def left_out(
    real: np.ndarray, synthetic: np.ndarray, towards: int, alpha: float
) -> tuple[tuple[bool, ...], tuple[bool, ...], tuple[bool, ...]]:
    """Audit each reference by all others: told by their threshold; taken for synthetic by their ranks."""
    told, taken = [], []
    for side, is_synthetic in ((real, False), (synthetic, True)):
        for place in range(len(side)):
            others = np.delete(side, place)
            left, right = (real, others) if is_synthetic else (others, synthetic)
            if not len(others):
                told.append(False)
                taken.append(False)
                continue
            threshold = midpoint_threshold(left, right, towards)
            told.append(bool(looks_synthetic(side[place], threshold, towards)) == is_synthetic)
            row = np.concatenate([[side[place]], left, right])[None]
            p_real, p_synthetic = ranks(row, len(left), towards)
            taken.append(bool(origin_of(p_real, p_synthetic, alpha)[0] == "synthetic"))
    return tuple(told), tuple(taken[: len(real)]), tuple(taken[len(real) :])


def shaped(
    subject: ArrayLike, real: ArrayLike, synthetic: ArrayLike, towards: int, alpha: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of the subject (Q,), of real and of synthetic references (n, Q), after looking whether they belong together."""
    own, left, right = (np.asarray(part, dtype=float) for part in (subject, real, synthetic))
    if own.ndim == 0 and left.ndim == right.ndim == 1:
        own, left, right = own[None], left[:, None], right[:, None]
    if own.ndim != 1 or left.ndim != 2 or right.ndim != 2 or not len(own) == left.shape[1] == right.shape[1]:
        raise ValueError(
            f"Scores have the shapes {own.shape}, {left.shape} and {right.shape}. They are (Q,), (nR, Q) and (nS, Q), or one "
            "number, (nR,) and (nS,)."
        )
    if not len(left) or not len(right) or not len(own):
        raise ValueError(
            f"There are {len(own)} queries, {len(left)} real and {len(right)} synthetic references. None may be 0."
        )
    for name, part in (("subject", own), ("real", left), ("synthetic", right)):
        if not np.isfinite(part).all():
            raise ValueError(f"A score of {name} is not finite. Leave out what cannot be scored, and say so.")
    if towards not in (1, -1) or not 0 < alpha < 1:
        raise ValueError(f"towards is {towards} and alpha {alpha}. The first is +1 or -1, the second lies between 0 and 1.")
    return own, left, right
