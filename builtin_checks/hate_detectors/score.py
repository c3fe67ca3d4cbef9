"""How good is a detector, from counts: precision, recall, false positive rate and the F1 of both classes, each by its name.

The positive class is hate. The "F1" of papers on hate speech is sometimes that of the hateful class and sometimes the mean of
both classes; they answer different questions, so every function here says which one it is.

References
----------
.. [1] Shen et al., "HateBench", USENIX Security 2025, arXiv 2501.16750 (benchmark metrics; goal of an attack).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class Counts(NamedTuple):
    """Hateful and flagged, other and flagged, hateful and missed, other and left alone. Numbers of texts, or shares of them."""

    tp: float
    fp: float
    fn: float
    tn: float

    @property
    def n(self) -> float:
        return self.tp + self.fp + self.fn + self.tn

    @property
    def flipped(self) -> Counts:
        """The same texts with the names of the two classes exchanged."""
        return Counts(self.tn, self.fn, self.fp, self.tp)


def count(hateful: np.ndarray, flagged: np.ndarray) -> Counts:
    """Count the four cells.

    Parameters
    ----------
    hateful, flagged : ndarray of bool, shape (n,)
        What a text is, and what the detector said.

    Examples
    --------
    >>> count(np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0]) == 1, np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 1]) == 1)
    Counts(tp=3.0, fp=2.0, fn=1.0, tn=4.0)
    """
    hateful, flagged = np.asarray(hateful, dtype=bool), np.asarray(flagged, dtype=bool)
    both = float(np.count_nonzero(hateful & flagged))
    positives, alarms = float(np.count_nonzero(hateful)), float(np.count_nonzero(flagged))
    return Counts(both, alarms - both, positives - both, len(hateful) - positives - alarms + both)


def shares(recall: float, fpr: float, prior: float) -> Counts:
    """The cells as shares of all texts, where a share ``prior`` of them is hateful.

    >>> shares(0.75, 0.25, 0.5)
    Counts(tp=0.375, fp=0.125, fn=0.125, tn=0.375)
    """
    return Counts(recall * prior, fpr * (1 - prior), (1 - recall) * prior, (1 - fpr) * (1 - prior))


def precision(c: Counts) -> float:
    """TP / (TP + FP): which share of what is flagged is hateful. Not a number where nothing is flagged."""
    return _ratio(c.tp, c.tp + c.fp)


def recall(c: Counts) -> float:
    """TP / (TP + FN): which share of the hateful texts is flagged. Not a number without hateful texts."""
    return _ratio(c.tp, c.tp + c.fn)


def fpr(c: Counts) -> float:
    """FP / (FP + TN): which share of the other texts is flagged. Not a number without other texts."""
    return _ratio(c.fp, c.fp + c.tn)


def f1_hate(c: Counts) -> float:
    """2 TP / (2 TP + FP + FN), the F1 of the hateful class. Not a number without hateful texts.

    >>> round(f1_hate(Counts(3, 2, 1, 4)), 6)
    0.666667
    """
    return math.nan if c.tp + c.fn <= 0 else _ratio(2 * c.tp, 2 * c.tp + c.fp + c.fn)


def f1_other(c: Counts) -> float:
    """The F1 of the class that is not hateful."""
    return f1_hate(c.flipped)


def f1_macro(c: Counts) -> float:
    """The plain mean of the F1 of both classes; almost surely the "F1" of the paper's tables [1]_.

    >>> round(f1_macro(Counts(3, 2, 1, 4)), 6)
    0.69697
    """
    return (f1_hate(c) + f1_other(c)) / 2


def f1_weighted(c: Counts) -> float:
    """The mean of the F1 of both classes, each weighted by its number of texts."""
    positives = c.tp + c.fn
    return _ratio(positives * f1_hate(c) + (c.n - positives) * f1_other(c), c.n)


def accuracy(c: Counts) -> float:
    """(TP + TN) / n."""
    return _ratio(c.tp + c.tn, c.n)


def balanced_accuracy(c: Counts) -> float:
    """The mean of the recall of both classes."""
    return (recall(c) + recall(c.flipped)) / 2


def mcc(c: Counts) -> float:
    """Matthews' correlation of what a text is and what was said, -1 to 1. Not a number where either never varies.

    >>> round(mcc(Counts(3, 2, 1, 4)), 6)
    0.408248
    """
    scale = (c.tp + c.fp) * (c.tp + c.fn) * (c.tn + c.fp) * (c.tn + c.fn)
    return _ratio(c.tp * c.tn - c.fp * c.fn, math.sqrt(scale))


METRICS = {
    "precision": precision,
    "recall": recall,
    "fpr": fpr,
    "f1_hate": f1_hate,
    "f1_other": f1_other,
    "f1_macro": f1_macro,
    "f1_weighted": f1_weighted,
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "mcc": mcc,
}


def named(c: Counts) -> dict[str, float | str]:
    """All metrics of one cell of a table; where one has no value, the words why, with n.

    >>> named(Counts(0, 1, 0, 3))["recall"]
    'undefined: no hateful texts (n = 4)'
    """
    lacking = "no hateful texts" if c.tp + c.fn == 0 else "no other texts" if c.fp + c.tn == 0 else "nothing is flagged"
    if c.n == 0:
        lacking = "no texts"
    if c.tp + c.fp == c.n > 0 and c.fp + c.tn > 0 and c.tp + c.fn > 0:
        lacking = "everything is flagged"
    found = {name: metric(c) for name, metric in METRICS.items()}
    return {name: f"undefined: {lacking} (n = {c.n:g})" if math.isnan(value) else value for name, value in found.items()}


class Evasion(NamedTuple):
    """Shares of the same attack on different bases; not a number where the base is empty."""

    success_rate: float
    successes_of_given: float
    total_evasion: float
    accuracy_under_attack: float


def evasion(given: int, skipped: int, successes: int) -> Evasion:
    """The four rates of an attack that are confused most often.

    Parameters
    ----------
    given : int
        Hateful texts that were handed to the attack, N.
    skipped : int
        Those that the detector missed anyway, K. They are not attacked.
    successes : int
        Texts whose edited form evades, W.

    Returns
    -------
    Evasion
        W / (N - K), W / N, (W + K) / N and (N - K - W) / N.

    Examples
    --------
    >>> [round(rate, 6) for rate in evasion(120, 8, 104)]
    [0.928571, 0.866667, 0.933333, 0.066667]
    """
    if not 0 <= skipped <= given or not 0 <= successes <= given - skipped:
        raise ValueError(f"{successes} successes and {skipped} skipped texts do not fit into {given} texts.")
    attacked = given - skipped
    return Evasion(
        _ratio(successes, attacked), _ratio(successes, given), _ratio(successes + skipped, given),
        _ratio(attacked - successes, given),
    )  # fmt: skip


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole > 0 else math.nan
