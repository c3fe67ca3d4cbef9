"""Pictures that the demo encoders learn from: a handwritten numeral on a patch of a photograph, each one of a kind.

The pixels come from images that scikit-learn carries, so that the demo releases need neither a download nor a licence of
their own. All pictures are drawn from one law, so that training and held-out pictures differ in nothing but their part.
"""

from __future__ import annotations

import numpy as np

SIDE = 32
_NUMERAL = 20
"""Sides of the picture and of the numeral in pixels."""
_INKS = (
    (230, 60, 60), (250, 150, 30), (250, 230, 70), (60, 190, 90), (60, 120, 240), (170, 80, 220), (245, 245, 245), (15, 15, 15),
)  # fmt: skip


def draw_pictures(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random pictures with the numerals that they show.

    Parameters
    ----------
    count : int
    rng : numpy.random.Generator

    Returns
    -------
    arrays of shape (count, 32, 32, 3) uint8 and (count,) int64
    """
    from sklearn.datasets import load_digits, load_sample_image

    digits = load_digits()
    photographs = [load_sample_image(name) for name in ("china.jpg", "flower.jpg")]
    chosen = rng.integers(len(digits.images), size=count)
    images = np.stack([_picture(digits.images[row] / 16.0, photographs, rng) for row in chosen])
    return images, digits.target[chosen].astype(np.int64)


def _picture(hand: np.ndarray, photographs: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    from PIL import Image

    photograph = photographs[int(rng.integers(len(photographs)))]
    zoom = int(rng.integers(1, 5))
    top, left = (int(rng.integers(length - zoom * SIDE + 1)) for length in photograph.shape[:2])
    patch = photograph[top : top + zoom * SIDE, left : left + zoom * SIDE]
    canvas = patch.reshape(SIDE, zoom, SIDE, zoom, 3).mean(axis=(1, 3))
    if rng.random() < 0.5:
        canvas = canvas[:, ::-1]
    large = Image.fromarray((hand * 255).astype(np.uint8)).resize((_NUMERAL, _NUMERAL), Image.Resampling.BICUBIC)
    mask = np.zeros((SIDE, SIDE, 1))
    down, right = rng.integers(SIDE - _NUMERAL + 1, size=2)
    mask[down : down + _NUMERAL, right : right + _NUMERAL, 0] = np.asarray(large) / 255.0
    ink = np.array(_INKS[int(rng.integers(len(_INKS)))], dtype=np.float64)
    return np.clip(canvas * (1 - mask) + ink * mask + rng.normal(scale=4, size=canvas.shape), 0, 255).astype(np.uint8)
