"""Pictures that are judged themselves: one PNG or JPEG file, or a folder that holds nothing else."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_trustml.errors import SubjectError
from pytest_trustml.subjects.architectures import NEEDS
from pytest_trustml.subjects.fingerprint import combine
from pytest_trustml.subjects.residence import Loaded, Residence

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG")
MOST_PICTURES = 200
MOST_PIXELS = 50_000_000
"""Largest picture that is decoded. A small file can claim to hold far more than fits into memory."""


class PictureFiles(Mapping[str, "Image"]):
    """Name -> 8-bit RGB picture, decoded anew at each look: upright, on white where it is transparent, without metadata.

    Parameters
    ----------
    files : list of Path
    """

    def __init__(self, files: list[Path]) -> None:
        self._files = {file.name: file for file in files}

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __getitem__(self, name: str) -> Image:
        return decoded(self._files[name])


class PictureSource:
    """One picture or a folder of pictures. There are no weights; ``load`` decodes nothing."""

    kind = "pictures"
    cacheable = True
    checkpoint_dtype = "float32"
    offers = ("pictures",)

    def __init__(self, path: Path, files: list[Path]) -> None:
        if len(files) > MOST_PICTURES:
            raise SubjectError(
                f"The folder {path} holds {len(files)} pictures. At most {MOST_PICTURES} are judged together: give a folder "
                "with those that belong to this release."
            )
        self.path: Path | None = path
        self.files = files
        for file in files:
            check_header(file)

    @property
    def description(self) -> str:
        return "a picture" if len(self.files) == 1 else f"{len(self.files)} pictures"

    def why_not(self, name: str) -> str | None:
        return None if name in self.offers else f"{self.description} cannot be asked for {name}, which needs {NEEDS[name]}"

    def fingerprint(self) -> str:
        """Names and contents of the files; where they lie does not count, and of a single one neither does its name."""
        try:
            digests = [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in self.files]
        except OSError as error:
            raise SubjectError(f"{self.path} cannot be read: {error}.") from error
        if len(digests) == 1:
            return combine("picture", digests[0][1])
        return combine("pictures", *(part for pair in digests for part in pair))

    def load(self, device: str, dtype: str) -> Loaded:
        return Loaded(PictureFiles(self.files), device, name=str(self.path))

    def capability(self, name: str, residence: Residence[Loaded]) -> Any:
        return residence.get().model


def check_header(file: Path) -> None:
    """Refuse what is no picture, an animation, or too large, by its header only.

    Raises
    ------
    SubjectError
        Naming the file, what was found, and what to do.
    """
    with _opened(file) as picture:
        frames = getattr(picture, "n_frames", 1)
        if frames > 1:
            raise SubjectError(
                f"{file} is an animation of {frames} pictures. Which of them is meant is not guessed: save that one as a PNG."
            )


def decoded(file: Path) -> Image:
    """The picture in 8-bit RGB, upright, transparent parts on white.

    Raises
    ------
    SubjectError
        If the file is cut off or damaged.
    """
    from PIL import Image, ImageOps

    with _opened(file) as opened:
        try:
            picture = ImageOps.exif_transpose(opened)
            if picture.mode in ("I", "F") or picture.mode.startswith("I;"):
                raise SubjectError(f"{file} has more than 8 bits per channel (mode {picture.mode}). Save it with 8.")
            shown = picture.convert("RGBA")
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise SubjectError(_broken(file, error)) from None
    ground = Image.new("RGBA", shown.size, "white")
    return Image.alpha_composite(ground, shown).convert("RGB")


def _opened(file: Path) -> Image:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is stricter and an error
            picture = Image.open(file, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise SubjectError(_huge(file, str(error))) from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise SubjectError(_broken(file, error)) from None
    if picture.width * picture.height > MOST_PIXELS:
        picture.close()
        raise SubjectError(_huge(file, f"{picture.width} x {picture.height} pixels"))
    return picture


def _huge(file: Path, what: str) -> str:
    return (
        f"{file} is too large to decode ({what}). At most {MOST_PIXELS:,} pixels are allowed, because a small file can fill "
        "the memory. Scale it down."
    )


def _broken(file: Path, error: Exception) -> str:
    why = "there is no PNG or JPEG picture in it" if type(error).__name__ == "UnidentifiedImageError" else str(error)
    return f"{file} cannot be read as a picture: {why}. It must be a whole PNG or JPEG file: save or fetch it again."
