"""What an attack's hits and false alarms refute of a claim of differential privacy."""

from __future__ import annotations

import math

from pytest_trustml.errors import UsageError
from pytest_trustml.statistics.intervals import clopper_pearson_ends


def epsilon_bound(hits: int, members: int, alarms: int, nonmembers: int, *, delta: float = 0.0, level: float = 0.95) -> float:
    """The largest epsilon that an attack with these hits and false alarms refutes.

    Parameters
    ----------
    hits, members : int
        Records that were trained on and flagged, of all that were trained on.
    alarms, nonmembers : int
        Records that were flagged but not trained on, of all that were not. Every record must have been included or not
        independently of the others (canaries of independent runs; for one run see `one_run_epsilon`), and the threshold must
        have been chosen on other records.
    delta : float in [0, 1)
    level : float
        The bound is too high with probability 1 - level at most.

    Returns
    -------
    float, at least 0
        From TPR <= e^eps FPR + delta and TNR <= e^eps FNR + delta with exact bounds of all rates. They rest on the same two
        exact bounds, so that taking the larger of the two needs no further correction.

    References
    ----------
    Kairouz, Oh and Viswanath 2015, ICML. Jagielski, Ullman and Oprea 2020, NeurIPS, arXiv:2006.07709.

    Examples
    --------
    >>> round(epsilon_bound(84, 1000, 1, 1000, delta=1e-5), 6), epsilon_bound(5, 1000, 5, 1000, delta=1e-5)
    (2.497356, 0.0)
    """
    if not (0 <= hits <= members and 0 <= alarms <= nonmembers and members and nonmembers):
        raise UsageError(f"{hits} of {members} members and {alarms} of {nonmembers} other records were flagged. Give counts.")
    if not 0 <= delta < 1:
        raise UsageError(f"delta is {delta}. It lies from 0 to below 1.")
    tpr = clopper_pearson_ends(hits, members, level)[0]
    fpr = clopper_pearson_ends(alarms, nonmembers, level)[1]
    return max(0.0, *(math.log(share) for share in (_over(tpr - delta, fpr), _over(1 - fpr - delta, 1 - tpr))))


def _over(caught: float, wrong: float) -> float:
    """A ratio of rates, 1 where nothing is refuted."""
    return caught / wrong if caught > 0 and wrong > 0 else 1.0
