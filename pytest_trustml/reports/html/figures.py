"""Curves and heat maps as inline SVG whose colours follow the page, the same bytes for the same numbers."""

from __future__ import annotations

import io
import math
import re
import warnings
from typing import Any

from pytest_trustml.reports.strict import UNDEFINED
from pytest_trustml.reports.wording import shown
from pytest_trustml.result.plain import line

# Colours that stand for the page's own ones; they are replaced by the names of its variables after drawing.
_INK, _MUTED, _LINE, _CARD = "#0000e1", "#0000e2", "#0000e3", "#0000e4"
SERIES = tuple(f"#0000f{index}" for index in range(1, 7))
_VARIABLES = {_INK: "ink", _MUTED: "muted", _LINE: "line", _CARD: "card"}
_VARIABLES |= {color: f"series-{index}" for index, color in enumerate(SERIES, start=1)}
_DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)))
_MOST_POINTS, MOST_SERIES, MOST_ROWS, MOST_COLUMNS = 4000, 18, 96, 64
_GRID_WIDTH = 314  # points, for the names below the columns
_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pytest-trustml",
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "text.usetex": False,
    "axes.unicode_minus": True,
    "path.simplify": True,
}


def curve(content: dict[str, Any], prefix: str) -> tuple[str, list[dict[str, Any]]]:
    """The drawing of one or several curves and, for each, its name, colour variable and dash for the legend."""

    def draw(figure: Any) -> None:
        axes = figure.add_axes((0.13, 0.17, 0.85, 0.8))
        log = content["log"]
        for index, series in enumerate(content["series"][:MOST_SERIES]):
            x, y = _points(series, log)
            style = _DASHES[index // len(SERIES) % len(_DASHES)]
            alone = len(x) == 1
            axes.plot(x, y, color=SERIES[index % len(SERIES)], linestyle=style, linewidth=2, marker="o" if alone else "")
        axes.set_xscale("log" if "x" in log else "linear")
        axes.set_yscale("log" if "y" in log else "linear")
        axes.grid(True, color=_LINE, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.set_xlabel(line(content["xlabel"], 80), color=_MUTED, parse_math=False)
        axes.set_ylabel(line(content["ylabel"], 60), color=_MUTED, parse_math=False)
        _quiet(axes)
        for axis, name in ((axes.xaxis, "x"), (axes.yaxis, "y")):
            if name in log:
                axis.set_major_formatter(lambda value, position: shown(value))
                axis.set_minor_formatter(lambda value, position: "")
            else:
                axis.get_major_locator().set_params(nbins=6)

    legend = [
        {
            "name": line(series["name"]),
            "color": f"var(--series-{index % len(SERIES) + 1})",
            "dash": ("", "5 2", "1.5 1.5")[index // len(SERIES) % len(_DASHES)],
        }
        for index, series in enumerate(content["series"][:MOST_SERIES])
    ]
    return _svg(draw, (5.4, 3.5), prefix), legend


def _points(series: dict[str, Any], log: str) -> tuple[list[float], list[float]]:
    """Coordinates with gaps where a number is undefined, or not positive on a logarithmic axis."""
    step = math.ceil(len(series["x"]) / _MOST_POINTS) or 1
    picked = sorted({*range(0, len(series["x"]), step), *([len(series["x"]) - 1] if series["x"] else [])})
    ends = [[_drawable(series[axis][index], axis in log) for index in picked] for axis in "xy"]
    return ends[0], ends[1]


def _drawable(value: Any, log: bool) -> float:
    usable = value != UNDEFINED and abs(value) < 1e100 and (value > 0 or not log)
    return float(value) if usable else math.nan


def heatmap(content: dict[str, Any], prefix: str) -> tuple[str, dict[str, Any]]:
    """The drawing of a grid of numbers, and its colour scale: lowest and highest number with the colours between."""
    import numpy as np
    from matplotlib import colormaps

    rows, columns = content["rows"][:MOST_ROWS], content["columns"][:MOST_COLUMNS]
    cells = [[math.nan if cell == UNDEFINED else float(cell) for cell in row[: len(columns)]] for row in content["values"]]
    values = np.array(cells[: len(rows)], dtype=float).reshape(len(rows), len(columns))
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    two_sided = low < 0 < high
    edge = max(-low, high)
    ends = (-edge, edge) if two_sided else (low, high) if high > low else (low - 0.5, low + 0.5)
    palette = colormaps["coolwarm" if two_sided else "viridis"]
    names = [line(str(name), 28) for name in rows]
    tilted = (max((len(str(name)) for name in columns), default=0) * 5.6 + 6) * len(columns) > _GRID_WIDTH
    written = values.size <= 150 and len(columns) <= 12
    height = 0.5 + max(1.0, min(len(rows) * (0.27 if len(rows) <= 40 else 0.13), 13.0)) + (0.7 if tilted else 0.0)

    def draw(figure: Any) -> None:
        axes = figure.add_axes((0.2, 0.1, 0.78, 0.86))
        shape = (len(columns), len(rows))
        edges = {"edgecolor": _CARD, "linewidth": 1.0} if values.size <= 1500 else {}
        axes.set_facecolor(_LINE)
        axes.pcolormesh(values, cmap=palette, vmin=ends[0], vmax=ends[1], rasterized=values.size > 1500, **edges)
        for (row, column), value in np.ndenumerate(values) if written else ():
            red, green, blue, _ = palette((value - ends[0]) / (ends[1] - ends[0])) if math.isfinite(value) else (0, 0, 0, 0)
            bright = 0.299 * red + 0.587 * green + 0.114 * blue > 0.55
            color = _MUTED if not math.isfinite(value) else "#16181d" if bright else "#ffffff"
            word = f"{value + 0.0:.2g}" if math.isfinite(value) else "–"
            axes.text(column + 0.5, row + 0.5, word, color=color, ha="center", va="center", fontsize=8.5)
        axes.set_xlim(0, shape[0])
        axes.set_ylim(shape[1], 0)
        _named(axes.xaxis, [line(str(name), 24) for name in columns], 16 if tilted else 28, rotation=40 if tilted else 0)
        _named(axes.yaxis, names, 48)
        _quiet(axes)

    stops = ", ".join(_hex(palette(index / 8)) for index in range(9))
    legend = {"low": shown(ends[0]), "high": shown(ends[1]), "gradient": stops, "unit": line(content["unit"], 60)}
    return _svg(draw, (5.6, height), prefix), legend


def _named(axis: Any, names: list[str], most: int, rotation: int = 0) -> None:
    """Names at the middle of their cells; of many only every second, third, …"""
    step = math.ceil(len(names) / most) or 1
    axis.set_ticks([index + 0.5 for index in range(0, len(names), step)], labels=names[::step])
    for label in axis.get_ticklabels():
        label.set_parse_math(False)
        if rotation:
            label.set(rotation=rotation, ha="right", rotation_mode="anchor")


def _quiet(axes: Any) -> None:
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(which="both", length=0, colors=_MUTED, labelsize=9)


def _hex(color: tuple[float, ...]) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in color[:3])


def _svg(draw: Any, size: tuple[float, float], prefix: str) -> str:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    out = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with warnings.catch_warnings(), mpl.rc_context():
        warnings.simplefilter("ignore")  # a font without the characters of a label: the browser has its own
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        figure = Figure(figsize=size, dpi=100)
        FigureCanvasSVG(figure)
        draw(figure)
        figure.savefig(
            out, format="svg", metadata=nothing, transparent=True, bbox_inches="tight", pad_inches=0.04,
            facecolor="none",
        )  # fmt: skip
    return _inlined(out.getvalue(), prefix)


def _inlined(svg: str, prefix: str) -> str:
    """Only the drawing: without prolog, notes and global styles, with ids of its own, in the colours of the page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"| version="[^"]*"| (width|height)="[^"]*pt"', "", svg, count=5)
    svg = svg.replace("xlink:href=", "href=")
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: f' id="{prefix}-{found[1]}"' if found[1] in used else "", svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    svg = re.sub(r"\s*\n\s*", " ", svg.replace("'DejaVu Sans'", "var(--sans)"))
    for color, name in _VARIABLES.items():
        svg = svg.replace(color, f"var(--{name})")
    return svg.replace("<svg", '<svg class="figure" aria-hidden="true" focusable="false"', 1).strip()
