"""Random views of an image, as encoders train with: crops, mirror images, other colours; the same for any batch and order.

A view depends on the seed, the image's id and the view's number alone, so that two models see the very same ones. Colours are
changed before the image is normalised: afterwards half of the values are negative and would be cut off.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import pytest_trustml as tm

if TYPE_CHECKING:
    from PIL.Image import Image

RATIOS = (3 / 4, 4 / 3)
_TRIES = 10


class Augmentation(NamedTuple):
    """How views are drawn.

    ``brightness``, ``contrast``, ``saturation``: a factor is uniform between 1 minus and 1 plus it. ``hue``: shift as a share
    of the colour circle, uniform between minus and plus it. ``jitter``, ``flip``, ``grey``, ``upside_down``: probabilities of
    changing colours, mirroring, taking the colours away, and turning over. ``smallest``: smallest share of the area in a crop;
    1 is the whole image.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    jitter: float = 0.0
    flip: float = 0.0
    grey: float = 0.0
    upside_down: float = 0.0
    smallest: float = 1.0


AUGMENTATIONS = {
    "none": Augmentation(),
    "crop": Augmentation(smallest=0.5),
    "weak": Augmentation(0.9, 0.9, 0.9, 0.5, jitter=0.4, flip=0.5, grey=0.1, smallest=0.08),
    "normal": Augmentation(0.8, 0.8, 0.8, 0.2, jitter=0.8, flip=1.0, grey=0.2, smallest=0.08),
    "strong": Augmentation(0.8, 0.8, 0.8, 0.2, jitter=0.9, flip=1.0, grey=0.5, upside_down=1.0, smallest=0.08),
}
"""Three are those of the paper (appendix). ``crop`` keeps colours and sides, ``none`` the image (masked autoencoders)."""


def image_views(image: Image, sample: str, first: int, count: int, augmentation: Augmentation, seed: int) -> list[Image]:
    """Views of one image, of its own size.

    Parameters
    ----------
    image : PIL image
        RGB.
    sample : str
        The image's id.
    first, count : int
        Number of the first view, and how many.
    augmentation : Augmentation
    seed : int
    """
    views = (tm.generator(seed, "encoder_memorization.views", sample, view) for view in range(first, first + count))
    return [view_of(image, augmentation, rng) for rng in views]


def view_of(image: Image, augmentation: Augmentation, rng: np.random.Generator) -> Image:
    """One random view of an RGB image, of its own size."""
    from PIL import Image as pil

    if augmentation.smallest < 1:
        box = crop_box(image.width, image.height, augmentation.smallest, rng)
        image = image.resize(image.size, pil.Resampling.BILINEAR, box=box)
    for chance, turn in ((augmentation.flip, pil.Transpose.FLIP_LEFT_RIGHT), (augmentation.upside_down, _UPSIDE_DOWN)):
        if chance and rng.random() < chance:
            image = image.transpose(turn)
    if augmentation.jitter and rng.random() < augmentation.jitter:
        image = _jittered(image, augmentation, rng)
    if augmentation.grey and rng.random() < augmentation.grey:
        image = image.convert("L").convert("RGB")
    return image


_UPSIDE_DOWN = 1  # PIL.Image.Transpose.FLIP_TOP_BOTTOM, without importing it early


def crop_box(width: int, height: int, smallest: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A random rectangle of an image: its share of the area uniform, its ratio of sides log-uniform between 3:4 and 4:3.

    Where ten draws do not fit, the largest central one of an allowed ratio. Left, upper, right, lower in pixels.
    """
    for _ in range(_TRIES):
        area = width * height * rng.uniform(smallest, 1.0)
        ratio = math.exp(rng.uniform(math.log(RATIOS[0]), math.log(RATIOS[1])))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, upper = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
            return left, upper, left + w, upper + h
    w, h = min(width, round(height * RATIOS[1])), min(height, round(width / RATIOS[0]))
    left, upper = (width - w) // 2, (height - h) // 2
    return left, upper, left + w, upper + h


def _jittered(image: Image, augmentation: Augmentation, rng: np.random.Generator) -> Image:
    """Brightness, contrast, saturation and hue changed, in random order."""
    from PIL import ImageEnhance

    kinds = {
        "brightness": ImageEnhance.Brightness, "contrast": ImageEnhance.Contrast, "saturation": ImageEnhance.Color,
    }  # fmt: skip
    for position in rng.permutation(4):
        name = ("brightness", "contrast", "saturation", "hue")[position]
        strength = getattr(augmentation, name)
        if strength and name == "hue":
            image = _turned(image, float(rng.uniform(-strength, strength)))
        elif strength:
            image = kinds[name](image).enhance(float(rng.uniform(max(0.0, 1 - strength), 1 + strength)))
    return image


def _turned(image: Image, share: float) -> Image:
    """All hues turned by a share of the colour circle."""
    from PIL import Image as pil

    hue, saturation, value = image.convert("HSV").split()
    turned = pil.fromarray((np.asarray(hue, dtype=np.int16) + round(share * 255)).astype(np.uint8))
    return pil.merge("HSV", (turned, saturation, value)).convert("RGB")


def pictures(batch: tm.Dataset) -> list[Image]:
    """The images of a batch in RGB, whether they lie in files or in an array of pixels."""
    from PIL import Image as pil

    return [
        pil.fromarray(picture).convert("RGB") if isinstance(picture, np.ndarray) else picture.convert("RGB")
        for picture in batch.column("image")
    ]
