"""Encoding pictures alike: fakes that are PNG and real ones that are JPEG would be told apart by their files."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np

import pytest_trustml as tm


class Codec(NamedTuple):
    """How pictures are encoded again before a detector sees them.

    ``side``: both sides in pixels, 0 leaves the size. ``quality``: of the JPEG, 1 to 95, 0 for none. ``blur``: radius of a
    Gaussian blur in pixels. ``scale``: shrunk to this share of its sides and enlarged again, 1 for not at all.
    """

    side: int = 0
    quality: int = 95
    blur: float = 0.0
    scale: float = 1.0


ROBUSTNESS = {
    "as judged": Codec(),
    "JPEG 70": Codec(quality=70),
    "JPEG 50": Codec(quality=50),
    "half size": Codec(scale=0.5),
    "blurred": Codec(blur=1.0),
}
"""The encodings under which a detector is tried, by name."""


def recode(picture: Any, codec: Codec) -> np.ndarray:
    """One picture, a PIL image or an array (height, width, 3) uint8, encoded again: (height', width', 3) uint8.

    The size comes first, then blur and shrinking, the JPEG last, as a picture that is passed on would have it.

    >>> recode(np.full((4, 4, 3), 9, np.uint8), Codec(side=8, quality=0)).shape
    (8, 8, 3)
    """
    from PIL import Image, ImageFilter

    if not 0 <= codec.quality <= 95 or not 0 < codec.scale <= 1 or codec.side < 0 or codec.blur < 0:
        raise tm.UsageError(f"{codec} cannot be meant. Quality is 0 to 95, scale above 0 up to 1, side and blur at least 0.")
    image = (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).convert("RGB")
    if codec.side:
        image = image.resize((codec.side, codec.side), Image.Resampling.BICUBIC)
    if codec.blur:
        image = image.filter(ImageFilter.GaussianBlur(codec.blur))
    if codec.scale < 1:
        small = [max(1, round(length * codec.scale)) for length in image.size]
        image = image.resize(small, Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BICUBIC)
    if codec.quality:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=codec.quality, subsampling=0)
        image = Image.open(stream).convert("RGB")
    return np.asarray(image, np.uint8)


def recoded(pictures: tm.Dataset, codec: Codec) -> tm.Dataset:
    """Pictures of the column ``image``, encoded again, as a data set with the same ids. All get one size: give ``side``."""
    arrays = [recode(image, codec) for image in pictures.column("image")]
    if len({array.shape for array in arrays}) > 1:
        raise tm.DataError("The pictures have different sizes. Name one side for all of them: fakes and real ones alike.")
    return tm.Dataset({"id": pictures.ids, "image": np.stack(arrays)})
