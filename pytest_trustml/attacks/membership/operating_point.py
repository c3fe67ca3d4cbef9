"""How many members an attack finds at a false positive rate, with everything that was estimated counted in."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_trustml.result.measurement import Interval, Measurement
from pytest_trustml.statistics.intervals import check_level, clopper_pearson_ends
from pytest_trustml.statistics.ranking import tpr_at_fpr


def members_caught(scores: Any, members: Any, fpr: float, *, name: str, level: float = 0.95) -> Measurement:
    """Which share of the members an attack finds while it accuses at most ``fpr`` of all others wrongly.

    Parameters
    ----------
    scores : array of float, shape (n,)
        Higher is more like a member.
    members : array of bool, shape (n,)
    fpr : float in (0, 1)
    name, level
        As in `pytest_trustml.statistics.proportion`.

    Returns
    -------
    Measurement
        Value and details are those of `pytest_trustml.statistics.tpr_at_fpr`; n is the number of members. Undefined if ``fpr``
        is below 1 / non-members.

    Notes ----- The threshold that belongs to a false positive rate is not known but estimated, from a handful of non-members
    where the rate is small. Clopper and Pearson's interval at the estimated threshold leaves that out; a bootstrap of both
    sets is unreliable in the tail and has no width without hits; a separate calibration half costs half of the non-members and
    still leaves a threshold whose rate is known only roughly. Here the true threshold is bracketed between two order
    statistics of the non-members, whose false positive rates have a Beta distribution whatever the scores are, and the members
    beyond each are counted with Clopper and Pearson's bound. Each of the four errors gets a quarter of 1 - level, so the
    interval covers the share at the best threshold whose true false positive rate is at most ``fpr`` with probability
    ``level`` at least: no split, no resampling, tied scores included.

    References
    ----------
    David and Nagaraja 2003, Order Statistics, section 7.1 (intervals of quantiles).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> scores = np.concatenate([rng.normal(1.5, 1, 500), rng.normal(0, 1, 1000)])
    >>> print(members_caught(scores, np.arange(1500) < 500, 0.01, name="caught"))
    caught = 0.24 (95 % interval 0.1376 to 0.3545, clopper-pearson between order statistics, n = 500)
    """
    from scipy.stats import binom

    check_level(level)
    values, inside = np.asarray(scores, dtype=np.float64), np.asarray(members).astype(bool)
    found = tpr_at_fpr(values, inside, fpr, name=name, higher_is_safer=False, level=level)
    if found.value is None:
        return found
    others, own = np.sort(values[~inside])[::-1], values[inside]
    n, m, tail = len(others), len(own), (1 - level) / 4
    # The share of all non-members above the k-th highest of n is at most U(k), that of those at or above it at least U(k),
    # with U(k) ~ Beta(k, n - k + 1) and P[U(k) <= fpr] = P[Bin(n, fpr) >= k]. So "above the k-th" is allowed for nearly
    # certain where k is small enough, and "at or above the k-th" is forbidden for nearly certain where k is large enough.
    strict, loose = int(binom.ppf(tail, n, fpr)), int(binom.ppf(1 - tail, n, fpr)) + 1
    fewest = int((own > others[strict - 1]).sum()) if strict >= 1 else 0
    most = int((own > others[loose - 1]).sum()) if loose <= n else m
    low, high = clopper_pearson_ends(fewest, m, 1 - 2 * tail)[0], clopper_pearson_ends(most, m, 1 - 2 * tail)[1]
    method = "clopper-pearson between order statistics"
    interval = Interval(low=low, high=high, level=level, method=method, shrinks=0.5)
    details = {"alarms_at_strict_threshold": max(strict - 1, 0), "alarms_at_loose_threshold": min(loose - 1, n)}
    return found.but(interval=interval, details=found.details | details)
