"""Four scores of a classifier on labelled queries, and the thresholds that tell real from synthetic references.

Wu, Yang, Shen, Backes, Zhang, USENIX Security 2025, arXiv 2502.00808, metric-based auditing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

SMALLEST = 1e-30
"""Probabilities are not smaller than this in a logarithm, as in the authors' code."""
METRICS = ("confidence", "accuracy", "entropy", "modified_entropy")
_SAME = 1e-12


def query_scores(posteriors: ArrayLike, gold: ArrayLike, metric: str) -> np.ndarray:
    """How much at home a classifier is on each query: the higher, the more. Their mean is the score of the classifier.

    ``accuracy``: 1 where the likeliest class is the gold one (of equally likely ones the first counts). ``confidence``: the
    probability of the gold class. ``entropy``: minus the entropy of the classes, nat. ``modified_entropy``: minus the entropy
    that knows the gold class and punishes confident mistakes (Song and Mittal 2021), nat.

    Parameters
    ----------
    posteriors : array of float, shape (..., Q, C)
        Probabilities of the C classes; every row sums to 1.
    gold : array of int, shape (Q,)
        Column of each query's true class.
    metric : str
        One of `METRICS`.

    Returns
    -------
    numpy.ndarray, shape (..., Q), float64

    Raises
    ------
    ValueError
        If a row is no distribution, a gold class is no column, or the metric is unknown.

    Examples
    --------
    >>> P, y = [[.9, .1], [.2, .8], [.6, .4]], [0, 1, 1]
    >>> for metric in METRICS:
    ...     print(metric, query_scores(P, y, metric).mean().round(6))
    confidence 0.7
    accuracy 0.666667
    entropy -0.499499
    modified_entropy -0.403293
    """
    table, truth = _table(posteriors), np.asarray(gold)
    if truth.shape != table.shape[-2:-1] or truth.dtype.kind not in "iu":
        raise ValueError(f"gold has shape {truth.shape}. It takes one whole number per query: ({table.shape[-2]},).")
    if truth.size and not (0 <= truth.min() and truth.max() < table.shape[-1]):
        raise ValueError(f"gold names column {truth.max()} or {truth.min()}, but there are {table.shape[-1]} classes.")
    own = np.take_along_axis(table, np.broadcast_to(truth, table.shape[:-1])[..., None], -1)[..., 0]
    if metric == "confidence":
        return own
    if metric == "accuracy":
        return (table.argmax(-1) == truth).astype(float)
    if metric == "entropy":
        return (table * _log(table)).sum(-1)
    if metric == "modified_entropy":
        others = table * _log(1 - table)
        mine = np.take_along_axis(others, np.broadcast_to(truth, table.shape[:-1])[..., None], -1)[..., 0]
        return (1 - own) * _log(own) + others.sum(-1) - mine
    raise ValueError(f"The metric {metric!r} is unknown. Choose {', '.join(METRICS)}.")


def _table(posteriors: ArrayLike) -> np.ndarray:
    table = np.asarray(posteriors, dtype=float)
    if table.ndim < 2 or table.shape[-1] < 2:
        raise ValueError(f"posteriors has shape {table.shape}. It needs rows of two classes at least: (..., queries, classes).")
    if not np.isfinite(table).all() or (table < 0).any() or (np.abs(table.sum(-1) - 1) > 1e-4).any():
        raise ValueError("A row of posteriors is no distribution: its entries are not all at least 0 with sum 1.")
    return table


def _log(values: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(values, SMALLEST))


def softmax(logits: ArrayLike) -> np.ndarray:
    """Probabilities of logits, shape (..., C), along the last axis.

    >>> softmax([2.0, 0.0, -1.0]).round(6).tolist()
    [0.843795, 0.114195, 0.04201]
    """
    values = np.asarray(logits, dtype=float)
    grown = np.exp(values - values.max(-1, keepdims=True))
    return grown / grown.sum(-1, keepdims=True)


def balanced_accuracy(real: np.ndarray, synthetic: np.ndarray, threshold: float, towards: int) -> float:
    """Mean share of real and of synthetic references on their side of a threshold.

    ``towards`` +1: synthetic is at the threshold or above; -1: real is.
    """
    if towards > 0:
        return float((np.mean(real < threshold) + np.mean(synthetic >= threshold)) / 2)
    return float((np.mean(real >= threshold) + np.mean(synthetic < threshold)) / 2)


def first_best_threshold(real: ArrayLike, synthetic: ArrayLike, towards: int) -> float:
    """The authors' threshold: of all observed values, real ones first, the first that is best. Depends on the order of ties.

    Parameters
    ----------
    real, synthetic : arrays of float, shapes (nR,) and (nS,), none empty
    towards : int
        +1 where synthetic artefacts score higher (synthetic queries), -1 where they score lower (real queries).

    Examples
    --------
    >>> first_best_threshold([.80, .82, .85, .79, .84], [.90, .88, .83, .95, .91], 1)
    0.88
    """
    own, other = np.asarray(real, dtype=float), np.asarray(synthetic, dtype=float)
    values = np.concatenate([own, other])
    return float(values[int(np.argmax([balanced_accuracy(own, other, value, towards) for value in values]))])


def midpoint_threshold(real: ArrayLike, synthetic: ArrayLike, towards: int) -> float:
    """The middle of the widest gap between neighbouring values that separates best; of equally wide ones the lowest.

    Unlike the authors' rule it depends neither on the order of references nor on which side is called which. Takes what
    `first_best_threshold` takes. Where all values are the same it is that value.

    Examples
    --------
    >>> round(midpoint_threshold([.80, .82, .85, .79, .84], [.90, .88, .83, .95, .91], 1), 6)
    0.865
    """
    own, other = np.asarray(real, dtype=float), np.asarray(synthetic, dtype=float)
    values = np.unique(np.concatenate([own, other]))
    if len(values) == 1:
        return float(values[0])
    middles = (values[1:] + values[:-1]) / 2
    below = [np.searchsorted(np.sort(side), middles) / len(side) for side in (own, other)]
    right = (1 + towards * (below[0] - below[1])) / 2
    best = right >= right.max() - _SAME
    gaps = np.where(best, values[1:] - values[:-1], -math.inf)
    return float(middles[np.flatnonzero(gaps >= gaps.max() - _SAME)[0]])


def looks_synthetic(score: ArrayLike, threshold: float, towards: int) -> np.ndarray:
    """On which side of a threshold a score lies: True is synthetic."""
    above = np.asarray(score, dtype=float) >= threshold
    return above if towards > 0 else ~above


def log_likelihood_ratio(score: float, real: ArrayLike, synthetic: ArrayLike) -> float | str:
    """How much likelier a score is among synthetic than among real references, if both are normal: nat; weak evidence.

    The word why there is none where a side has no spread.

    >>> real = [.80, .82, .85, .79, .84, .81, .83, .78, .86, .80, .82, .84, .79, .81, .83, .85, .80, .82, .77]
    >>> round(log_likelihood_ratio(.905, real, [.90, .88, .93, .95, .91, .89, .92, .94, .90, .87]), 6)
    6.143204
    """
    logs = []
    for side in (np.asarray(real, dtype=float), np.asarray(synthetic, dtype=float)):
        spread = side.std(ddof=1) if len(side) > 1 else 0.0
        if spread <= _SAME * max(1.0, float(np.abs(side).max())):
            return "undefined: the references of a side do not vary"
        logs.append(-math.log(spread) - 0.5 * ((score - side.mean()) / spread) ** 2)
    return float(logs[1] - logs[0])
