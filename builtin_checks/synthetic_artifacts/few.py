"""What can be said with few references: how likely the score is under normal references whose spread is itself uncertain."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import ArrayLike

_SAME = 1e-12


class Weak(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence that rests on the assumption that scores of references are normal.

    Parameters
    ----------
    log_likelihood_ratio : float
        How much likelier the score is among synthetic references than among real ones, nat.
    p_real, p_synthetic : float in [0, 1]
        How often a real reference would score at least as synthetic, a synthetic one at least as real.
    """

    log_likelihood_ratio: float
    p_real: float
    p_synthetic: float

    @property
    def words(self) -> str:
        """The direction in words, always marked as weak."""
        origin = "synthetic" if self.log_likelihood_ratio > 0 else "real"
        p = self.p_real if origin == "synthetic" else self.p_synthetic
        return f"weak: {origin} is likelier, if scores are normal (p = {p:.3g} for the other origin)"


def weak_evidence(score: float, real: ArrayLike, synthetic: ArrayLike, towards: int) -> Weak | str:
    """Student-t tails of a new score beside few references; the word why there is none.

    With n references of mean m and standard deviation s, (score - m) / (s sqrt(1 + 1/n)) has a t-distribution of n - 1 degrees
    of freedom if scores are normal. Its tails are heavier than the normal ones, because s is a guess.

    Parameters
    ----------
    score : float
    real, synthetic : arrays of float, shapes (nR,) and (nS,)
    towards : int
        +1 where more synthetic artefacts score higher, -1 where they score lower.

    Examples
    --------
    >>> found = weak_evidence(.905, [.80, .82, .85, .79, .84], [.90, .88, .93, .95, .91], 1)
    >>> round(found.log_likelihood_ratio, 3), round(found.p_real, 4), round(found.p_synthetic, 4)
    (2.882, 0.0191, 0.3881)
    >>> weak_evidence(.9, [.8], [.9, .95], 1)
    'undefined: a side has fewer than two references'
    """
    from scipy.stats import t

    logs, tails = [], []
    for side, way in ((real, towards), (synthetic, -towards)):
        values = np.asarray(side, dtype=float)
        if len(values) < 2:
            return "undefined: a side has fewer than two references"
        spread = float(values.std(ddof=1)) * math.sqrt(1 + 1 / len(values))
        if spread <= _SAME * max(1.0, float(np.abs(values).max())):
            return "undefined: the references of a side do not vary"
        place = (score - float(values.mean())) / spread
        logs.append(float(t.logpdf(place, len(values) - 1)) - math.log(spread))
        tails.append(float(t.sf(way * place, len(values) - 1)))
    return Weak(log_likelihood_ratio=logs[1] - logs[0], p_real=tails[0], p_synthetic=tails[1])
