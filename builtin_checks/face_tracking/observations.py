"""What an extractor is asked, and what pictures go through before it sees them: mirrors, re-encoding, resizing."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

import pytest_trustml as tm

if TYPE_CHECKING:
    from PIL.Image import Image


def embeddings(
    subject: tm.Subject, batch: tm.Dataset, *, mirrors: bool = False, jpeg_quality: int = 0, scale: float = 1.0
) -> np.ndarray:
    """Embeddings of the pictures in the column ``image``: (B, d) float64, not normalised.

    Parameters
    ----------
    mirrors : bool
        Add the embedding of the mirror image, as recognisers of faces often do.
    jpeg_quality, scale
        As in `reencoded`.
    """
    shown = [reencoded(picture, jpeg_quality, scale) for picture in pictures(batch)]
    found = np.asarray(subject.encoder.embed(shown), dtype=np.float64)
    if mirrors:
        from PIL import ImageOps

        found = found + np.asarray(subject.encoder.embed([ImageOps.mirror(picture) for picture in shown]), dtype=np.float64)
    return found


def reencoded(picture: Image, jpeg_quality: int, scale: float) -> Image:
    """A picture after it was published: scaled, and brought back, and written as JPEG and read again.

    Parameters
    ----------
    picture : PIL image, RGB
    jpeg_quality : int
        1 to 95; 0 leaves JPEG out.
    scale : float
        Share of each side that is kept; 1 leaves scaling out.
    """
    from PIL import Image as pil

    if scale != 1:
        small = tuple(max(1, round(side * scale)) for side in picture.size)
        picture = picture.resize(small, pil.Resampling.BICUBIC).resize(picture.size, pil.Resampling.BICUBIC)
    if jpeg_quality:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=jpeg_quality)
        picture = pil.open(io.BytesIO(file.getvalue()), formats=["JPEG"]).convert("RGB")
    return picture


def pictures(batch: tm.Dataset) -> list[Image]:
    """The images of a batch in RGB, whether they lie in files or in an array of pixels."""
    return [rgb(cell) for cell in batch.column("image")]


def rgb(cell: Any) -> Image:
    """One picture in RGB."""
    from PIL import Image as pil

    return (pil.fromarray(cell) if isinstance(cell, np.ndarray) else cell).convert("RGB")


def contrast(subject: tm.Subject, batch: tm.Dataset) -> np.ndarray:
    """Standard deviation of the pixels of each picture, 0 (one colour) to 0.5: (B,)."""
    return np.array([np.asarray(picture, dtype=np.float64).std() / 255 for picture in pictures(batch)])


def likeness(subject: tm.Subject, batch: tm.Dataset) -> np.ndarray:
    """Structural similarity of each picture to its original in the column ``before``, 1 for equal ones: (B,).

    A picture of another size is scaled to that of its original first. Pictures below 7 x 7 pixels are too small for it.
    """
    from PIL import Image as pil

    found = np.empty(len(batch))
    for row, (after, before) in enumerate(zip(pictures(batch), map(rgb, batch.column("before")), strict=True)):
        if after.size != before.size:
            after = after.resize(before.size, pil.Resampling.BICUBIC)
        pair = [np.asarray(picture, dtype=np.float64).transpose(2, 0, 1)[None] / 255 for picture in (after, before)]
        found[row] = tm.ssim(*pair)[0]
    return found
