"""Small changes of pictures that show the same to a person: the simplest ones are few and faint."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_trustml.checks.strategies.kinds import chosen
from pytest_trustml.errors import UsageError

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy
    from PIL.Image import Image

STRONGEST = 10


class ChangedPicture(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A picture after a few changes: what `picture_changes` draws.

    Parameters
    ----------
    picture : PIL image, RGB
    changes : tuple of (kind, strength)
        In the order in which they were made; strength from 1 to 10.
    number : int
        Which of the pictures it was, counted from 0.
    """

    picture: Any
    changes: tuple[tuple[str, int], ...]
    number: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChangedPicture) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        return self.number, self.changes

    def __str__(self) -> str:
        told = ", ".join(f"{kind} {strength}/{STRONGEST}" for kind, strength in self.changes)
        return f"picture {self.number} after {told}"

    __repr__ = __str__

    def masked(self) -> str:
        """What was done, without the picture."""
        return str(self)


def picture_changes(
    pictures: Sequence[Image], *, kinds: Sequence[str] | None = None, max_changes: int = 2
) -> SearchStrategy[ChangedPicture]:
    """Changes that a person hardly minds: one of the pictures with one to ``max_changes`` of them.

    Fewer changes are simpler than more, then fainter ones, then kinds that come first.

    Parameters
    ----------
    pictures : sequence of PIL images
    kinds : sequence of str, optional
        Of `KINDS`, all by default: brighter, darker, contrast, blur, noise, jpeg, rotate, crop, shift, mirror. At full strength
        that is half as bright again, a blur of 1.5 pixels, noise of 20 of 255, JPEG of quality 30, 15 degrees, a border of 15 %
        cut off, and a shift by 15 %.
    max_changes : int

    Raises
    ------
    UsageError
        For no pictures, an unknown kind, or no changes.

    Examples
    --------
    >>> from hypothesis import find
    >>> from PIL import Image
    >>> grey = Image.new("RGB", (8, 8), (100, 100, 100))
    >>> simplest = find(picture_changes([grey]), lambda changed: changed.picture.getpixel((0, 0))[0] < 90)
    >>> str(simplest)
    'picture 0 after darker 3/10'
    """
    from hypothesis import strategies as st

    used = chosen(kinds, KINDS, "kind of change")
    if not used or max_changes < 1 or not len(pictures):
        raise UsageError(
            f"There are {len(pictures)} pictures, {len(used)} kinds, and max_changes is {max_changes}. A search needs one of "
            "each at least."
        )
    originals = [picture.convert("RGB") for picture in pictures]

    @st.composite
    def changed(draw: DrawFn) -> ChangedPicture:
        count = draw(st.integers(1, max_changes))
        number = draw(st.integers(0, len(originals) - 1))
        picture, changes = originals[number], []
        for _ in range(count):
            kind, strength = used[draw(st.integers(0, len(used) - 1))], draw(st.integers(1, STRONGEST))
            picture = KINDS[kind](picture, strength / STRONGEST)
            changes.append((kind, strength))
        return ChangedPicture(picture=picture, changes=tuple(changes), number=number)

    return changed()


def _lit(picture: Image, factor: float) -> Image:
    from PIL import ImageEnhance

    return ImageEnhance.Brightness(picture).enhance(factor)


def _contrast(picture: Image, strength: float) -> Image:
    from PIL import ImageEnhance

    return ImageEnhance.Contrast(picture).enhance(1 - 0.5 * strength)


def _blur(picture: Image, strength: float) -> Image:
    from PIL import ImageFilter

    return picture.filter(ImageFilter.GaussianBlur(1.5 * strength))


def _noise(picture: Image, strength: float) -> Image:
    """The same noise for the same picture size and strength, so that a counterexample can be seen again."""
    import numpy as np
    from PIL import Image as pil

    pixels = np.asarray(picture, dtype=np.float64)
    noise = np.random.default_rng(0).normal(scale=20 * strength, size=pixels.shape)
    return pil.fromarray(np.clip(np.round(pixels + noise), 0, 255).astype(np.uint8))


def _jpeg(picture: Image, strength: float) -> Image:
    from PIL import Image as pil

    file = io.BytesIO()
    picture.save(file, "JPEG", quality=round(95 - 65 * strength))
    return pil.open(io.BytesIO(file.getvalue()), formats=["JPEG"]).convert("RGB")


def _rotate(picture: Image, strength: float) -> Image:
    from PIL import Image as pil

    return picture.rotate(15 * strength, resample=pil.Resampling.BICUBIC, fillcolor=_corner(picture))


def _crop(picture: Image, strength: float) -> Image:
    from PIL import Image as pil

    wide, tall = (0.15 * strength * side for side in picture.size)
    box = (wide, tall, picture.width - wide, picture.height - tall)
    return picture.resize(picture.size, pil.Resampling.BICUBIC, box=box)


def _shift(picture: Image, strength: float) -> Image:
    from PIL import Image as pil

    wide, tall = (max(1, round(0.15 * strength * side)) for side in picture.size)
    return picture.transform(picture.size, pil.Transform.AFFINE, (1, 0, wide, 0, 1, tall), fillcolor=_corner(picture))


def _mirror(picture: Image, strength: float) -> Image:
    from PIL import ImageOps

    return ImageOps.mirror(picture)


def _corner(picture: Image) -> tuple[int, ...]:
    """The colour of the first pixel: what comes in from outside looks like the background."""
    return tuple(picture.getpixel((0, 0)))


KINDS: dict[str, Callable[[Any, float], Any]] = {
    "brighter": lambda picture, strength: _lit(picture, 1 + 0.5 * strength),
    "darker": lambda picture, strength: _lit(picture, 1 - 0.5 * strength),
    "contrast": _contrast,
    "blur": _blur,
    "noise": _noise,
    "jpeg": _jpeg,
    "rotate": _rotate,
    "crop": _crop,
    "shift": _shift,
    "mirror": _mirror,
}
"""Name -> function of a picture in RGB and a strength from 0 to 1."""
