"""DynTracker on arrays: who is recognised, in which round, by a tracker that adds what it recognises to its gallery.

Fan et al., "DivTrackee versus DynTracker: Promoting Diversity in Anti-Facial Recognition against Dynamic FR Strategy", CCS
2025, arXiv:2501.06533. Cosines of unit embeddings throughout. With one target and fixed impostors the set of pictures that are
recognised in the end is a least fixed point: it depends neither on the order of pictures nor on how many are added at a time.
"""

from __future__ import annotations

import msgspec
import numpy as np

SLACK = 1e-9
"""Cosines that differ by less are ties, which rounding must not decide: the same pictures in another order tie again."""
_BLOCK_BYTES = 256 << 20


class BadEmbedding(ValueError):
    """An embedding has no direction or is no number: the model, or a picture, is broken."""


def unit_rows(embeddings: np.ndarray, what: str = "embedding") -> np.ndarray:
    """Embeddings scaled to length 1: (N, d) float64.

    Parameters
    ----------
    embeddings : array of shape (N, d)
    what : str
        What a row is called in errors.

    Raises
    ------
    BadEmbedding
        For a row that is not finite or has length 0, by its number.

    Examples
    --------
    >>> unit_rows(np.array([[3.0, 4.0]])).tolist()
    [[0.6, 0.8]]
    """
    rows = np.asarray(embeddings, dtype=np.float64)
    if rows.ndim != 2:
        raise BadEmbedding(f"Embeddings of shape {rows.shape} were given. They must have one row per picture: (N, d).")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    bad = np.flatnonzero(~(np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0)))
    if bad.size:
        found = "length 0" if lengths[bad[0], 0] == 0 else "a number that is not finite"
        raise BadEmbedding(
            f"{bad.size} of {len(rows)} rows have no direction; the {what} of row {bad[0] + 1} has {found}. Leave the picture "
            "out, or mend the extractor."
        )
    return rows / lengths


def strongest(queries: np.ndarray, entries: np.ndarray, rank: int = 1) -> np.ndarray:
    """Similarity of each query to the ``rank``-th most similar of some gallery entries: (N,), from -1 to 1.

    Minus infinity where there are fewer entries. Computed in blocks, so that memory does not grow with N times M.

    Parameters
    ----------
    queries, entries : arrays of shapes (N, d) and (M, d)
        Unit rows.
    rank : int
        1 is the nearest neighbour.

    Examples
    --------
    >>> strongest(np.eye(2), np.array([[1.0, 0.0], [0.6, 0.8]]), rank=2).tolist()
    [0.6, 0.0]
    """
    if rank < 1:
        raise ValueError(f"rank is {rank}. Neighbours count from 1.")
    found = np.full(len(queries), -np.inf)
    if len(entries) < rank:
        return found
    size = max(1, _BLOCK_BYTES // (8 * len(entries)))
    for start in range(0, len(queries), size):
        similar = queries[start : start + size] @ entries.T
        if rank == 1:
            found[start : start + size] = similar.max(axis=1)
        else:
            found[start : start + size] = np.partition(similar, -rank, axis=1)[:, -rank]
    return found


class Tracked(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """When each picture was recognised: the round, from 1, or 0 for never.

    Parameters
    ----------
    rounds : array of int, shape (N,)
        Of the target's pictures.
    strangers : array of int, shape (Z,)
        Of pictures of other people that were taken for the target.
    """

    rounds: np.ndarray
    strangers: np.ndarray

    @property
    def static(self) -> np.ndarray:
        """Recognised with the gallery as it was in the beginning: (N,) bool."""
        return self.rounds == 1

    @property
    def dynamic(self) -> np.ndarray:
        """Recognised in the end: (N,) bool."""
        return self.rounds > 0

    @property
    def last_round(self) -> int:
        """How many rounds added something."""
        return int(max(self.rounds.max(initial=0), self.strangers.max(initial=0)))


def track(
    queries: np.ndarray,
    anchors: np.ndarray,
    impostor: np.ndarray,
    *,
    tau: float = -np.inf,
    margin: float = 0.0,
    strangers: np.ndarray | None = None,
    stranger_impostor: np.ndarray | None = None,
) -> Tracked:
    """Let a tracker of one person recognise pictures and add them to its gallery until nothing new is recognised.

    A picture is recognised if it is more similar to an entry of the person than to any impostor, and similar enough. Ties are
    not recognised. Without strangers this is the published tracker, which looks up whether a prediction is right and adds
    those that are; with strangers it is the realistic one, which adds whatever it takes for the person.

    Parameters
    ----------
    queries : array of shape (N, d), unit rows
        The person's protected pictures.
    anchors : array of shape (A, d), unit rows
        Pictures of the person in the gallery.
    impostor : array of shape (N,)
        Similarity of each query to the nearest impostor: `strongest`. The k-th nearest gives a tracker that is content if the
        person is among the k nearest neighbours.
    tau : float
        Least similarity (open set).
    margin : float
        By how much the person must be nearer than the impostor.
    strangers, stranger_impostor : arrays of shapes (Z, d) and (Z,), optional
        Pictures of other people in the stream.

    Raises
    ------
    ValueError
        Without pictures or without anchors.

    References
    ----------
    Fan et al., CCS 2025, section on DynTracker. Cost O((N + Z)^2 d) in all, in blocks.

    Examples
    --------
    >>> at = lambda *degrees: np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)
    >>> queries = at(40, 60, 74, 84)
    >>> track(queries, at(0), strongest(queries, at(90))).rounds.tolist()
    [1, 2, 3, 0]
    """
    for what, rows in (("pictures", queries), ("anchors", anchors)):
        if not len(rows):
            raise ValueError(
                f"There are no {what} to track a person with. Give at least one: nothing tracked is no protection."
            )
    if strangers is not None and stranger_impostor is not None:
        stream, bar = np.concatenate([queries, strangers]), np.concatenate([impostor, stranger_impostor])
    else:
        stream, bar = queries, impostor
    rounds = np.zeros(len(stream), dtype=np.int64)
    left = np.arange(len(stream))
    similar = strongest(stream, anchors)
    current = 0
    while True:
        new = recognised(similar, bar[left], tau, margin)
        current += 1
        rounds[left[new]] = current
        added, left, similar = stream[left[new]], left[~new], similar[~new]
        if not len(added) or not len(left):
            return Tracked(rounds=rounds[: len(queries)], strangers=rounds[len(queries) :])
        similar = np.maximum(similar, strongest(stream[left], added))


def recognised(similar: np.ndarray, impostor: np.ndarray, tau: float = -np.inf, margin: float = 0.0) -> np.ndarray:
    """Which pictures a tracker takes for the person, by their nearest entry of the person and their nearest impostor.

    >>> recognised(np.array([0.5, 0.5]), np.array([0.5, 0.4])).tolist()
    [False, True]
    """
    ahead = SLACK if margin == 0 else margin - SLACK
    return (similar > impostor + ahead) & (similar >= tau - SLACK)


def at_risk(
    queries: np.ndarray,
    impostor: np.ndarray,
    *,
    tau: float = -np.inf,
    margin: float = 0.0,
    strangers: np.ndarray | None = None,
) -> np.ndarray:
    """Which pictures would be given away by another picture of the stream, were that one in the gallery: (N,) bool.

    Nothing else can be tracked beyond what is recognised at once: A_T is part of A_1 and these. Parameters as in `track`.
    """
    nearest = nearest_other(queries)
    if strangers is not None:
        nearest = np.maximum(nearest, strongest(queries, strangers))
    return recognised(nearest, impostor, tau, margin)


def nearest_of_others(rows: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Similarity of each picture to the most similar one of another person: (N,). Minus infinity where there is no other.

    >>> nearest_of_others(np.array([[1.0, 0], [1.0, 0], [0.6, 0.8]]), np.array([0, 0, 1])).tolist()
    [0.6, 0.6, 0.6]
    """
    found = np.full(len(rows), -np.inf)
    size = max(1, _BLOCK_BYTES // (8 * max(1, len(rows))))
    for start in range(0, len(rows), size):
        similar = rows[start : start + size] @ rows.T
        similar[owners[start : start + size, None] == owners[None]] = -np.inf
        found[start : start + size] = similar.max(axis=1)
    return found


def nearest_other(queries: np.ndarray) -> np.ndarray:
    """Similarity of each picture to the most similar other one: (N,). Minus infinity for a single picture."""
    found = np.full(len(queries), -np.inf)
    if len(queries) < 2:
        return found
    size = max(1, _BLOCK_BYTES // (8 * len(queries)))
    for start in range(0, len(queries), size):
        similar = queries[start : start + size] @ queries.T
        rows = np.arange(len(similar))
        similar[rows, start + rows] = -np.inf
        found[start : start + size] = similar.max(axis=1)
    return found


def open_set_threshold(queries: np.ndarray, impostors: np.ndarray, far: float) -> tuple[float, int]:
    """The least similarity that different people reach in at most a share ``far`` of pairs, and how many pairs there are.

    Parameters
    ----------
    queries, impostors : arrays of shapes (N, d) and (M, d), unit rows
        Clean pictures of people, and gallery entries of other people.
    far : float in (0, 1)
        False acceptance rate.

    Raises
    ------
    ValueError
        With fewer than 1 / far pairs, of which none shows so rare a case.

    Examples
    --------
    >>> at = lambda *degrees: np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)
    >>> tau, pairs = open_set_threshold(at(0), at(10, 60, 70, 80), 0.25)
    >>> pairs, bool(0.5 < tau < 0.51)
    (4, True)
    """
    pairs = len(queries) * len(impostors)
    if not 0 < far < 1:
        raise ValueError(f"far is {far}. A false acceptance rate lies between 0 and 1, for example 0.001.")
    if pairs * far < 1:
        raise ValueError(f"{pairs} pairs of different people tell no rate of {far}. Give {int(np.ceil(1 / far))} or more.")
    allowed = int(np.floor(pairs * far + 1e-9))
    top = np.empty(0)
    size = max(1, _BLOCK_BYTES // (8 * len(impostors)))
    for start in range(0, len(queries), size):
        block = (queries[start : start + size] @ impostors.T).ravel()
        top = np.concatenate([top, block])
        if len(top) > allowed + 1:
            top = np.partition(top, -(allowed + 1))[-(allowed + 1) :]
    # The first one that may not pass; everything that passes lies above it by more than a tie.
    return float(top.min() + 2 * SLACK), pairs
