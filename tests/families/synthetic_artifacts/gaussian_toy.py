"""Section 15 of the method's specification: classifiers of Gaussian data, trained side by side."""

from __future__ import annotations

import numpy as np

DIMENSIONS, QUERIES, TEXTS = 20, 200, 300
_DIRECTION = np.array([np.cos(np.pi / 3), np.sin(np.pi / 3)])


def sample(rng, shape, synthetic):
    """Two classes: 0.75 to both sides of one axis; if synthetic twice as far, on an axis turned by 60 degrees."""
    gold = rng.integers(0, 2, shape)
    points = rng.normal(size=(*shape, DIMENSIONS))
    side = (2 * gold - 1)[..., None]
    points[..., :2] += side * (1.5 * _DIRECTION if synthetic else np.array([0.75, 0.0]))
    return points, gold


def mixed(rng, shape, share):
    """The first part of every training set is synthetic."""
    made = round(share * shape[-1])
    parts = [sample(rng, (*shape[:-1], n), kind) for n, kind in ((made, True), (shape[-1] - made, False))]
    return tuple(np.concatenate([part[side] for part in parts], axis=len(shape) - 1) for side in (0, 1))


def fit(points, gold, steps=300, rate=0.5, decay=1e-2 / TEXTS):
    """K logistic regressions by gradient descent: weights (K, d + 1).

    The penalty of 0.01 belongs to the summed loss: with it on the mean, all confidences lie 0.02 below the published ones.
    """
    inputs = np.concatenate([points, np.ones((*points.shape[:-1], 1))], axis=-1)
    weights = np.zeros((len(points), inputs.shape[-1]))
    for _ in range(steps):
        error = 1 / (1 + np.exp(-(inputs @ weights[..., None])[..., 0])) - gold
        penalty = decay * weights
        penalty[:, -1] = 0
        weights -= rate * ((error[:, None] @ inputs)[:, 0] / points.shape[1] + penalty)
    return weights


def posteriors(weights, points):
    """(K, Q, 2)."""
    p = 1 / (1 + np.exp(-(np.concatenate([points, np.ones((len(points), 1))], axis=1) @ weights.T).T))
    return np.stack([1 - p, p], axis=-1)
