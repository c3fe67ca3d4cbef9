"""Trackers that depend on the order: those of the published evaluation, and one that keeps an average of each person.

None is what the verdict rests on. With all people at once each is an impostor to the others, so that one person's pictures can
hide another's; a logistic regression is no nearest neighbour, and an average moves: both may forget. The published ones look up
whether a prediction is right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from builtin_checks.face_tracking.score import recognised, strongest


def track_jointly(
    queries: np.ndarray, who: np.ndarray, anchors: np.ndarray, anchor_who: np.ndarray, impostor: np.ndarray
) -> np.ndarray:
    """Round in which each picture is recognised and added, all people at the same time; 0 for never: (N,) int.

    Parameters
    ----------
    queries, anchors : arrays of shapes (N, d) and (A, d), unit rows
    who, anchor_who : arrays of int, shapes (N,) and (A,)
        The person of each.
    impostor : array of shape (N,)
        Similarity of each query to the nearest entry of a person who is no target.

    Examples
    --------
    >>> at = lambda *degrees: np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)
    >>> queries, anchors = at(40, 60), at(0, 90)
    >>> track_jointly(queries, np.array([0, 0]), anchors, np.array([0, 1]), np.full(2, -1.0)).tolist()
    [1, 2]
    """
    rounds = np.zeros(len(queries), dtype=np.int64)
    own, other = np.full(len(queries), -np.inf), np.asarray(impostor, dtype=np.float64).copy()
    entries, labels, current = anchors, anchor_who, 0
    while len(entries):
        left = np.flatnonzero(rounds == 0)
        if not len(left):
            break
        for person in np.unique(labels):
            similar = strongest(queries[left], entries[labels == person])
            mine = who[left] == person
            own[left[mine]] = np.maximum(own[left[mine]], similar[mine])
            other[left[~mine]] = np.maximum(other[left[~mine]], similar[~mine])
        new = left[recognised(own[left], other[left])]
        current += 1
        rounds[new] = current
        entries, labels = queries[new], who[new]
    return rounds


def track_templates(queries: np.ndarray, anchors: np.ndarray, impostor: np.ndarray) -> np.ndarray:
    """Round in which a tracker recognises each picture of one person that keeps nothing but the average; 0 for never: (N,) int.

    Parameters
    ----------
    queries, anchors : arrays of shapes (N, d) and (A, d), unit rows
    impostor : array of shape (N,)
        Similarity of each query to the nearest average of somebody else.

    Examples
    --------
    >>> at = lambda *degrees: np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)
    >>> queries = at(40, 54, 74)
    >>> track_templates(queries, at(0), strongest(queries, at(90))).tolist()
    [1, 2, 0]
    """
    rounds = np.zeros(len(queries), dtype=np.int64)
    total, current = anchors.sum(axis=0), 0
    while (left := np.flatnonzero(rounds == 0)).size:
        length = np.linalg.norm(total)
        if length == 0:  # opposite pictures: the average points nowhere and recognises nobody
            break
        new = left[recognised(queries[left] @ (total / length), impostor[left])]
        if not len(new):
            break
        current += 1
        rounds[new] = current
        total = total + queries[new].sum(axis=0)
    return rounds


def averages(rows: np.ndarray, names: Sequence[object]) -> np.ndarray:
    """The direction of the mean of each person's entries: (people, d) unit rows. Those that cancel out are left out.

    >>> averages(np.array([[1.0, 0], [0, 1.0], [-1.0, 0]]), ["a", "a", "b"]).round(3).tolist()
    [[0.707, 0.707], [-1.0, 0.0]]
    """
    known = {label: code for code, label in enumerate(dict.fromkeys(names))}
    total = np.zeros((len(known), rows.shape[1]))
    np.add.at(total, [known[label] for label in names], rows)
    lengths = np.linalg.norm(total, axis=1, keepdims=True)
    there = lengths[:, 0] > 0
    return total[there] / lengths[there]


def track_refitting(
    queries: np.ndarray, anchors: np.ndarray, impostors: np.ndarray, names: Sequence[object], *, name: object = "target"
) -> np.ndarray:
    """Round in which a logistic regression that is fitted anew recognises each picture of one person; 0 for never: (N,) int.

    Standardised features, one class per person, fitted again after each round that added something.

    Parameters
    ----------
    queries, anchors, impostors : arrays of shapes (N, d), (A, d) and (M, d), unit rows
    names : sequence of length M
        The person of each impostor entry.
    name : hashable
        What the tracked person is called.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known = {label: code for code, label in enumerate(dict.fromkeys(names), 1)}
    if name in known:
        raise ValueError(f"{name!r} is tracked and is the name of an impostor too. Leave the person's own entries out.")
    codes = np.array([known[label] for label in names])
    rounds = np.zeros(len(queries), dtype=np.int64)
    current = 0
    while (rounds == 0).any():
        entries = np.concatenate([impostors, anchors, queries[rounds > 0]])
        labels = np.concatenate([codes, np.zeros(len(entries) - len(codes), dtype=int)])
        fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(entries, labels)
        left = np.flatnonzero(rounds == 0)
        new = left[fitted.predict(queries[left]) == 0]
        if not len(new):
            break
        current += 1
        rounds[new] = current
    return rounds
