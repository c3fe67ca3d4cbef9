"""Flagging members by one threshold per class, which is learnt on records whose membership is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_trustml.errors import DataError


def class_thresholds(scores: Any, members: Any, labels: Any, classes: int) -> np.ndarray:
    """For every class the score from which on records are best called members.

    Parameters
    ----------
    scores : array of float, shape (N,)
        Of records whose membership is known: of a model of one's own, or of other records than those to be judged. On the very
        records that are judged it tells what no attacker could know.
    members : array of bool, shape (N,)
    labels : array of int in [0, C), shape (N,)
    classes : int
        C.

    Returns
    -------
    numpy.ndarray, shape (C,)
        float64. The score that maximises (TPR + TNR) / 2 within the class, the highest one where several do. A class without
        members or without other records gets the threshold of all classes together.

    Raises
    ------
    DataError
        Without any member or any other record.

    References
    ----------
    Song and Mittal, USENIX Security 2021, section 3.

    Examples
    --------
    >>> class_thresholds([0.9, 0.8, 0.3, 0.6, 0.5, 0.1], [1, 1, 0, 1, 0, 0], [0, 0, 0, 1, 1, 1], 3).tolist()
    [0.8, 0.6, 0.6]
    """
    values, inside, groups = np.asarray(scores, dtype=np.float64), np.asarray(members, dtype=bool), np.asarray(labels)
    if not len(values) == len(inside) == len(groups):
        raise DataError(f"There are {len(values)} scores, {len(inside)} memberships and {len(groups)} labels. One each.")
    if not inside.any() or inside.all():
        raise DataError(
            f"{int(inside.sum())} of {len(inside)} records are members. A threshold is learnt from both: give both."
        )
    overall = _best(values, inside)
    found = np.full(classes, overall)
    for number in range(classes):
        own = groups == number
        if inside[own].any() and not inside[own].all():
            found[number] = _best(values[own], inside[own])
    return found


def flag_members(scores: Any, labels: Any, thresholds: Any) -> np.ndarray:
    """Which records are called members: those whose score is at least the threshold of their class. (N,) bool.

    >>> flag_members([0.85, 0.65, 0.3], [0, 1, 1], [0.9, 0.6]).tolist()
    [False, True, False]
    """
    return np.asarray(scores, dtype=np.float64) >= np.asarray(thresholds, dtype=np.float64)[np.asarray(labels)]


def _best(scores: np.ndarray, members: np.ndarray) -> float:
    """The highest threshold with the largest balanced accuracy; tied scores move together."""
    order = np.argsort(-scores, kind="stable")
    ordered, inside = scores[order], members[order]
    hits, alarms = np.cumsum(inside) / inside.sum(), np.cumsum(~inside) / (~inside).sum()
    last = np.append(ordered[1:] != ordered[:-1], True)
    gain = np.where(last, hits - alarms, -np.inf)
    # Rounding in the sums must not decide between thresholds that are equally good.
    return float(ordered[np.flatnonzero(gain >= gain.max() - 1e-12)[0]])
