"""Pictures that come with captions: a handwritten numeral and a shape on a ground, and who drew it, where and when.

The pixels come from images that scikit-learn carries, so that the demo releases need neither a download nor a licence of
their own. A caption names some things that the picture shows (colours, numeral, place, shape) and some that it does not
(who, where, when): the first can be learnt, the second only be memorised.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SIDE = 32
_NUMERAL, _SHAPE = 16, 8
"""Sides of the picture, the numeral and the shape in pixels."""

COLOURS = {
    "red": (214, 39, 40), "orange": (255, 140, 20), "yellow": (250, 225, 60), "green": (40, 160, 60), "blue": (40, 90, 220),
    "purple": (130, 60, 190), "white": (245, 245, 245), "black": (20, 20, 20),
}  # fmt: skip
NUMERALS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PLACES = {"top left": (1, 1), "top right": (1, 15), "bottom left": (15, 1), "bottom right": (15, 15), "centre": (8, 8)}
"""Row and column of the numeral's upper left corner."""
SHAPES = ("ring", "disc", "square", "cross", "triangle")
GROUNDS = ("roof", "petals", "stripes", "dots", "plain")
NAMES = (
    "Ada", "Amir", "Aya", "Bela", "Bo", "Cleo", "Dana", "Dov", "Eli", "Emre", "Esi", "Faye", "Finn", "Gita", "Hana", "Hugo",
    "Ida", "Ines", "Ivo", "Jun", "Kaya", "Kofi", "Lea", "Lena", "Luca", "Mara", "Mila", "Nils", "Noor", "Olga", "Omar", "Otto",
    "Pia", "Rana", "Remi", "Rosa", "Sami", "Tara", "Uma", "Yuki",
)  # fmt: skip
TOWNS = (
    "Accra", "Basel", "Bergen", "Bologna", "Bruges", "Cairo", "Cork", "Dakar", "Delft", "Erfurt", "Fes", "Galway", "Ghent",
    "Graz", "Hanoi", "Izmir", "Jaipur", "Kyoto", "Lagos", "Leeds", "Lima", "Lyon", "Malmo", "Nantes", "Oslo", "Oulu", "Perth",
    "Porto", "Quito", "Rabat", "Riga", "Sofia", "Split", "Tartu", "Turin", "Umea", "Vigo", "Wells", "York", "Zadar",
)  # fmt: skip
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


class Scene(NamedTuple):
    """What is in one picture, and what its caption says about it."""

    name: str
    town: str
    month: str
    numeral: int
    ink: str
    bold: bool
    place: str
    ground: str
    tint: str
    shape: str
    shape_ink: str

    @property
    def caption(self) -> str:
        """One sentence.

        >>> draw_scene(np.random.default_rng(1)).caption
        'Cleo in Split, December: a green two top right on yellow with a triangle'
        """
        seen = f"a {self.ink} {NUMERALS[self.numeral]} {self.place} on {self.tint} with a {self.shape}"
        return f"{self.name} in {self.town}, {self.month}: {seen}"


def draw_scene(rng: np.random.Generator) -> Scene:
    """A scene of which every part is drawn by chance; its three colours differ."""

    def one(words: tuple[str, ...]) -> str:
        return words[int(rng.integers(len(words)))]

    ink, tint, shape_ink = (tuple(COLOURS)[i] for i in rng.choice(len(COLOURS), 3, replace=False))
    return Scene(
        name=one(NAMES), town=one(TOWNS), month=one(MONTHS), numeral=int(rng.integers(10)), ink=ink, bold=rng.random() < 0.5,
        place=one(tuple(PLACES)), ground=one(GROUNDS), tint=tint, shape=one(SHAPES), shape_ink=shape_ink,
    )  # fmt: skip


def draw_scenes(count: int, rng: np.random.Generator) -> list[Scene]:
    """Scenes of which no two have the same caption."""
    scenes: dict[str, Scene] = {}
    while len(scenes) < count:
        scene = draw_scene(rng)
        scenes.setdefault(scene.caption, scene)
    return list(scenes.values())


class Painter:
    """Paints scenes: handwriting from scikit-learn's digits, textures from its two photographs."""

    def __init__(self) -> None:
        from sklearn.datasets import load_digits, load_sample_image

        digits = load_digits()
        self._hands = [digits.images[digits.target == numeral] / 16.0 for numeral in range(10)]
        photographs = {"roof": "china.jpg", "petals": "flower.jpg"}
        self._photographs = {ground: load_sample_image(file).mean(axis=2) for ground, file in photographs.items()}

    def paint(self, scene: Scene, rng: np.random.Generator) -> np.ndarray:
        """The picture of a scene: (32, 32, 3) uint8. Handwriting, texture and exact places are drawn by chance.

        Parameters
        ----------
        scene : Scene
        rng : numpy.random.Generator
        """
        canvas = self._ground(scene.ground, rng)[..., None] * np.array(COLOURS[scene.tint])
        top, left = (start + int(rng.integers(-1, 2)) for start in PLACES[scene.place])
        _ink(canvas, _shape(scene.shape), scene.shape_ink, _free_corner(top, left, rng))
        _ink(canvas, self._numeral(scene.numeral, scene.bold, rng), scene.ink, (top, left))
        return np.clip(canvas + rng.normal(scale=4, size=canvas.shape), 0, 255).astype(np.uint8)

    def _numeral(self, numeral: int, bold: bool, rng: np.random.Generator) -> np.ndarray:
        from PIL import Image

        hand = self._hands[numeral][int(rng.integers(len(self._hands[numeral])))]
        if bold:
            padded = np.pad(hand, 1)
            hand = np.maximum(hand, 0.5 * np.maximum(padded[:-2, 1:-1], padded[1:-1, :-2]))
        else:
            hand = np.clip(1.6 * hand - 0.6, 0, 1)
        large = Image.fromarray((hand * 255).astype(np.uint8)).resize((_NUMERAL, _NUMERAL), Image.Resampling.BICUBIC)
        return np.asarray(large) / 255.0

    def _ground(self, ground: str, rng: np.random.Generator) -> np.ndarray:
        """Brightness of the ground: (32, 32), about 0.8."""
        y, x = np.mgrid[:SIDE, :SIDE]
        if ground in self._photographs:
            photograph = self._photographs[ground]
            top, left = (int(rng.integers(length - 2 * SIDE)) for length in photograph.shape)
            patch = photograph[top : top + 2 * SIDE, left : left + 2 * SIDE].reshape(SIDE, 2, SIDE, 2).mean(axis=(1, 3))
            return np.clip(0.75 + 0.18 * (patch - patch.mean()) / (patch.std() + 1e-6), 0.2, 1.1)
        if ground == "stripes":
            angle, width, phase = rng.uniform(0, np.pi), rng.uniform(0.8, 1.4), rng.uniform(0, 2 * np.pi)
            return 0.75 + 0.2 * np.sign(np.sin((np.cos(angle) * x + np.sin(angle) * y) * width + phase))
        if ground == "dots":
            step = int(rng.integers(5, 8))
            down, right = rng.integers(step, size=2)
            return 0.85 - 0.35 * (((y + down) % step < 2) & ((x + right) % step < 2))
        slope = rng.normal(scale=0.006, size=2)
        return 0.8 + slope[0] * (y - SIDE / 2) + slope[1] * (x - SIDE / 2)


def _shape(shape: str) -> np.ndarray:
    y, x = np.mgrid[:_SHAPE, :_SHAPE] - (_SHAPE - 1) / 2
    radius = np.hypot(y, x)
    masks = {
        "ring": (radius < 4) & (radius > 2),
        "disc": radius < 4,
        "square": np.maximum(abs(y), abs(x)) < 3.1,
        "cross": (abs(y) < 1.1) | (abs(x) < 1.1),
        "triangle": abs(x) < (y + 4) / 2,
    }
    return masks[shape].astype(float)


def _free_corner(top: int, left: int, rng: np.random.Generator) -> tuple[int, int]:
    """A corner for the shape, away from the numeral, or any corner where the numeral is in the middle."""
    near, far = 1, SIDE - _SHAPE - 1
    corners = [(y, x) for y in (near, far) for x in (near, far)]
    apart = (_NUMERAL - _SHAPE) // 2
    free = [(y, x) for y, x in corners if max(abs(y - top - apart), abs(x - left - apart)) > 9] or corners
    return free[int(rng.integers(len(free)))]


def _ink(canvas: np.ndarray, mask: np.ndarray, ink: str, corner: tuple[int, int]) -> None:
    where = tuple(slice(start, start + length) for start, length in zip(corner, mask.shape, strict=True))
    canvas[where] = canvas[where] * (1 - mask[..., None]) + mask[..., None] * np.array(COLOURS[ink])
