"""Membership attacks that know how important a record is: what the three criteria flag, at the same false positive rate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from builtin_checks.data_importance.calibration import (
    bin_edges,
    bin_thresholds,
    importance_bins,
    new_threshold,
    predicted_quantile,
    standardised,
)

CRITERIA = ("bins", "standardised", "quantile")


class Records(NamedTuple):
    """Scores of records with what the criteria may know of them: importance, class, loss under a reference model."""

    scores: np.ndarray
    values: np.ndarray
    labels: np.ndarray
    reference: np.ndarray | None

    def take(self, rows: np.ndarray) -> Records:
        return Records(*(None if part is None else part[rows] for part in self))

    def features(self, classes: int) -> np.ndarray:
        """Importance, indicators of the classes and, where there is one, the reference loss: (n, F)."""
        parts = [self.values[:, None], np.eye(classes)[self.labels]]
        return np.hstack(parts if self.reference is None else [*parts, self.reference[:, None]])


class Flagged(NamedTuple):
    """Which members, and which non-members that no threshold knows, a criterion flags."""

    members: np.ndarray
    others: np.ndarray
    known: int
    """Non-members that set the threshold, or the thresholds."""

    def keeps(self, fpr: float) -> bool:
        """Whether the false positive rate is not above the promised one by more than three standard errors.

        Both sets of non-members are a sample: those that set the thresholds and those that test them.
        """
        error = np.sqrt(fpr * (1 - fpr) * (1 / self.known + 1 / len(self.others)))
        return bool(self.others.mean() <= fpr + 3 * error)


def flag_plain(members: Records, known: Records, others: Records, fpr: float) -> Flagged:
    """One threshold for all, from the known non-members."""
    threshold = new_threshold(known.scores, fpr)
    return Flagged(members.scores > threshold, others.scores > threshold, len(known.scores))


def flag_calibrated(
    members: Records, known: Records, others: Records, fpr: float, *, criterion: str, bins: int, classes: int
) -> Flagged | str:
    """What a sample-specific criterion flags, or why it can flag nobody.

    Parameters
    ----------
    members, others : Records
        To be judged. ``others`` are non-members that the criterion does not learn from.
    known : Records
        Non-members that it learns from.
    fpr : float
    criterion : {"bins", "standardised", "quantile"}
        (a), (b) and (c); the last two learn from the first half of ``known`` and take their threshold from the second.
    bins, classes : int
    """
    edges = bin_edges(np.concatenate([each.values for each in (members, known, others)]), bins)
    count = len(edges) + 1

    def binned(records: Records) -> np.ndarray:
        return importance_bins(records.values, edges)

    if criterion == "bins":
        thresholds = bin_thresholds(known.scores, binned(known), fpr, count=count)
        if not np.isfinite(thresholds).all():
            return (
                f"a false positive rate of {fpr:g} needs {round(1 / fpr) - 1} known non-members in each of {count} bins, found "
                f"{np.bincount(binned(known), minlength=count).min()} in one: take fewer bins, a higher fpr or more non-members"
            )
        flagged = [each.scores > thresholds[binned(each)] for each in (members, others)]
        return Flagged(flagged[0], flagged[1], len(known.scores))
    half = len(known.scores) // 2
    learn, calibrate = known.take(np.arange(half)), known.take(np.arange(half, len(known.scores)))
    if len(calibrate.scores) < round(1 / fpr) - 1 or half < 10:
        return f"half of the {len(known.scores)} known non-members are fewer than the {round(1 / fpr) - 1} of that rate"
    if criterion == "standardised":
        for number in range(count):
            own = learn.scores[binned(learn) == number]
            if len(own) < 2 or np.ptp(own) == 0:
                return f"bin {number} has {len(own)} known non-members, of the same score or fewer than two: take fewer bins"
        found = [standardised(each.scores, binned(each), learn.scores, binned(learn)) for each in (members, calibrate, others)]
    else:
        known_features = learn.features(classes)
        found = [
            each.scores - predicted_quantile(each.features(classes), known_features, learn.scores, fpr)
            for each in (members, calibrate, others)
        ]
    threshold = new_threshold(found[1], fpr)
    return Flagged(found[0] > threshold, found[2] > threshold, len(calibrate.scores))
