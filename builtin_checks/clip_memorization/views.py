"""Views of a pair: seeded crops of its image and its captions, the same for both models, for any batch and any order.

The difference between two models is measured on common random numbers: each crop depends on the seed and the sample's id
alone, so that the randomness of the views cancels instead of adding to the score's noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import pytest_trustml as tm

if TYPE_CHECKING:
    from PIL.Image import Image

RATIOS = (3 / 4, 4 / 3)
_TRIES = 10

Box = tuple[int, int, int, int]


def crop_box(width: int, height: int, rng: np.random.Generator, smallest: float = 0.9) -> Box:
    """A random rectangle inside an image: the crop that image-text models of the CLIP kind train with.

    Its area is a uniform share of the image between ``smallest`` and 1, its ratio of sides log-uniform between 3:4 and 4:3.
    Where ten draws do not fit, it is the largest central rectangle of an allowed ratio.

    Parameters
    ----------
    width, height : int
        Size of the image in pixels.
    rng : numpy.random.Generator
    smallest : float
        Smallest share of the area, above 0 and up to 1.

    Returns
    -------
    tuple of int
        Left, upper, right, lower in pixels.
    """
    for _ in range(_TRIES):
        area = width * height * rng.uniform(smallest, 1.0)
        ratio = math.exp(rng.uniform(math.log(RATIOS[0]), math.log(RATIOS[1])))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, upper = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
            return left, upper, left + w, upper + h
    w = max(1, min(width, round(height * RATIOS[1])))
    h = max(1, min(height, round(width / RATIOS[0])))
    left, upper = (width - w) // 2, (height - h) // 2
    return left, upper, left + w, upper + h


def image_views(
    image: Image, sample: str, count: int, size: int, *, seed: int, smallest: float = 0.9, flip: bool = False
) -> list[Image]:
    """Random resized crops of one image.

    Parameters
    ----------
    image : PIL image
        Of any size, in RGB.
    sample : str
        The sample's id: together with ``seed`` it decides every view.
    count : int
        How many views.
    size : int
        Side of the square views in pixels.
    seed : int
    smallest : float
        Smallest share of the image's area in a crop.
    flip : bool
        Mirror every other view by chance. Off unless asked for: text in an image and words such as *left* do not survive it.
    """
    from PIL import Image as pil

    rng = tm.generator(seed, "clip_memorization.views", sample)
    views = []
    for _ in range(count):
        box = crop_box(image.width, image.height, rng, smallest)
        view = image.resize((size, size), pil.Resampling.BICUBIC, box=box, reducing_gap=3.0)
        mirrored = flip and rng.random() < 0.5
        views.append(view.transpose(pil.Transpose.FLIP_LEFT_RIGHT) if mirrored else view)
    return views


def pictures(batch: tm.Dataset) -> Iterator[Image]:
    """The images of a batch, one after another, whether they lie in files or in an array of pixels."""
    from PIL import Image as pil

    for picture in batch.column("image"):
        yield pil.fromarray(picture).convert("RGB") if isinstance(picture, np.ndarray) else picture.convert("RGB")


def caption_views(batch: tm.Dataset) -> list[list[str]]:
    """The captions of every pair: the list in its column ``captions`` if there is one, else its single ``caption``.

    Raises
    ------
    DataError
        If a pair has no caption, or something that is no text.
    """
    if "captions" not in batch.columns:
        return [[_caption(value, name)] for value, name in zip(batch.column("caption"), batch.ids, strict=True)]
    views = []
    for value, name in zip(batch.column("captions"), batch.ids, strict=True):
        if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray) or len(value) == 0:
            raise tm.DataError(
                f"The pair {name!r} has {_kind(value)} in its column captions. It holds a list of one or more texts; "
                "leave the column out where there is one caption per image."
            )
        views.append([_caption(caption, name) for caption in value])
    return views


def _caption(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise tm.DataError(
            f"The pair {name!r} has {_kind(value)} for a caption. A caption is a text of at least one character; mend or drop "
            "it."
        )
    return value


def _kind(value: Any) -> str:
    """What a cell is, without telling what stands in it."""
    empty = isinstance(value, str | Sequence) and not (value.strip() if isinstance(value, str) else len(value))
    return f"an empty {type(value).__name__}" if empty else f"a {type(value).__name__}"
