"""Shares of several answers, before and after: each prompt is drawn four times, each person is asked ten questions."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from pytest_trustml.result.measurement import Interval, Measurement
from pytest_trustml.statistics.intervals import check_level, t_ends, unseen
from pytest_trustml.statistics.samples import numbers, same_length


def paired_share_difference(
    after: Iterable[float],
    before: Iterable[float],
    *,
    name: str,
    higher_is_safer: bool,
    unit: str = "difference of shares",
    level: float = 0.95,
) -> Measurement:
    """By how much a share rose on average from before to after, on the same units, each of which answers several times.

    Student's interval of the differences, so it does not matter how strongly the answers of one unit depend on each other or
    how many they are. Widened, where need be, to reach as far on both sides of the value as the share of units that may change
    from one end to the other without showing in n of them.

    Parameters
    ----------
    after, before : arrays of float in [0, 1], shape (n,)
        Entry i of both is the share of answers of unit i for which it happened.
    name, unit, higher_is_safer, level
        As in `proportion`.

    Returns
    -------
    Measurement
        ``n`` counts units. ``details``: rate_after, rate_before, how many units rose and fell, standard_error. Without units
        undefined, with a single one without interval.

    Raises
    ------
    ValueError
        For a number that is no share, or arrays of different lengths.

    Examples
    --------
    >>> old, new = [0.5, 0.25, 0, 1, 0.25] * 40, [0.25, 0, 0, 0.75, 0.25] * 40
    >>> print(paired_share_difference(new, old, name="unsafe_rate_change", higher_is_safer=False))
    unsafe_rate_change = -0.15 (95 % interval -0.1683 to -0.1317, unseen share, n = 200)
    >>> print(paired_share_difference(old, old, name="unsafe_rate_change", higher_is_safer=False))
    unsafe_rate_change = 0 (95 % interval -0.01828 to 0.01828, unseen share, n = 200)
    """
    check_level(level)
    second, first = _shares(after, "after"), _shares(before, "before")
    same_length(second, first, "after and before")
    n = len(first)
    about = {"name": name, "unit": unit, "higher_is_safer": higher_is_safer, "n": n}
    if n == 0:
        return Measurement(value=None, undefined="no samples", **about)
    differences = second - first
    value = float(differences.mean())
    error = float(differences.std(ddof=1)) / math.sqrt(n) if n > 1 else 0.0
    details = {
        "rate_after": float(second.mean()),
        "rate_before": float(first.mean()),
        "rose": int((differences > 0).sum()),
        "fell": int((differences < 0).sum()),
    }
    if n == 1:
        return Measurement(value=value, no_interval="a single sample shows no spread", details=details, **about)
    low, high = t_ends(value, error, n - 1, level)
    hidden = unseen(n, level)
    wide = value - hidden < low or value + hidden > high
    interval = Interval(
        low=max(-1.0, min(low, value - hidden)),
        high=min(1.0, max(high, value + hidden)),
        level=level,
        method="unseen share" if wide else "student-t",
        shrinks=1.0 if wide else 0.5,
    )
    return Measurement(value=value, interval=interval, details=details | {"standard_error": error}, **about)


def _shares(values: Iterable[float], what: str) -> np.ndarray:
    array = numbers(values, what)
    wrong = np.flatnonzero((array < 0) | (array > 1))
    if wrong.size:
        raise ValueError(f"{what}[{wrong[0]}] is {array[wrong[0]]}. A share lies between 0 and 1.")
    return array
