"""Memorization inside an encoder, on arrays: SSLMem and LayerMem of two models, UnitMem and ClassMem of one.

Wang, Dziedzic, Backes, Boenisch, "Localizing Memorization in SSL Vision Encoders", NeurIPS 2024, arXiv:2409.19069.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DISTANCES = ("l2", "l1", "cosine", "angular")
SIGNS = ("relu", "abs", "error")
CENTERS = ("mean", "median")


def distance(one: np.ndarray, other: np.ndarray, kind: str = "l2", *, normalize: bool = True) -> np.ndarray:
    """How far apart two views of each point lie in a layer.

    Parameters
    ----------
    one, other : arrays of float, shape (..., d)
        The layer's output for the two views, flattened.
    kind : {"l2", "l1", "cosine", "angular"}
        Euclidean, sum of absolute differences, 1 - cosine, or angle / pi.
    normalize : bool
        Bring every vector to length 1 first, so that layers of other width or scale are comparable. A vector of zeros stays.

    Returns
    -------
    array of float64, shape (...)
        Never negative. The last two kinds are 0 where a vector has no direction in both views, 1 and 1/2 where in one.

    Examples
    --------
    >>> round(float(distance(np.array([1.0, 2, 2]), np.array([2.0, 4, 5]), normalize=False)), 6)
    3.741657
    """
    a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if kind not in DISTANCES:
        raise ValueError(f"distance is {', '.join(DISTANCES[:-1])} or {DISTANCES[-1]}, found {kind!r}.")
    if normalize or kind in ("cosine", "angular"):
        a, b = _unit(a), _unit(b)
    if kind == "l2":
        return np.sqrt(np.square(a - b).sum(axis=-1))
    if kind == "l1":
        return np.abs(a - b).sum(axis=-1)
    # From the chord: exact for views that are nearly the same, where 1 - cosine would cancel.
    chord = np.square(a - b).sum(axis=-1)
    one_only = (np.abs(a).sum(axis=-1) == 0) != (np.abs(b).sum(axis=-1) == 0)
    if kind == "cosine":
        return np.where(one_only, 1.0, chord / 2)
    return np.where(one_only, 0.5, 2 * np.arcsin(np.minimum(1, np.sqrt(chord) / 2)) / np.pi)


def ssl_mem(aligned_f: np.ndarray, aligned_g: np.ndarray) -> np.ndarray:
    """SSLMem of each point: how much closer the model f holds its views together than the reference g (paper, equation 1).

    Parameters
    ----------
    aligned_f, aligned_g : arrays of float >= 0, same shape
        Mean distance of the views of each point under f, which trained on it, and under g, which did not.

    Returns
    -------
    array of float64
        Positive where f memorised the point. It is comparable within one layer only.
    """
    f, g = _losses(aligned_f, "f"), _losses(aligned_g, "g")
    return g - f


def ssl_mem_ratio(aligned_f: np.ndarray, aligned_g: np.ndarray) -> np.ndarray:
    """SSLMem' of each point, on a scale from -1 to 1 that fits every layer (paper, equation 2).

    ``(g - f) / (g + f)``. The paper states the range 0 to 1; it is negative wherever g aligns better, and is not clipped. A
    point whose views coincide under both models counts as 0.

    Examples
    --------
    >>> ssl_mem_ratio(np.array([3.741657, 1.414214]), np.array([6.480741, 8.774964])).round(6).tolist()
    [0.267949, 0.722409]
    """
    f, g = _losses(aligned_f, "f"), _losses(aligned_g, "g")
    total = f + g
    return np.divide(g - f, total, out=np.zeros_like(total), where=total > 0)


def layer_mem(aligned_f: np.ndarray, aligned_g: np.ndarray) -> np.ndarray:
    """LayerMem: the mean SSLMem' over points, for each layer (paper, equation 3).

    Ratios first, then the mean: the ratio of sums is another number.

    Parameters
    ----------
    aligned_f, aligned_g : arrays of float >= 0, shape (points, layers)

    Returns
    -------
    array of float64, shape (layers,)
    """
    return ssl_mem_ratio(aligned_f, aligned_g).mean(axis=0)


def layer_deltas(profile: Sequence[float]) -> np.ndarray:
    """By how much LayerMem rises from each measured layer to the next (paper, equation 4): one number fewer than layers.

    >>> layer_deltas([0.091, 0.123, 0.154]).round(3).tolist()
    [0.032, 0.031]
    """
    return np.diff(np.asarray(profile, dtype=np.float64))


def signed(activations: np.ndarray, sign: str = "relu") -> np.ndarray:
    """Activations on the scale that UnitMem is defined on, which has no negative values.

    Parameters
    ----------
    activations : array of float
        Mean activation of each unit on each point. They must be finite.
    sign : {"relu", "abs", "error"}
        What becomes of negative ones: 0, their size, or an error.
    """
    values = np.asarray(activations, dtype=np.float64)
    if sign not in SIGNS:
        raise ValueError(f"sign is relu, abs or error, found {sign!r}.")
    if not np.isfinite(values).all():
        raise ValueError(f"A unit's activation is {values[~np.isfinite(values)][0]}. All must be finite numbers.")
    if sign == "error" and (values < 0).any():
        raise ValueError(f"A unit's activation is {values.min():.4g}. UnitMem needs none below 0: set sign to relu or abs.")
    return np.abs(values) if sign == "abs" else np.maximum(values, 0.0)


def selectivity(largest: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """``(max - rest) / (max + rest)``: 0 where nothing stands out or the unit is dead, 1 where the rest is silent.

    >>> selectivity(np.array([2.0, 10.0, 0.0]), np.array([1.0, 1.0, 0.0])).round(6).tolist()
    [0.333333, 0.818182, 0.0]
    """
    top, others = np.asarray(largest, dtype=np.float64), np.asarray(rest, dtype=np.float64)
    total = top + others
    return np.divide(top - others, total, out=np.zeros_like(total), where=top > 0)


def unit_mem(mu: np.ndarray, center: str = "mean", sign: str = "relu") -> np.ndarray:
    """UnitMem: how far the point that a unit fires for most stands out from all others (paper, equations 5 to 8).

    Needs the whole matrix; `streaming` gives the same numbers without it.

    Parameters
    ----------
    mu : array of float, shape (points >= 2, units)
        Mean activation of each unit on each point, over its augmented views and over positions.
    center : {"mean", "median"}
        Of the other points. The paper's equation has the mean, its appendix the median.
    sign : {"relu", "abs", "error"}
        See `signed`.

    Returns
    -------
    array of float64 in [0, 1], shape (units,)
        0 for a dead unit. A unit that memorised nothing is NOT at 0: the largest of many random values exceeds their mean, the
        more the more points there are. Compare with as many held-out points, never with a fixed number.

    Examples
    --------
    >>> unit_mem([[2, 0, 2, 0], [0, 0, 2, 0], [1, 3, 2, 0], [0.1, 0, 2, 0]]).round(6).tolist()
    [0.690141, 1.0, 0.0, 0.0]
    """
    values = signed(mu, sign)
    if values.ndim != 2 or len(values) < 2:
        raise ValueError(f"UnitMem compares one point with the others, found an array of shape {values.shape}. Give 2 or more.")
    if center not in CENTERS:
        raise ValueError(f"center is mean or median, found {center!r}.")
    top = values.argmax(axis=0)
    units = np.arange(values.shape[1])
    largest = values[top, units]
    others = np.ma.array(values, mask=False)
    others.mask[top, units] = True
    rest = others.mean(axis=0) if center == "mean" else np.ma.median(others, axis=0)
    return selectivity(largest, np.minimum(np.asarray(rest), largest))  # a mean of equal values may exceed them by rounding


def class_means(activations: np.ndarray, labels: Sequence[object]) -> np.ndarray:
    """Mean activation of each unit over the points of each class: (classes, units), classes in the order of their names."""
    values = np.asarray(activations, dtype=np.float64)
    names = [str(label) for label in labels]
    if len(names) != len(values):
        raise ValueError(f"There are {len(names)} labels for {len(values)} points. Give one for each.")
    distinct = sorted(set(names))
    codes = np.array([distinct.index(name) for name in names])
    return np.stack([values[codes == code].mean(axis=0) for code in range(len(distinct))])


def class_mem(means: np.ndarray, sign: str = "relu") -> np.ndarray:
    """ClassMem: how far the class that a unit fires for most stands out from all others (paper, equations 9 to 16).

    On training data; the same number on test data is called class selectivity (Morcos et al., ICLR 2018). No augmentation.

    Parameters
    ----------
    means : array of float, shape (classes >= 2, units)
        See `class_means`.

    Examples
    --------
    >>> first = [[1, 0, 2, 0], [0, 0, 2, 0], [1, 4, 2, 0], [0, 0, 2, 0]]
    >>> class_mem(class_means(first, [0, 0, 1, 1])).tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    values = signed(means, sign)
    if len(values) < 2:
        raise ValueError(f"ClassMem compares one class with the others, found {len(values)} class. Give points of 2 or more.")
    return unit_mem(values)


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.sqrt(np.square(vectors).sum(axis=-1, keepdims=True))
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


def _losses(aligned: np.ndarray, model: str) -> np.ndarray:
    values = np.asarray(aligned, dtype=np.float64)
    wrong = ~np.isfinite(values) | (values < 0)
    if wrong.any():
        raise ValueError(f"A distance of two views under {model} is {values[wrong][0]}. All must be finite and at least 0.")
    return values
