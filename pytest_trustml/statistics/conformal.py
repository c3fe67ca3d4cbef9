"""Thresholds with a promise: how high a score must be so that few samples of a known kind lie beyond it."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from pytest_trustml.statistics.samples import numbers


def conformal_threshold(calibration: Iterable[float], rate: float) -> float:
    """The score that a new sample of the calibration's kind exceeds with probability ``rate`` at most, whatever its law.

    It is the k-th smallest of the n calibration scores with k = ceil((n + 1) (1 - rate)). Flag a sample if its score is
    greater. The promise holds on average over calibration sets, for samples that are exchangeable with them.

    Parameters
    ----------
    calibration : array of float, shape (n,)
        Scores of known negatives, human texts for example, of the same kind and length as what is to be judged.
    rate : float in (0, 1)

    Raises
    ------
    ValueError
        With fewer than 1 / rate - 1 scores, which promise nothing: 19 for 5 %, 99 for 1 %, 999 for 0.1 %.

    References
    ----------
    Vovk, Gammerman and Shafer 2005, Algorithmic Learning in a Random World, section 2.2.

    Examples
    --------
    >>> conformal_threshold(range(1, 20), 0.1)
    18.0
    """
    scores = np.sort(numbers(calibration, "calibration"))
    needed = fewest(rate)
    if len(scores) < needed:
        raise ValueError(f"A rate of {rate:g} needs at least {needed} calibration scores, found {len(scores)}.")
    return float(scores[math.ceil((len(scores) + 1) * (1 - rate) * (1 - 1e-12)) - 1])


def fewest(rate: float) -> int:
    """How many calibration scores a rate needs at least.

    >>> fewest(0.05), fewest(0.01), fewest(0.001)
    (19, 99, 999)
    """
    if not 0 < rate < 1:
        raise ValueError(f"The rate is {rate}. It lies between 0 and 1, for example 0.05.")
    return max(1, math.ceil((1 / rate - 1) * (1 - 1e-12)))


def conformal_p(calibration: Iterable[float], scores: Iterable[float]) -> np.ndarray:
    """How surprising each score would be for a sample of the calibration's kind: (1 + #{calibration >= score}) / (n + 1).

    Parameters
    ----------
    calibration, scores : arrays of float, shapes (n,) and (m,)
        Higher is less like the calibration.

    Returns
    -------
    numpy.ndarray, shape (m,)
        p-values, none below 1 / (n + 1). For samples of the calibration's kind P(p <= u) <= u.

    Examples
    --------
    >>> conformal_p([0.1, 0.2, 0.3, 0.4], [0.35, 0.4, 9])
    array([0.4, 0.4, 0.2])
    """
    ordered, new = np.sort(numbers(calibration, "calibration")), numbers(scores, "scores")
    return (1 + len(ordered) - np.searchsorted(ordered, new, side="left")) / (len(ordered) + 1)
