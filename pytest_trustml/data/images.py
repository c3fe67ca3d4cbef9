"""A column of images that are opened when they are looked at, never before."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_trustml.errors import DataError
from pytest_trustml.result.plain import line

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
MOST_PIXELS = 89_478_485
"""Largest image that is decoded: a quarter of a gigabyte of RGB. A small file can claim to hold far more."""
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


class Images(Sequence["Image"]):
    """A column of images: 8-bit RGB, upright, without metadata. Each look at one decodes it anew.

    Parameters
    ----------
    sources : sequence of Path, bytes or PIL image
        Files, encoded images, or images in memory. Transparency is dropped, of animations the first picture is taken.

    Notes
    -----
    Errors name the row of an image, never its file: file names may tell what the data are about.
    """

    def __init__(self, sources: Sequence[Path | bytes | Image], *, rows: Sequence[int] | None = None) -> None:
        self._sources = tuple(sources)
        self._rows = tuple(range(1, len(self._sources) + 1)) if rows is None else tuple(rows)

    def __len__(self) -> int:
        return len(self._sources)

    def __getitem__(self, index: int | slice) -> Image | Images:  # type: ignore[override]
        if isinstance(index, slice):
            return Images(self._sources[index], rows=self._rows[index])
        return self._decode(self._sources[index], self._rows[index])

    def __iter__(self) -> Iterator[Image]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        return f"Images({len(self)})"

    def pick(self, indices: Sequence[int]) -> Images:
        """The images at these rows, in this order, still unopened."""
        return Images([self._sources[index] for index in indices], rows=[self._rows[index] for index in indices])

    @classmethod
    def of_all(cls, columns: Sequence[Images]) -> Images:
        """The images of several columns, one after the other, still unopened; errors name the row within its own column."""
        return cls(
            [source for column in columns for source in column._sources],
            rows=[row for column in columns for row in column._rows],
        )

    def digest(self, index: int) -> str:
        """SHA-256 of the file, or of the pixels where there is no file."""
        source = self._sources[index]
        if isinstance(source, Path):
            try:
                return hashlib.sha256(source.read_bytes()).hexdigest()
            except OSError as error:
                raise DataError(_unreadable(self._rows[index], error)) from None
        if isinstance(source, bytes):
            return hashlib.sha256(source).hexdigest()
        picture = self._decode(source, self._rows[index])
        return hashlib.sha256(f"{picture.size}".encode() + picture.tobytes()).hexdigest()

    def _decode(self, source: Path | bytes | Image, row: int) -> Image:
        from PIL import Image, ImageOps

        if isinstance(source, Image.Image):
            return _bare(ImageOps.exif_transpose(source), row)
        try:
            with warnings.catch_warnings():
                # Pillow only warns of images up to twice its own limit; ours is checked below.
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                stream = io.BytesIO(source) if isinstance(source, bytes) else source
                with Image.open(stream, formats=sorted(set(FORMATS.values()))) as picture:
                    if picture.width * picture.height > MOST_PIXELS:
                        raise Image.DecompressionBombError(f"{picture.width} x {picture.height} pixels")
                    return _bare(ImageOps.exif_transpose(picture), row)
        except Image.DecompressionBombError as error:
            raise DataError(
                f"The image of row {row} is too large to decode: {line(str(error))}. At most {MOST_PIXELS:,} pixels are "
                "allowed, because a small file can fill the memory. Scale it down."
            ) from None
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise DataError(_unreadable(row, error)) from None


def _bare(picture: Image, row: int) -> Image:
    """8-bit RGB pixels and nothing else: no EXIF, no colour profile, no text chunks."""
    if picture.mode in _DEEP:
        raise DataError(
            f"The image of row {row} has more than 8 bits per channel (mode {picture.mode}). Images must have 8: convert it, "
            "because cutting off the rest here would change what the model sees."
        )
    pixels = picture.convert("RGB")
    if pixels is picture:
        pixels = picture.copy()
    pixels.info = {}
    return pixels


def _unreadable(row: int, error: Exception) -> str:
    """The sentence for an image that is none. Pillow and the system name the file in some of their messages."""
    known = ", ".join(sorted(set(FORMATS.values())))
    why = "there is no image in it" if type(error).__name__ == "UnidentifiedImageError" else str(error)
    if isinstance(error, OSError) and error.strerror:
        why = error.strerror
    return (
        f"The image of row {row} cannot be read as an image: {line(why)}. It must be a whole {known} file: replace or remove "
        "it."
    )
