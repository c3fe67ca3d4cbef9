"""How different the protected pictures of a person are from each other, and the losses that make them so."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


def mean_cosine(rows: np.ndarray) -> float:
    """Mean cosine of all pairs of different rows; the lower, the more diverse.

    Parameters
    ----------
    rows : array of shape (N >= 2, d), unit rows

    Examples
    --------
    >>> mean_cosine(np.eye(3))
    0.0
    """
    count = len(rows)
    if count < 2:
        raise ValueError(f"{count} pictures have no pair. Give 2 or more.")
    total = rows.sum(axis=0)
    return float((total @ total - np.square(rows).sum()) / (count * (count - 1)))


def vendi_score(rows: np.ndarray) -> float:
    """How many really different pictures there are: from 1 (all the same) to N (all at right angles).

    The exponential of the entropy of the eigenvalues of K / N, where K holds the cosines.

    Parameters
    ----------
    rows : array of shape (N, d), unit rows

    References
    ----------
    Friedman and Dieng 2023, "The Vendi Score", TMLR, equation 1.

    Examples
    --------
    >>> round(vendi_score(np.eye(3)), 6), round(vendi_score(np.ones((4, 1))), 6)
    (3.0, 1.0)
    """
    if not len(rows):
        raise ValueError("There are no pictures to tell the diversity of. Give at least one.")
    # The eigenvalues above zero are the same for N x N and for d x d.
    small = rows @ rows.T if len(rows) <= rows.shape[1] else rows.T @ rows
    values = np.linalg.eigvalsh(small / len(rows))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


class Terms(NamedTuple):
    """The terms of the protection loss of one picture (section 5 of the method), and two ways to add them up.

    ``dissimilarity`` to the own source, ``guide`` to another person, ``queue`` to the pictures that were protected before, all
    as 1 - cosine.
    """

    dissimilarity: float
    guide: float
    queue: float

    def total(self, *, guide_weight: float = 0.6, queue_weight: float = 1.2) -> float:
        """The loss that makes pictures diverse: the queue term is subtracted, so that distance is rewarded.

        With ``queue_weight=-1.2`` it is what the published code minimises, which draws pictures together.
        """
        return guide_weight * self.guide - self.dissimilarity - queue_weight * self.queue


def protection_terms(
    protected: np.ndarray, source: np.ndarray, guide: np.ndarray, queue: np.ndarray, *, slack: float = 0.2
) -> Terms:
    """The terms of one picture's loss, from unit embeddings.

    Parameters
    ----------
    protected, source, guide : arrays of shape (d,)
    queue : array of shape (q, d)
    slack : float
        A guide that is so near (1 - cosine) is near enough.

    References
    ----------
    fiora6/divtrackee, the loss of the generator's latent, one surrogate.

    Examples
    --------
    >>> queue = np.array([[0.8, 0.6], [0, -1.0]])
    >>> terms = protection_terms(np.array([0.6, 0.8]), np.array([1.0, 0]), np.array([0, 1.0]), queue)
    >>> [round(value, 6) for value in terms], round(terms.total(), 6), round(terms.total(queue_weight=-1.2), 6)
    ([0.4, 0.0, 0.92], -1.504, 0.704)
    """
    queued = float(np.mean(1 - queue @ protected)) if len(queue) else 0.0
    return Terms(
        dissimilarity=float(1 - protected @ source), guide=max(0.0, float(1 - protected @ guide) - slack), queue=queued
    )
