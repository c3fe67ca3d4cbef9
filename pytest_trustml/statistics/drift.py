"""Whether two models that should be twins are: the mean of a score that must be about zero, or on one side of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from pytest_trustml.statistics.samples import numbers

STANDARD_ERRORS = 3.0
EXPECTED = ("zero", "not above zero", "not below zero")


class Drift(NamedTuple):
    """Mean score of one set with its standard error, what is expected of it and whether that holds."""

    set: str
    n: int
    mean: float
    error: float
    expected: str
    ok: bool


def drift(name: str, scores: Iterable[float], expected: str, margin: float) -> Drift:
    """Whether the mean score of a set is what it must be.

    A mean counts as different from zero if it is so by more than three standard errors AND by more than ``margin``. The
    standard error alone would not do: it tells how well the mean is known for this one pair of models, while two models that
    differ in nothing but their seed and a few of their samples already differ by a constant that no number of samples averages
    out.

    Parameters
    ----------
    name : str
        What the set is called.
    scores : array of float, shape (n,)
    expected : str
        ``zero``, ``not above zero`` or ``not below zero``.
    margin : float
        In the unit of the scores, at least 0.

    Raises
    ------
    ValueError
        For an expectation that is none of these.

    Examples
    --------
    >>> drift("shared", [0.01, 0.02, 0.015], "zero", 0.05).ok, drift("shared", [0.2] * 9, "zero", 0.05).ok
    (True, False)
    """
    if expected not in EXPECTED:
        raise ValueError(f"{expected!r} cannot be expected. It is one of {', '.join(EXPECTED)}.")
    values = numbers(scores, "scores")
    n, mean = len(values), float(np.mean(values))
    error = float(np.std(values, ddof=1) / math.sqrt(n)) if n > 1 else math.inf
    far = max(STANDARD_ERRORS * error, margin)
    ok = {"zero": abs(mean) <= far, "not above zero": mean <= far, "not below zero": mean >= -far}[expected]
    return Drift(name, n, mean, error, expected, ok)
