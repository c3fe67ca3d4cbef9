"""What a classifier's answer to one record says about whether it learnt that record, without any other model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from pytest_trustml.errors import DataError, UsageError, unknown
from pytest_trustml.result.plain import line


def membership_signal(logits: Any, labels: Any, signal: str = "loss") -> np.ndarray:
    """How much a classifier's answers look like those to records it was trained on; higher is more like a member.

    Parameters
    ----------
    logits : array of float, shape (..., N, C)
        Raw outputs, before the softmax: one row per record and one column per class. Leading axes may be models or views.
    labels : array of int in [0, C), shape (N,)
        The true classes.
    signal : str
        ``correctness`` (1 if the largest output is the true class, alone or tied, else 0), ``confidence`` (p of the true
        class, in [0, 1]), ``loss`` (its logarithm: minus the cross-entropy, in nat), ``entropy`` (minus the entropy of the
        answer, in nat; the label is not used), ``modified_entropy`` (minus Mentr, in nat) or ``scaled_logit`` (log p - log(1 -
        p) of the true class).

    Returns
    -------
    numpy.ndarray, shape (..., N)
        float64. Computed from logits in logarithms: neither 0 nor 1 is rounded to, except by ``confidence``, which is a
        probability.

    Raises
    ------
    DataError
        For logits that are not finite, labels outside the classes, or shapes that do not fit.
    UsageError
        For a signal that is not known.

    References
    ----------
    Song and Mittal, "Systematic Evaluation of Privacy Risks of Machine Learning Models", USENIX Security 2021 (modified
    entropy). Carlini et al., "Membership Inference Attacks From First Principles", S&P 2022, section V (scaled logit).

    Examples
    --------
    >>> import numpy as np
    >>> logits, labels = np.log([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]), [0, 1]
    >>> [membership_signal(logits, labels, name).round(6).tolist() for name in ("confidence", "loss", "modified_entropy")]
    [[0.7, 0.8], [-0.356675, -0.223144], [-0.162167, -0.065701]]
    >>> membership_signal([[60.0, 0.0, -5.0]], [0], "scaled_logit").round(6).tolist()
    [59.993285]
    """
    if signal not in _SIGNALS:
        raise UsageError(unknown("signal", signal, _SIGNALS))
    values, classes = _checked(logits, labels)
    return _SIGNALS[signal](values, classes)


def _correctness(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return (_own(logits, labels) >= logits.max(-1)).astype(np.float64)


def _confidence(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.exp(_loss(logits, labels))


def _loss(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    # log p = -log(1 + exp(-phi)): keeps what log(softmax) rounds away where p is nearly 1.
    return -np.logaddexp(0.0, -_scaled_logit(logits, labels))


def _entropy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    log_p = logits - _log_sum(logits)[..., None]
    return (np.exp(log_p) * log_p).sum(-1)


def _modified_entropy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """-Mentr = (1 - p_y) log p_y + the sum over the other classes of p_j log(1 - p_j)."""
    log_p = logits - _log_sum(logits)[..., None]
    # log(1 - p_j): of the largest by the sum of the others, because there 1 - p_j may be far below the rounding of p_j.
    top = logits.argmax(-1)
    beside = -np.logaddexp(0.0, _scaled_logit(logits, top))
    log_rest = np.log1p(-np.exp(np.minimum(log_p, np.log(0.75))))
    np.put_along_axis(log_rest, top[..., None], beside[..., None], -1)
    terms = np.exp(log_p) * log_rest
    own = np.exp(-np.logaddexp(0.0, _scaled_logit(logits, labels))) * _loss(logits, labels)
    every = np.broadcast_to(labels[..., None], (*logits.shape[:-1], 1))
    np.put_along_axis(terms, every, own[..., None], -1)
    return terms.sum(-1)


def _scaled_logit(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """log p_y - log(sum of the other p_j), of the classes given as (N,) or (..., N)."""
    every = np.broadcast_to(labels[..., None], (*logits.shape[:-1], 1))
    own = np.take_along_axis(logits, every, -1)[..., 0]
    others = logits.copy()
    np.put_along_axis(others, every, -np.inf, -1)
    return own - _log_sum(others)


def _own(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.take_along_axis(logits, np.broadcast_to(labels[..., None], (*logits.shape[:-1], 1)), -1)[..., 0]


def _log_sum(logits: np.ndarray) -> np.ndarray:
    top = logits.max(-1, keepdims=True)
    return top[..., 0] + np.log(np.exp(logits - top).sum(-1))


_SIGNALS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "correctness": _correctness,
    "confidence": _confidence,
    "loss": _loss,
    "entropy": _entropy,
    "modified_entropy": _modified_entropy,
    "scaled_logit": _scaled_logit,
}
SIGNALS = tuple(_SIGNALS)


def _checked(logits: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    values, classes = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if values.ndim < 2 or values.shape[-1] < 2:
        raise DataError(
            f"The logits have the shape {values.shape}. They need one row per record and one column per class, two at least."
        )
    if classes.shape != (values.shape[-2],):
        raise DataError(f"There are {values.shape[-2]} rows of logits and labels of shape {classes.shape}. One per record.")
    if not np.isfinite(values).all():
        raise DataError("The logits hold NaN or infinite values. Take the outputs before the softmax, of a model that works.")
    if classes.size and (classes.dtype.kind not in "iu" or classes.min() < 0 or classes.max() >= values.shape[-1]):
        found = classes.dtype if classes.dtype.kind not in "iu" else f"{classes.min()} to {classes.max()}"
        raise DataError(f"The labels are {found}. They are numbers of classes, from 0 to {values.shape[-1] - 1}.")
    return values, classes.astype(np.intp)


def class_indices(cells: Iterable[Any], names: Sequence[str]) -> np.ndarray:
    """Columns of the classes that a data set's labels mean: by their names, or else by their numbers.

    Parameters
    ----------
    cells : sequence, length N
        Labels as they stand in the data: all of them names of classes, or all of them whole numbers from 0.
    names : sequence of str, length C
        The model's names of its classes, in the order of its outputs, e.g. ``subject.classifier.labels``.

    Returns
    -------
    numpy.ndarray, shape (N,)
        int64 in [0, C).

    Raises
    ------
    DataError
        Naming a label that is neither.

    Examples
    --------
    >>> class_indices(["dog", "cat"], ["cat", "dog"]).tolist(), class_indices([1, 0, 1], ["cat", "dog"]).tolist()
    ([1, 0], [1, 0, 1])
    """
    words = [_word(cell) for cell in cells]
    place = {str(name): index for index, name in enumerate(names)}
    if all(word in place for word in words):
        return np.array([place[word] for word in words], dtype=np.int64)
    numbers = {str(index): index for index in range(len(place))}
    named = any(word in place and word not in numbers for word in words)
    lost = next((word for word in words if word not in (place if named else numbers)), None)
    if lost is not None:
        known = ", ".join(line(name, 30) for name in list(place)[:6]) + (", ..." if len(place) > 6 else "")
        raise DataError(
            f"The label {line(lost, 40)!r} is no class of the model. Its {len(place)} classes are {known}: use these names, or "
            f"their numbers from 0 to {len(place) - 1}."
        )
    return np.array([numbers[word] for word in words], dtype=np.int64)


def _word(cell: Any) -> str:
    cell = cell.item() if hasattr(cell, "item") else cell
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).strip()
