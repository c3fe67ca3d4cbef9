"""What share of a classifier's training data was synthetic, where references of several shares are known."""

from __future__ import annotations

import numpy as np

import pytest_trustml as tm

_RESAMPLES = 500
_FEWEST_SHARES = 3


def share_at(score: np.ndarray, fitted: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Where a curve that never falls takes these values; in the middle where it stays level, at an end beyond its ends.

    >>> share_at(np.array([0.5, 1.0, 2.0]), np.array([0.0, 1.0, 1.0, 3.0]), np.array([0.0, 0.2, 0.4, 1.0])).round(6).tolist()
    [0.1, 0.3, 0.7]
    """
    ramp = np.arange(len(fitted)) * 1e-12 * max(1.0, float(np.abs(fitted).max()))
    first = np.interp(score, fitted + ramp, shares)
    last = np.interp(-np.asarray(score), -(fitted - ramp[::-1])[::-1], shares[::-1])
    return (first + last) / 2


def synthetic_share(
    trust: tm.Trust, subject: np.ndarray, references: np.ndarray, shares: np.ndarray, *, towards: int, rng: np.random.Generator
) -> list[tm.Measurement]:
    """The share under which references score like the subject, with an interval; none where fewer than three shares are known.

    Scores are regressed on shares by a curve that never falls (isotonic regression). References and queries are drawn anew
    500 times; the subject is moved by what a reference lies off the curve, because its score varies as theirs do.

    Parameters
    ----------
    subject, references : arrays of float, shapes (Q,) and (K, Q)
    shares : array of float in [0, 1], shape (K,)
    towards : int
        -1 where more synthetic artefacts score lower.
    """
    if len(np.unique(shares)) < _FEWEST_SHARES:
        return []
    everyone = towards * np.concatenate([subject[None], references])
    sides = [np.flatnonzero(shares == 0), np.flatnonzero(shares > 0)]
    value = float(_estimate(everyone.mean(axis=1), shares)[0])
    drawn = np.empty(_RESAMPLES)
    queries = everyone.shape[1]
    for turn in range(_RESAMPLES):
        chosen = np.concatenate([rng.choice(side, len(side)) for side in sides if len(side)])
        scores = everyone @ rng.multinomial(queries, np.full(queries, 1 / queries)) / queries
        drawn[turn] = _estimate(np.concatenate([scores[:1], scores[1:][chosen]]), shares[chosen], rng)[0]
    tail = (1 - trust.level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    interval = tm.Interval(
        low=float(min(low, value)), high=float(max(high, value)), level=trust.level, method="bootstrap of isotonic regression"
    )
    return [
        tm.Measurement(
            name="synthetic_share", value=value, interval=interval, n=len(shares), unit="share", higher_is_safer=False,
            details={"resamples": _RESAMPLES, "shares": len(np.unique(shares))},
        )
    ]  # fmt: skip


def _estimate(scores: np.ndarray, shares: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
    """From the scores of the subject and of all references; moved by one residual if there is a generator."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(shares, kind="stable")
    levels, counts = np.unique(shares, return_counts=True)
    means = np.array([scores[1:][shares == level].mean() for level in levels])
    fitted = isotonic_regression(means, weights=counts.astype(float)).x
    own = scores[:1]
    if rng is not None:
        residuals = scores[1:][order] - np.repeat(fitted, counts)
        own = own + rng.choice(residuals)
    return share_at(own, fitted, levels)
