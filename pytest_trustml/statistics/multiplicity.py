"""Many tests at once: what is left of a small p-value when it is the smallest of many."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pytest_trustml.statistics.samples import numbers


def holm(p_values: Iterable[float], family: int | None = None) -> np.ndarray:
    """p-values that may be compared with the error allowed for the whole family of tests. For gates.

    Parameters
    ----------
    p_values : array of float in [0, 1], shape (k,)
    family : int, optional
        Number of tests, if ``p_values`` are only the smallest of them.

    Returns
    -------
    numpy.ndarray, shape (k,)
        Adjusted p-values in the order of the input, at most 1.

    References
    ----------
    Holm 1979, Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> holm([0.001, 0.012, 0.03, 0.04, 0.2])
    array([0.005, 0.048, 0.09 , 0.09 , 0.2  ])
    """
    array, size = _p_values(p_values, family)
    order = np.argsort(array, kind="stable")
    adjusted = np.empty_like(array)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(array[order] * (size - np.arange(len(array)))))
    return adjusted


def benjamini_hochberg(p_values: Iterable[float]) -> np.ndarray:
    """p-values that may be compared with the share of false alarms allowed among all alarms. For dashboards, not for gates.

    Parameters
    ----------
    p_values : array of float in [0, 1], shape (k,)

    References
    ----------
    Benjamini and Hochberg 1995, Journal of the Royal Statistical Society B 57, 289-300.

    Examples
    --------
    >>> benjamini_hochberg([0.001, 0.012, 0.03, 0.04, 0.2])
    array([0.005, 0.03 , 0.05 , 0.05 , 0.2  ])
    """
    from scipy.stats import false_discovery_control

    array, _ = _p_values(p_values, None)
    return false_discovery_control(array, method="bh") if len(array) else array


def _p_values(p_values: Iterable[float], family: int | None) -> tuple[np.ndarray, int]:
    array = numbers(p_values, "p_values")
    wrong = np.flatnonzero((array < 0) | (array > 1))
    if wrong.size:
        raise ValueError(f"p_values[{wrong[0]}] is {array[wrong[0]]}. A p-value lies between 0 and 1.")
    if family is not None and family < len(array):
        raise ValueError(f"family is {family}, but {len(array)} p-values were given. It counts all tests of the family.")
    return array, len(array) if family is None else family
