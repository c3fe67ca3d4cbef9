"""What was handed in, checked before anything is computed from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np


def numbers(values: Iterable[float], what: str = "values") -> np.ndarray:
    """Finite numbers as a one-dimensional float64 array, or a ValueError that names the first that is none.

    >>> numbers([1, 2.5])
    array([1. , 2.5])
    >>> numbers([0.1, float("nan")], "scores")
    Traceback (most recent call last):
        ...
    ValueError: scores[1] is nan. Every value must be a finite number: find out why it is none, or leave the sample out.
    """
    array = _one_dimension(values, what)
    if array.dtype.kind not in "biuf":
        array = np.array([_number(value, what, position) for position, value in enumerate(array.tolist())], dtype=float)
    array = array.astype(np.float64)
    broken = np.flatnonzero(~np.isfinite(array))
    if broken.size:
        raise ValueError(
            f"{what}[{broken[0]}] is {array[broken[0]]}. Every value must be a finite number: "
            "find out why it is none, or leave the sample out."
        )
    return array


def occurred(events: Iterable[Any], what: str = "events") -> np.ndarray:
    """Events as a one-dimensional bool array. True and 1 happened, False and 0 did not; anything else is refused.

    >>> occurred([1, 0, True])
    array([ True, False,  True])
    >>> occurred([0, 2])
    Traceback (most recent call last):
        ...
    ValueError: events[1] is 2. An event is True or False, or 1 or 0: compare with a threshold first.
    """
    array = _one_dimension(events, what)
    if array.dtype.kind == "b":
        return array
    for position, value in enumerate(array.tolist()):
        if isinstance(value, str) or value not in (0, 1):
            raise ValueError(
                f"{what}[{position}] is {value!r}. An event is True or False, or 1 or 0: compare with a threshold first."
            )
    return array.astype(bool)


def same_length(first: np.ndarray, second: np.ndarray, names: str) -> None:
    """Refuse pairs of which one half is missing."""
    if len(first) != len(second):
        raise ValueError(f"{names} belong together one by one, but there are {len(first)} and {len(second)} of them.")


def one_of(word: str, choices: Iterable[str], what: str) -> None:
    """Refuse an option that is not among its choices."""
    if word not in tuple(choices):
        raise ValueError(f"{what} is {word!r}. Choose one of {', '.join(choices)}.")


def _one_dimension(values: Iterable[Any], what: str) -> np.ndarray:
    listed = values if hasattr(values, "__array__") else list(values)
    try:
        array = np.asarray(listed)
    except ValueError:  # numpy's words for rows of different lengths
        raise ValueError(f"{what} holds lists of different lengths. Hand in one value per sample.") from None
    if array.dtype.kind in "US":  # one word among numbers turns all of them into words
        array = np.array(listed, dtype=object)
    if array.ndim != 1:
        raise ValueError(
            f"{what} has the shape {array.shape}. One value per sample is needed: hand in a one-dimensional array."
        )
    return array


def _number(value: Any, what: str, position: int) -> float:
    try:
        if isinstance(value, str):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{what}[{position}] is {value!r}. Every value must be a finite number.") from None
