"""Pictures as PNG bytes: clean ones to keep, small ones to show."""

from __future__ import annotations

import io
from typing import Any

from pytest_trustml.errors import UsageError

LARGEST_SIDE = 2048


def png(image: Any) -> bytes:
    """A picture as PNG, without the notes that files carry along (camera, place, colour profile).

    Parameters
    ----------
    image : PIL image, or array
        Array of shape (height, width) or (height, width, 1 | 3 | 4): uint8 from 0 to 255, bool, or float from 0 to 1.
        Longer sides than 2048 pixels are scaled down.

    Raises
    ------
    UsageError
        If it is no picture; the message names the shape and type found.

    Examples
    --------
    >>> import numpy as np
    >>> png(np.zeros((2, 3)))[:4]
    b'\\x89PNG'
    """
    from PIL import Image

    picture = image if isinstance(image, Image.Image) else Image.fromarray(_pixels(image))
    if picture.mode not in ("L", "RGB", "RGBA"):
        keeps_alpha = picture.mode in ("LA", "PA", "La", "RGBa") or "transparency" in picture.info
        picture = picture.convert("RGBA" if keeps_alpha else "L" if picture.mode == "1" else "RGB")
    picture = picture.copy()
    picture.info = {}
    picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    return _saved(picture, "PNG")


def _pixels(image: Any) -> Any:
    """An array of bytes in the axis order that PIL reads."""
    import numpy as np

    found = np.asarray(image)
    what = f"an array of shape {found.shape} and type {found.dtype}"
    pixels = found[..., 0] if found.ndim == 3 and found.shape[2] == 1 else found
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)) or 0 in pixels.shape:
        hint = " Move the channels to the last axis." if found.ndim == 3 and found.shape[0] in (1, 3, 4) else ""
        raise UsageError(f"A picture has shape (height, width) or (height, width, 1, 3 or 4), found {what}.{hint}")
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * 255
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    if not np.issubdtype(pixels.dtype, np.floating):
        raise UsageError(f"A picture holds uint8 from 0 to 255 or floats from 0 to 1, found {what}. Convert it first.")
    if not np.isfinite(pixels).all():
        raise UsageError(f"A picture of floats has no NaN or infinity, but {what} has. Leave it out or fill them in.")
    if pixels.min() < -0.01 or pixels.max() > 1.01:
        ends = f"{pixels.min():.4g} to {pixels.max():.4g}"
        raise UsageError(f"A picture of floats reaches from 0 to 1, found {what} from {ends}. Scale it first.")
    return np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)


def preview(content: bytes, side: int) -> tuple[str, bytes, int, int]:
    """Media type, bytes, width and height of a picture that is at most ``side`` pixels long, small enough to inline.

    Raises
    ------
    OSError, ValueError
        If the bytes are no readable picture.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as opened:
            opened.load()
            picture = opened
    except (Image.DecompressionBombError, SyntaxError) as problem:
        raise ValueError(str(problem)) from None
    if max(picture.size) <= side and len(content) <= 48_000:
        return "image/png", content, *picture.size
    picture.thumbnail((side, side))
    if picture.mode == "RGBA":
        return "image/png", _saved(picture, "PNG"), *picture.size
    return "image/jpeg", _saved(picture.convert("RGB"), "JPEG", quality=84), *picture.size


def _saved(picture: Any, format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, format=format, **options)
    return out.getvalue()
