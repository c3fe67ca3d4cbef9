"""Sample-specific membership criteria: a threshold for each record that knows how important the record is.

All three are learnt from known non-members alone and keep the overall false positive rate. Importance must come from a
source that never saw the model that is attacked, otherwise it holds the answer.

References
----------
Wen et al. 2025, NDSS, arXiv:2409.03741 (calibrating by importance). Bertran et al. 2023, arXiv:2307.03694 (quantile
regression). Romano, Patterson and Candes 2019, arXiv:1905.03222 (quantiles that keep their promise).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

import pytest_trustml as tm


def importance_bins(values: Iterable[float], edges: Iterable[float]) -> np.ndarray:
    """The bin of every record: how many edges are at or below its importance. (N,) int.

    >>> importance_bins([0.1, 0.5, 0.9], [0.3, 0.5]).tolist()
    [0, 2, 2]
    """
    return np.searchsorted(np.asarray(list(edges), dtype=np.float64), np.asarray(list(values), dtype=np.float64), side="right")


def bin_edges(values: Iterable[float], bins: int) -> np.ndarray:
    """Edges between bins of equal size over ALL records, members and non-members alike: (bins - 1,), fewer where values tie.

    >>> bin_edges([1, 2, 3, 4, 5, 6], 3).tolist()
    [3.0, 5.0]
    """
    ordered = np.sort(np.asarray(list(values), dtype=np.float64))
    if bins < 1 or len(ordered) < bins:
        raise tm.UsageError(f"There are {len(ordered)} records for {bins} bins. Take at least 1 bin and a record for each.")
    places = [-(-len(ordered) * number // bins) for number in range(1, bins)]
    edges = np.unique(ordered[places])
    return edges[edges > ordered[0]]


def sample_threshold(nonmembers: Iterable[float], fpr: float) -> float:
    """The lowest threshold that at most this share of these non-members exceed (score > threshold).

    >>> sample_threshold([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9], 0.25), sample_threshold([0.1, 0.2, 0.3, 0.4], 0.25)
    (0.7, 0.3)
    """
    ordered = np.sort(np.asarray(list(nonmembers), dtype=np.float64))
    if not len(ordered):
        raise tm.DataError("A threshold needs at least one non-member.")
    allowed = math.floor(fpr * len(ordered) * (1 + 1e-12))
    return float(ordered[len(ordered) - allowed - 1]) if allowed < len(ordered) else -math.inf


def new_threshold(nonmembers: Iterable[float], fpr: float) -> float:
    """The threshold that a NEW non-member exceeds with probability ``fpr`` at most: infinite where they are too few to tell.

    The order statistic ceil((n + 1)(1 - fpr)) of n non-members; see `trust.conformal_threshold`.

    >>> new_threshold(range(1, 20), 0.1), new_threshold([1.0, 2.0], 0.1)
    (18.0, inf)
    """
    ordered = np.sort(np.asarray(list(nonmembers), dtype=np.float64))
    place = math.ceil((len(ordered) + 1) * (1 - fpr) * (1 - 1e-12))
    return float(ordered[place - 1]) if place <= len(ordered) else math.inf


def bin_thresholds(scores: np.ndarray, bins: np.ndarray, fpr: float, *, count: int, new: bool = True) -> np.ndarray:
    """Criterion (a): one threshold per bin, each at the same false positive rate among the non-members of the bin.

    Parameters
    ----------
    scores, bins : arrays of shape (N,)
        Of non-members. Higher scores are more like members.
    fpr : float in (0, 1)
    count : int
        Number of bins.
    new : bool
        Whether the rate is promised for non-members yet to come (`new_threshold`) or holds for these (`sample_threshold`).

    Returns
    -------
    numpy.ndarray, shape (count,)
        Flag a record if its score is greater than ``thresholds[bin]``.

    Examples
    --------
    >>> scores, bins = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9]), np.repeat([0, 1], 4)
    >>> bin_thresholds(scores, bins, 0.25, count=2, new=False).tolist()
    [0.3, 0.8]
    """
    threshold = new_threshold if new else sample_threshold
    return np.array([threshold(scores[bins == number], fpr) for number in range(count)])


def standardised(scores: np.ndarray, bins: np.ndarray, known_scores: np.ndarray, known_bins: np.ndarray) -> np.ndarray:
    """Criterion (b): by how many standard deviations (ddof 0) a score exceeds the non-members' mean of its bin.

    Parameters
    ----------
    scores, bins : arrays of shape (N,)
        Of the records to judge.
    known_scores, known_bins : arrays of shape (M,)
        Of non-members: at least two different scores in every bin that is asked about.

    Raises
    ------
    DataError
        For a bin without two different scores of non-members.

    Examples
    --------
    >>> known, bins = np.array([0.0, 2.0, 10.0, 14.0]), np.array([0, 0, 1, 1])
    >>> standardised(np.array([3.0, 12.0]), np.array([0, 1]), known, bins).tolist()
    [2.0, 0.0]
    """
    result = np.empty(len(scores))
    for number in np.unique(bins):
        own = known_scores[known_bins == number]
        if len(own) < 2 or np.ptp(own) == 0:
            raise tm.DataError(
                f"Bin {int(number)} has {len(own)} non-members with {len(np.unique(own))} different scores. A mean and a "
                "spread need two: take fewer bins or more non-members."
            )
        chosen = bins == number
        result[chosen] = (scores[chosen] - own.mean()) / own.std()
    return result


def predicted_quantile(features: np.ndarray, known_features: np.ndarray, known_scores: np.ndarray, fpr: float) -> np.ndarray:
    """Criterion (c): the score that a non-member of these features exceeds with probability ``fpr``, by linear regression.

    Parameters
    ----------
    features : array of shape (N, F)
        Of the records to judge: importance, label as indicators, loss under a reference model.
    known_features, known_scores : arrays of shapes (M, F) and (M,)
        Of non-members.

    Returns
    -------
    numpy.ndarray, shape (N,)
        The excess ``score - predicted`` is the calibrated score. Its own threshold (`new_threshold`, on further non-members)
        makes up for what a linear quantile misses.

    Examples
    --------
    >>> x = np.arange(20.0)[:, None]
    >>> predicted_quantile(np.array([[30.0]]), x, 2 * x[:, 0] + 1, 0.1).round(6).tolist()
    [61.0]
    """
    from sklearn.linear_model import QuantileRegressor

    centre, spread = known_features.mean(axis=0), known_features.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    fitted = QuantileRegressor(quantile=1 - fpr, alpha=0.0, solver="highs").fit((known_features - centre) / scale, known_scores)
    return fitted.predict((features - centre) / scale)
