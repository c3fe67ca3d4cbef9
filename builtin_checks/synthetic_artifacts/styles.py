"""How a plot looks, random and never from what it shows: size, colours, markers, grid, fonts, lines, axes, resolution."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

PALETTES = ("tab10", "Set1", "Dark2", "viridis", "plasma", "gray")
FONTS = ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono")


class Style(NamedTuple):
    """The look of one plot. ``width`` and ``height`` in inches, ``size`` and ``line`` in points, ``dpi`` pixels per inch."""

    width: float
    height: float
    dpi: int
    palette: str
    marker: str
    size: float
    line: float
    alpha: float
    grid: bool
    axes: bool
    font: str
    font_size: float
    bins: int
    shuffle: int

    def numbers(self) -> np.ndarray:
        """Every parameter as a number, for asking whether style alone tells where the data come from: (14,) float.

        >>> draw_style(np.random.default_rng(0)).numbers().shape
        (14,)
        """
        words = {"palette": PALETTES.index(self.palette), "marker": "os^.".index(self.marker), "font": FONTS.index(self.font)}
        return np.array([float(words.get(name, value)) for name, value in self._asdict().items()])


def draw_style(rng: np.random.Generator) -> Style:
    """A look from the one distribution that real and synthetic plots share.

    It takes nothing but random numbers, so it cannot depend on the data, their label, or their origin.

    >>> draw_style(np.random.default_rng(3)) == draw_style(np.random.default_rng(3))
    True
    """
    side = rng.uniform(2.6, 3.6)
    return Style(
        width=side,
        height=side * rng.uniform(0.85, 1.1),
        dpi=int(rng.integers(60, 101)),
        palette=str(rng.choice(PALETTES)),
        marker=str(rng.choice(list("os^."))),
        size=float(rng.uniform(6, 16)),
        line=float(rng.uniform(0.8, 2.2)),
        alpha=float(rng.uniform(0.65, 1.0)),
        grid=bool(rng.random() < 0.2),
        axes=bool(rng.random() < 0.4),
        font=str(rng.choice(FONTS)),
        font_size=float(rng.uniform(6, 10)),
        bins=int(rng.integers(14, 23)),
        shuffle=int(rng.integers(2**31)),
    )
