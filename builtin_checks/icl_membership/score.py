"""The formulas: the advantage of an attack, thresholds that were not tuned on what they judge, and the hybrid's classifier."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np

FOLDS = 5


def advantage(flagged: np.ndarray, member: np.ndarray) -> float:
    """TPR - FPR, which for as many members as others is 2 (accuracy - 1/2).

    Examples
    --------
    >>> advantage(np.array([1, 1, 0, 1]), np.array([1, 1, 0, 0]))
    0.5
    """
    flagged, member = np.asarray(flagged, dtype=bool), np.asarray(member, dtype=bool)
    return float(flagged[member].mean() - flagged[~member].mean())


def best_threshold(scores: np.ndarray, member: np.ndarray) -> float:
    """The threshold (flag if score >= it) with the largest advantage on these trials, half-way between neighbouring scores.

    Of several that are as good it is the highest. Infinite if accusing nobody is best.

    >>> best_threshold(np.array([0.95, 0.90, 0.40, 0.97, 0.88, 0.35, 0.55, 0.30, 0.85, 0.60]), np.repeat([1, 0], 5))
    0.865
    """
    scores, member = np.asarray(scores, dtype=float), np.asarray(member, dtype=bool)
    levels = np.unique(scores)[::-1]
    hits = [advantage(scores >= level, member) for level in levels]
    best = int(np.argmax(np.round(hits, 12)))
    if hits[best] <= 0:
        return float("inf")
    below = levels[best + 1] if best + 1 < len(levels) else levels[best]
    return float(round((levels[best] + below) / 2, 12))


def cross_fitted(
    scores: np.ndarray,
    member: np.ndarray,
    target: Sequence[Hashable],
    fit: Callable[[np.ndarray, np.ndarray], Callable],
    seed: int,
) -> np.ndarray:
    """What a rule says about each trial that was fitted on the other folds' trials; trials of one target share a fold.

    Parameters
    ----------
    scores : array of shape (n,) or (n, k)
    member : array of bool, shape (n,)
    target : sequence of n hashables
    fit : callable
        ``fit(scores, member)`` returns a function from scores to one value per trial.

    Returns
    -------
    array of shape (n,)
    """
    names = sorted(set(map(str, target)))
    fold_of = dict(
        zip(np.random.default_rng(seed).permutation(len(names)).tolist(), np.arange(len(names)) % FOLDS, strict=True)
    )
    numbers = {name: place for place, name in enumerate(names)}
    fold = np.array([fold_of[numbers[str(one)]] for one in target])
    found = np.zeros(len(member))
    for number in range(FOLDS):
        inside = fold == number
        if not inside.any():
            continue
        rest = ~inside
        if member[rest].all() or not member[rest].any():
            continue
        found[inside] = fit(scores[rest], member[rest])(scores[inside])
    return found


def threshold_rule(scores: np.ndarray, member: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Flag what reaches the best threshold of known trials."""
    cut = best_threshold(scores, member)
    return lambda new: new >= cut


def logistic_rule(features: np.ndarray, member: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Probability of membership by a logistic regression on standardised features, with an L2 penalty of 1/2 |w|^2."""
    from sklearn.linear_model import LogisticRegression

    centre, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    model = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit((features - centre) / spread, member)
    return lambda new: model.predict_proba((new - centre) / spread)[:, 1]


def kind_rule(kinds: np.ndarray, member: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Flag the kinds of reply that come from members more often than from others."""
    shares = {kind: advantage(kinds == kind, member) for kind in np.unique(kinds)}
    return lambda new: np.array([shares.get(kind, 0.0) > 0 for kind in new])


def differential_privacy_bound(epsilon: float, delta: float = 0.0) -> float:
    """The largest advantage against a context that is (epsilon, delta)-differentially private.

    >>> [round(differential_privacy_bound(epsilon), 6) for epsilon in (0.5, 1, 2, 4)]
    [0.244919, 0.462117, 0.761594, 0.964028]
    """
    grown = np.exp(epsilon)
    return float((grown - 1 + 2 * delta) / (grown + 1))


def chance_level(members: int, others: int) -> tuple[float, float]:
    """What a useless score reaches if its threshold is tuned on the very trials that are reported: the mean and the 95 % point.

    >>> [round(value, 3) for value in chance_level(25, 25)], [round(value, 3) for value in chance_level(250, 250)]
    ([0.177, 0.346], [0.056, 0.109])
    """
    root = np.sqrt(1 / members + 1 / others)
    return float(np.sqrt(np.pi / 8) * root), float(np.sqrt(-np.log(0.05) / 2) * root)
