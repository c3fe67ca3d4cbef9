"""Many tests at once: what is left of a small p-value when it is the smallest of many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from pytest_trustml.result.measurement import Interval, Measurement
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


def largest(found: Mapping[str, Measurement], *, level: float = 0.95, name: str | None = None) -> Measurement:
    """The most successful of several attacks, with an interval that holds for all of them at once: picking it costs nothing.

    Parameters
    ----------
    found : mapping of str to Measurement
        One per attack, each taken at the level 1 - (1 - ``level``) / number of measurements (Bonferroni).
    level : float
        Of the statement about all of them.
    name : str, optional
        What the result is called; by default as the largest.

    Returns
    -------
    Measurement
        Its interval reaches from the largest low end to the largest high end; ``details["attack"]`` names the largest. If any
        has no interval, that one: what is unknown of one cannot be below a limit.

    Raises
    ------
    ValueError
        Without any measurement.

    Examples
    --------
    >>> from pytest_trustml.statistics.proportions import proportion
    >>> about = {"name": "rate", "higher_is_safer": False, "level": 0.975}
    >>> print(largest({"a": proportion([1, 0, 0, 0], **about), "b": proportion([1, 1, 1, 0], **about)}))
    rate = 0.75 (95 % interval 0.1522 to 0.9969, clopper-pearson, bonferroni over 2 attacks, n = 4)
    """
    if not found:
        raise ValueError("There is no measurement to take the largest of.")
    called = {} if name is None else {"name": name}
    unknown = next((one for one in found.values() if one.interval is None), None)
    if unknown is not None:
        return unknown.but(**called)
    best = max(found, key=lambda one: found[one].value or 0.0)
    ends = [one.interval for one in found.values() if one.interval is not None]
    own = found[best].interval
    assert own is not None
    interval = Interval(
        low=max(end.low for end in ends),
        high=max(end.high for end in ends),
        level=level,
        method=f"{own.method}, bonferroni over {len(found)} attacks",
        shrinks=own.shrinks,
    )
    return found[best].but(interval=interval, details=found[best].details | {"attack": best, "attacks": len(found)}, **called)
