"""From pictures to pixel tensors, through the model's own image processor where it has one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from pytest_trustml.errors import DataError, UsageError
from pytest_trustml.subjects.quiet import quiet
from pytest_trustml.subjects.residence import Loaded


def pixels(loaded: Loaded, images: Sequence[Any]) -> torch.Tensor:
    """Pixel values (B, C, H, W) of PIL images or uint8 arrays (H, W) or (H, W, 3), on the device, in the model's dtype.

    Without a ``preprocessor_config.json`` each image is resized to the ``image_size`` of the configuration (bicubic; as it
    is, where the configuration names none), scaled to 0..1 and normalised by mean 0.5 and deviation 0.5 per channel.
    """
    if isinstance(images, Image.Image):
        raise UsageError("A list of images is needed, found one image. Write [image].")
    vision = _vision(loaded.model.config)
    mode = "L" if getattr(vision, "num_channels", 3) == 1 else "RGB"
    pictures = [picture(image, i).convert(mode) for i, image in enumerate(images)]
    if loaded.processor is not None:
        with quiet():
            values = loaded.processor(images=pictures, return_tensors="pt")["pixel_values"]
    else:
        size = _size(getattr(vision, "image_size", None))
        if size is not None:
            pictures = [one if one.size == size else one.resize(size, Image.Resampling.BICUBIC) for one in pictures]
        if len({one.size for one in pictures}) > 1:
            raise DataError(
                f"The images have different sizes and {loaded.name} says none. Save its image processor beside it "
                "(preprocessor_config.json) or give images of one size."
            )
        arrays = [np.asarray(one, np.float32).reshape(one.height, one.width, -1).transpose(2, 0, 1) for one in pictures]
        values = torch.from_numpy(np.stack(arrays) / 255.0 * 2.0 - 1.0)
    return values.to(loaded.device, next(loaded.model.parameters()).dtype)


def picture(value: Any, i: int) -> Image.Image:
    """A PIL image of what was given as the i-th image."""
    if isinstance(value, Image.Image):
        return value
    if isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim in (2, 3):
        return Image.fromarray(value[..., 0] if value.ndim == 3 and value.shape[2] == 1 else value)
    what = f"{value.dtype} array of shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
    raise DataError(f"Image {i} of the batch is a {what}. Give PIL images or uint8 arrays (H, W) or (H, W, 3).")


def image_size(config: Any) -> int | None:
    """The side of the square that the model sees."""
    size = _size(getattr(_vision(config), "image_size", None))
    return None if size is None else max(size)


def _vision(config: Any) -> Any:
    return getattr(config, "vision_config", None) or config


def _size(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    return (int(value), int(value)) if isinstance(value, int) else (int(value[-1]), int(value[0]))
