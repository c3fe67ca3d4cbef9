"""How well a score tells two groups apart: members from strangers, machine text from human text."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec
import numpy as np

from pytest_trustml.result.measurement import Interval, Measurement
from pytest_trustml.statistics.intervals import check_level, clopper_pearson_ends, unseen, z_value
from pytest_trustml.statistics.samples import numbers, occurred, same_length


class Roc(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """All operating points of a score, from flagging nothing to flagging everything; tied scores move together.

    ``false_positives[i]`` and ``true_positives[i]`` count the samples whose score is at least ``thresholds[i]``.
    """

    thresholds: np.ndarray
    false_positives: np.ndarray
    true_positives: np.ndarray
    n_negative: int
    n_positive: int

    @property
    def fpr(self) -> np.ndarray:
        return self.false_positives / self.n_negative

    @property
    def tpr(self) -> np.ndarray:
        return self.true_positives / self.n_positive

    def log_points(self, points: int = 200) -> tuple[np.ndarray, np.ndarray]:
        """False and true positive rates to draw on two logarithmic axes.

        Steps are kept: each point is the best true positive rate at no more than that false positive rate. The first false
        positive rate is 1 / n_negative, the smallest that these samples resolve, and points without any hit are left out.
        """
        grid = np.geomspace(1 / self.n_negative, 1.0, points) if self.n_negative > 1 else np.array([1.0])
        best = self.tpr[np.searchsorted(self.fpr, grid * (1 + 1e-12), side="right") - 1]
        return grid[best > 0], best[best > 0]


def roc(scores: Iterable[float], labels: Iterable[bool]) -> Roc:
    """Count hits and false alarms at every threshold that the scores allow.

    Parameters
    ----------
    scores : array of float, shape (n,)
        Higher means more like the positive group.
    labels : array of bool or 0/1, shape (n,)
        True for the positive group.

    Raises
    ------
    ValueError
        If one of the groups is empty.

    Examples
    --------
    >>> curve = roc([0.9, 0.7, 0.7, 0.1], [1, 1, 0, 0])
    >>> curve.true_positives.tolist(), curve.false_positives.tolist()
    ([0, 1, 2, 2], [0, 0, 1, 2])
    """
    from sklearn.metrics import roc_curve

    values, positive = _read(scores, labels)
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        raise ValueError(f"There are {n_positive} positives and {n_negative} negatives. A curve needs both.")
    fpr, tpr, thresholds = roc_curve(positive, values, drop_intermediate=False)
    return Roc(
        thresholds=thresholds,
        false_positives=np.rint(fpr * n_negative).astype(int),
        true_positives=np.rint(tpr * n_positive).astype(int),
        n_negative=n_negative,
        n_positive=n_positive,
    )


def auc(
    scores: Iterable[float],
    labels: Iterable[bool],
    *,
    name: str,
    higher_is_safer: bool,
    unit: str = "probability",
    level: float = 0.95,
) -> Measurement:
    """How often a positive sample scores higher than a negative one (ties count half), with DeLong's interval.

    DeLong's interval has no width where the groups are perfectly apart, and hardly any where a single sample is out of order.
    With less than one expected misordering in min(n, m) pairs the interval is therefore widened to the exact one for
    min(n, m) independent pairs, all of them in order.

    Parameters
    ----------
    scores, labels
        As in `roc`.
    name, unit, higher_is_safer, level
        As in `proportion`. An attack's AUC is safer when it is low, a detector's when it is high.

    Returns
    -------
    Measurement
        Undefined without positives or negatives. No interval with a single one, or where all scores are the same.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44, 837-845, in the form of Sun and Xu 2014 (midranks).

    Examples
    --------
    >>> members, others = [0.9, 0.8, 0.7, 0.7, 0.4], [0.85, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0]
    >>> print(auc(members + others, [1] * 5 + [0] * 8, name="attack_auc", higher_is_safer=False))
    attack_auc = 0.825 (95 % interval 0.4782 to 1, delong, exact pairs, n = 13)
    """
    from scipy.stats import rankdata

    check_level(level)
    values, positive = _read(scores, labels)
    m, n = int(positive.sum()), int((~positive).sum())
    about = {"name": name, "unit": unit, "higher_is_safer": higher_is_safer, "n": m + n}
    if not m or not n:
        return Measurement(value=None, undefined=_lacking(m, n), **about)
    about["details"] = {"n_positive": m, "n_negative": n}
    ranks = rankdata(values)
    above = (ranks[positive] - rankdata(values[positive])) / n
    below = 1 - (ranks[~positive] - rankdata(values[~positive])) / m
    value = float(above.mean())
    if min(m, n) < 2:
        return Measurement(value=value, no_interval="a single positive or negative shows no spread", **about)
    if np.ptp(values) == 0:
        return Measurement(value=value, no_interval="all scores are the same", **about)
    error = math.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n)
    reach = z_value(level) * error
    low, high, method, shrinks = value - reach, value + reach, "delong", 0.5
    fewer = min(m, n)
    # Exactly one misordering must fall on the same side whatever the order of summation rounds it to.
    if min(value, 1 - value) * fewer < 1 - 1e-9:
        method, shrinks, edge = "delong, exact pairs", 1.0, unseen(fewer, level)
        low, high = (min(low, 1 - edge), high) if value > 0.5 else (low, max(high, edge))
    elif error < 1e-9:
        return Measurement(value=value, no_interval="the scores leave no spread to judge by", **about)
    interval = Interval(low=max(0.0, low), high=min(1.0, high), level=level, method=method, shrinks=shrinks)
    return Measurement(value=value, interval=interval, **about | {"details": about["details"] | {"standard_error": error}})


def tpr_at_fpr(
    scores: Iterable[float],
    labels: Iterable[bool],
    fpr: float,
    *,
    name: str,
    higher_is_safer: bool,
    unit: str = "share",
    level: float = 0.95,
) -> Measurement:
    """Which share of the positives is caught while at most ``fpr`` of the negatives are flagged.

    The threshold is the lowest that flags at most floor(fpr * n_negative) negatives; there is no interpolation. The interval
    is Clopper and Pearson's for the positives beyond that threshold. How far the threshold itself may be off is told by
    ``fpr_low`` and ``fpr_high`` in ``details``: the exact interval of the false positive rate that it has on new negatives.

    Parameters
    ----------
    scores, labels
        As in `roc`.
    fpr : float in [0, 1]
    name, unit, higher_is_safer, level
        As in `proportion`.

    Returns
    -------
    Measurement
        n is the number of positives. Undefined if ``fpr`` is below 1 / n_negative, which nothing can resolve.

    Examples
    --------
    >>> members, others = [0.9, 0.8, 0.7, 0.7, 0.4], [0.85, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0]
    >>> m = tpr_at_fpr(members + others, [1] * 5 + [0] * 8, 0.25, name="tpr_at_fpr", higher_is_safer=False)
    >>> m.value, m.details["fpr_achieved"], m.details["threshold"]
    (0.8, 0.25, 0.7)
    >>> print(tpr_at_fpr(members + others, [1] * 5 + [0] * 8, 0.01, name="tpr_at_fpr", higher_is_safer=False))
    tpr_at_fpr is undefined: a false positive rate of 0.01 needs at least 100 negatives, found 8 (n = 5)
    """
    check_level(level)
    if not 0 <= fpr <= 1:
        raise ValueError(f"fpr is {fpr}. A false positive rate lies between 0 and 1.")
    values, positive = _read(scores, labels)
    m, n = int(positive.sum()), int((~positive).sum())
    about = {"name": name, "unit": unit, "higher_is_safer": higher_is_safer, "n": m}
    if not m or not n:
        return Measurement(value=None, undefined=_lacking(m, n), **about)
    allowed = math.floor(fpr * n * (1 + 1e-12))
    if allowed < 1:
        needed = f"needs at least {math.ceil(1 / fpr * (1 - 1e-12))} negatives, found {n}" if fpr > 0 else "cannot be observed"
        return Measurement(value=None, undefined=f"a false positive rate of {fpr:g} {needed}", **about)
    curve = roc(values, positive)
    point = int(np.searchsorted(curve.false_positives, allowed, side="right")) - 1
    hits, alarms, threshold = (
        int(curve.true_positives[point]),
        int(curve.false_positives[point]),
        float(curve.thresholds[point]),
    )
    low, high = clopper_pearson_ends(hits, m, level)
    fpr_low, fpr_high = clopper_pearson_ends(alarms, n, level)
    details = {
        "fpr_asked": float(fpr),
        "fpr_achieved": alarms / n,
        "fpr_low": fpr_low,
        "fpr_high": fpr_high,
        "threshold": threshold if math.isfinite(threshold) else "above every score",
        "n_positive": m,
        "n_negative": n,
    }
    interval = Interval(low=low, high=high, level=level, shrinks=1.0 if hits in (0, m) else 0.5)
    return Measurement(value=hits / m, interval=interval, details=details, **about)


def _read(scores: Iterable[float], labels: Iterable[bool]) -> tuple[np.ndarray, np.ndarray]:
    values, positive = numbers(scores, "scores"), occurred(labels, "labels")
    same_length(values, positive, "scores and labels")
    return values, positive


def _lacking(positives: int, negatives: int) -> str:
    if not positives and not negatives:
        return "no samples"
    return "no positives" if not positives else "no negatives"
