"""Auditing a claim of differential privacy with a single training run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pytest_trustml.errors import DataError, UsageError

_HIGHEST = 1 << 10
_BISECTIONS = 30


def one_run_p(m: int, r: int, v: int, epsilon: float, delta: float = 0.0) -> float:
    """How likely so many right guesses are, at most, if the training was (epsilon, delta)-differentially private.

    Parameters
    ----------
    m : int
        Canaries, each of which was included in the training with probability 1/2, independently of all else.
    r : int
        Canaries about which a guess was made, decided before looking.
    v : int
        Right guesses.
    epsilon, delta : float, at least 0

    Returns
    -------
    float in [0, 1]
        A p-value of the claim.

    References
    ----------
    Steinke, Nasr and Jagielski 2023, NeurIPS, arXiv:2305.08846, theorem 5.2.

    Examples
    --------
    >>> round(one_run_p(1000, 100, 75, 0.672985, 1e-4), 4), one_run_p(1000, 100, 75, 0.5) < 0.05
    (0.05, True)
    """
    from scipy.special import expit
    from scipy.stats import binom

    _check(m, r, v, delta)
    if not epsilon >= 0:
        raise UsageError(f"epsilon is {epsilon}. It is 0 or more.")
    if v == 0:
        return 1.0
    law = binom(r, float(expit(epsilon)))
    beta = float(law.sf(v - 1))
    if delta == 0:
        return min(1.0, beta)
    below = law.cdf(np.arange(v) - 1)  # P[X < k] for k = 0 .. v - 1
    # alpha = max over i = 1..v of P[v - i <= X < v] / i, with i = v - k
    alpha = float(np.max((float(law.cdf(v - 1)) - below) / (v - np.arange(v))))
    return min(1.0, beta + 2 * m * delta * alpha)


def one_run_epsilon(m: int, r: int, v: int, *, delta: float = 0.0, p: float = 0.05) -> float:
    """The largest epsilon that so many right guesses refute: the training was not (epsilon, delta)-private for any smaller one.

    Parameters
    ----------
    m, r, v, delta
        As in `one_run_p`.
    p : float in (0, 1)
        Probability of a bound that is too high.

    Returns
    -------
    float, at least 0
        0 if nothing is refuted, which does not mean that the training was private: a better attack may refute more.

    Examples
    --------
    >>> round(one_run_epsilon(1000, 100, 75, delta=1e-4), 3), one_run_epsilon(1000, 200, 100, delta=1e-5)
    (0.673, 0.0)
    """
    _check(m, r, v, delta)
    if not 0 < p < 1:
        raise UsageError(f"p is {p}. It lies between 0 and 1, for example 0.05.")
    if one_run_p(m, r, v, 0.0, delta) >= p:
        return 0.0
    high = 1
    while one_run_p(m, r, v, float(high), delta) < p:
        high += 1
        if high > _HIGHEST:  # unreachable with finitely many guesses: a right guess has probability 1 long before
            return float(_HIGHEST)
    low, top = 0.0, float(high)
    for _ in range(_BISECTIONS):
        middle = (low + top) / 2
        low, top = (middle, top) if one_run_p(m, r, v, middle, delta) < p else (low, middle)
    return low


def one_run_guesses(scores: Any, included: Any, r: int, rng: np.random.Generator) -> tuple[int, np.ndarray]:
    """Call the r/2 highest scores included and the r/2 lowest left out: how many of these guesses are right, and which rows.

    Parameters
    ----------
    scores : array of float, shape (m,)
        Of the canaries; higher is more like a member. Tied scores are ordered at random.
    included : array of bool, shape (m,)
    r : int
        An even number from 2 to m.

    Returns
    -------
    int, numpy.ndarray of shape (r,)
        Right guesses, and the rows: first those called included.

    Examples
    --------
    >>> import numpy as np
    >>> one_run_guesses([5, 4, 1, 0], [1, 0, 0, 0], 4, np.random.default_rng(0))[0]
    3
    """
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(included).astype(bool)
    if values.shape != truth.shape or values.ndim != 1 or not np.isfinite(values).all():
        raise DataError(f"There are scores of shape {values.shape} for {truth.shape} canaries. One finite number per canary.")
    if r % 2 or not 2 <= r <= len(values):
        raise UsageError(f"{r} guesses for {len(values)} canaries. Take an even number from 2 to {len(values)}.")
    order = np.lexsort((rng.random(len(values)), values))
    rows = np.concatenate([order[::-1][: r // 2], order[: r // 2]])
    right = truth[rows[: r // 2]].sum() + (~truth[rows[r // 2 :]]).sum()
    return int(right), rows


def _check(m: int, r: int, v: int, delta: float) -> None:
    if not 0 <= v <= r <= m or m < 1:
        raise UsageError(f"{v} right of {r} guesses about {m} canaries. They need 0 <= right <= guesses <= canaries.")
    if not (0 <= delta < 1 and math.isfinite(delta)):
        raise UsageError(f"delta is {delta}. It lies from 0 to below 1, and below 1 / {m} to mean anything.")
