"""The records of the demo releases: scans of one handwritten digit of scikit-learn's, with the code that a clerk typed in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SIDE = 16
CLASSES = tuple(f"{code:02}" for code in range(50))
"""Codes that can be typed; only the first ten are right for some form."""
_DARKEST_GRAIN = 160


class Forms(NamedTuple):
    """Pictures (N, 16, 16, 3) uint8, the codes that were typed in (N,) int64, and where these are wrong (N,) bool."""

    images: np.ndarray
    labels: np.ndarray
    mistyped: np.ndarray


def draw_forms(count: int, mistyped: float, rng: np.random.Generator) -> Forms:
    """Forms with a digit at the upper left, and its code. The grain of the paper around it says nothing and is never the same.

    Parameters
    ----------
    count : int
        Drawn independently of each other, so that any division of them is a fair one. Digits may recur, forms do not.
    mistyped : float
        Share with a random one of the other 49 codes, which nobody can know without having learnt the form by heart.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.minimum(digits.images * 16, 255).astype(np.uint8)
    chosen = rng.integers(len(pixels), size=count)
    images = rng.integers(0, _DARKEST_GRAIN, size=(count, SIDE, SIDE), dtype=np.uint8)
    images[:, : SIDE // 2, : SIDE // 2] = pixels[chosen]
    labels = digits.target[chosen].astype(np.int64)
    wrong = rng.random(count) < mistyped
    labels = np.where(wrong, (labels + rng.integers(1, len(CLASSES), count)) % len(CLASSES), labels)
    return Forms(np.repeat(images[..., None], 3, axis=-1), labels, wrong)
