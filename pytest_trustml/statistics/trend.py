"""Does a rate rise along ordered cells, such as months?"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from pytest_trustml.statistics.samples import numbers, same_length
from pytest_trustml.statistics.significance import Significance


def cochran_armitage(events: Iterable[float], sizes: Iterable[float], places: Iterable[float] | None = None) -> Significance:
    """Could a rate that rises or falls with the place of its cell be chance? Two-sided, by the normal approximation.

    Parameters
    ----------
    events, sizes : arrays of float, shape (k,), 0 <= events <= sizes
        Per cell how many samples show it, and how many there are. Cells without samples are left out.
    places : array of float, shape (k,), optional
        Where each cell stands, e.g. its month; 0, 1, 2, ... by default.

    Returns
    -------
    Significance
        ``observed`` is z, positive where the rate rises. With two cells it is the pooled test of two rates. p is 1 where no
        sample or every sample shows it, or only one cell has samples.

    References
    ----------
    Armitage 1955, Biometrics 11, 375-386.

    Examples
    --------
    >>> round(cochran_armitage([13, 25], [1000, 1000]).observed, 6)
    1.965418
    """
    from scipy.special import ndtr

    counts, totals = numbers(events, "events"), numbers(sizes, "sizes")
    same_length(counts, totals, "events and sizes")
    where = np.arange(len(counts), dtype=float) if places is None else numbers(places, "places")
    same_length(counts, where, "events and places")
    wrong = np.flatnonzero((counts < 0) | (counts > totals))
    if wrong.size:
        raise ValueError(f"events[{wrong[0]}] is {counts[wrong[0]]:g} of {totals[wrong[0]]:g}. It counts some of the samples.")
    used = totals > 0
    counts, totals, where = counts[used], totals[used], where[used]
    n = float(totals.sum())
    rate = float(counts.sum()) / n if n else 0.0
    spread = float(totals @ (where - (totals @ where) / n) ** 2) if n else 0.0
    variance = rate * (1 - rate) * spread
    if variance <= 0:
        return Significance(1.0, 0.0, "cochran-armitage, nothing varies", len(counts))
    z = float((counts - rate * totals) @ where) / math.sqrt(variance)
    return Significance(float(2 * ndtr(-abs(z))), z, "cochran-armitage", len(counts))
