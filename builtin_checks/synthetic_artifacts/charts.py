"""Statistical charts of labelled texts: scatter, histogram, bar, line. Drawn without a window or global state of matplotlib."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from builtin_checks.synthetic_artifacts.projection import project
from builtin_checks.synthetic_artifacts.styles import Style

if TYPE_CHECKING:
    from PIL.Image import Image

CHARTS = ("scatter", "histogram", "bar", "line")
BARS = 25


class Shown(NamedTuple):
    """What a chart shows: for scatter ``points`` (n, 2) with ``labels`` (n,), otherwise ``values``, one number per mark."""

    chart: str
    values: np.ndarray
    labels: np.ndarray


def balanced(labels: Sequence[str], count: int, rng: np.random.Generator) -> np.ndarray:
    """Row numbers of ``count`` texts, as many of each class as of any other (up to one), in random order.

    Raises
    ------
    ValueError
        If a class has too few rows.

    >>> sorted(balanced(list("aabb"), 4, np.random.default_rng(0)).tolist())
    [0, 1, 2, 3]
    """
    names = sorted(set(labels))
    rows = []
    for place, name in enumerate(names):
        own = np.flatnonzero(np.array(labels) == name)
        wanted = count // len(names) + (place < count % len(names))
        if len(own) < wanted:
            raise ValueError(f"The class {name!r} has {len(own)} texts, and a plot of {count} needs {wanted} of it.")
        rows.append(rng.choice(own, wanted, replace=False))
    return rng.permutation(np.concatenate(rows))


def show(chart: str, texts: Sequence[str], labels: Sequence[str], *, projection: str = "tsne", seed: int = 0) -> Shown:
    """The numbers behind a chart of these texts.

    Parameters
    ----------
    chart : str
        ``scatter`` (texts as points, coloured by class), ``histogram`` (words per text), ``bar`` (shares of the 25 most
        frequent words, largest first), ``line`` (different words found in the first texts, as a share of all words read).
    texts, labels : sequences of str, length n
    projection, seed
        For ``scatter``, see `project`.

    >>> show("histogram", ["one two", "three"], ["a", "b"]).values.tolist()
    [2.0, 1.0]
    """
    words = [text.lower().split() for text in texts]
    named = np.array([str(label) for label in labels])
    if chart == "scatter":
        return Shown(chart, project(texts, method=projection, seed=seed), named)
    if chart == "histogram":
        return Shown(chart, np.array([float(len(one)) for one in words]), named)
    if chart == "bar":
        counts = Counter(word for one in words for word in one)
        total = max(1, counts.total())
        return Shown(chart, np.array([count / total for _, count in counts.most_common(BARS)]), named)
    if chart == "line":
        seen: set[str] = set()
        grown, read, total = [], 0, max(1, sum(map(len, words)))
        for one in words:
            seen.update(one)
            read += len(one)
            grown.append(len(seen) / total)
        return Shown(chart, np.array(grown), named)
    raise ValueError(f"The chart is {chart!r}. Choose {', '.join(CHARTS)}.")


def draw(shown: Shown, style: Style) -> Image:
    """The chart as an 8-bit RGB picture on white."""
    from matplotlib import colormaps, rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    with rc_context({"font.family": style.font, "font.size": style.font_size}):
        figure = Figure(figsize=(style.width, style.height), dpi=style.dpi, facecolor="white")
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_axes((0.14, 0.12, 0.83, 0.83) if style.axes else (0.02, 0.02, 0.96, 0.96))
        _MARKS[shown.chart](axes, shown, style, colormaps[style.palette])
        if style.grid:
            axes.grid(True, linewidth=0.4, alpha=0.5)
        if not style.axes:
            axes.set_axis_off()
        stream = io.BytesIO()
        canvas.print_png(stream)
    stream.seek(0)
    with Image.open(stream) as picture:
        return picture.convert("RGB")


def _colours(palette: Any, count: int, style: Style) -> list[Any]:
    """``count`` colours of the palette in random order, none of them so light that it vanishes on white."""
    listed = getattr(palette, "colors", None)
    few = listed is not None and len(listed) < 30
    found = [palette(i % len(listed)) if few else palette(0.05 + 0.75 * i / max(1, count - 1)) for i in range(count)]
    return [found[i] for i in np.random.default_rng(style.shuffle).permutation(count)]


def _scatter(axes: Any, shown: Shown, style: Style, palette: Any) -> None:
    names = sorted(set(shown.labels.tolist()))
    marks = dict(zip(names, _colours(palette, len(names), style), strict=True))
    axes.scatter(
        *shown.values.T, s=style.size, c=[marks[label] for label in shown.labels.tolist()], marker=style.marker,
        alpha=style.alpha, linewidths=0,
    )  # fmt: skip


def _histogram(axes: Any, shown: Shown, style: Style, palette: Any) -> None:
    axes.hist(shown.values, bins=style.bins, color=_colours(palette, 3, style)[0], alpha=style.alpha)


def _bar(axes: Any, shown: Shown, style: Style, palette: Any) -> None:
    axes.bar(np.arange(len(shown.values)), shown.values, color=_colours(palette, 3, style)[0], alpha=style.alpha)


def _line(axes: Any, shown: Shown, style: Style, palette: Any) -> None:
    axes.plot(
        np.arange(1, len(shown.values) + 1), shown.values, color=_colours(palette, 3, style)[0], linewidth=style.line,
        alpha=style.alpha,
    )  # fmt: skip
    # The whole range of what a vocabulary can grow to, so that how high the line ends is seen.
    axes.set_ylim(0, 1)


_MARKS = {"scatter": _scatter, "histogram": _histogram, "bar": _bar, "line": _line}
