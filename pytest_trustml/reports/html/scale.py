"""Where things stand on the line that shows an interval against its limit."""

from __future__ import annotations

import math
import re

import msgspec

from pytest_trustml.result.measurement import number
from pytest_trustml.result.record import MeasurementRecord

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_FORMS = (
    (re.compile(rf"at most ({_NUMBER})"), lambda bound: (-math.inf, bound)),
    (re.compile(rf"at least ({_NUMBER})"), lambda bound: (bound, math.inf)),
    (re.compile(rf"within ({_NUMBER}) and ({_NUMBER})"), lambda low, high: (low, high)),
)
_NATURAL = {"share": (0.0, 1.0), "probability": (0.0, 1.0), "difference of shares": (-1.0, 1.0), "cosine": (-1.0, 1.0)}


class Mark(msgspec.Struct, frozen=True):
    """One labelled place, in percent of the width; ``anchor`` keeps the label inside of the drawing."""

    at: float
    label: str
    anchor: str


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """All places of the drawing in percent of its width."""

    value: float
    low: float | None
    high: float | None
    allowed: tuple[float, float] | None
    bounds: tuple[float, ...]
    limit: Mark | None
    ticks: tuple[Mark, ...]
    still: float | None


def bounds(limit: str) -> tuple[float, float] | None:
    """Both ends of what a limit allows, read back from its words.

    >>> bounds("at most 0.05"), bounds("within -0.1 and 0.1"), bounds("none")
    ((-inf, 0.05), (-0.1, 0.1), None)
    """
    for form, ends in _FORMS:
        found = form.fullmatch(limit)
        if found:
            return ends(*map(float, found.groups()))
    return None


def scale(m: MeasurementRecord, still: float | None = None) -> Scale | None:
    """The drawing of one measurement, or None where there is no number, or none that could be drawn.

    Parameters
    ----------
    m : MeasurementRecord
    still : float, optional
        A value that is shown as well: of a change, the one that means none.
    """
    if isinstance(m.value, str):
        return None
    ends = [end for end in (m.low, m.high) if not isinstance(end, str)]
    allowed = bounds(m.limit)
    marks = [bound for bound in allowed or () if math.isfinite(bound)]
    reach = _reach([m.value, *ends, *marks, *([] if still is None else [still])], m.unit)
    if reach is None:
        return None
    start, stop = reach

    def place(value: float) -> float:
        return round(min(100.0, max(0.0, 100 * (value - start) / (stop - start))), 2)

    whisker = [place(end) for end in ends] if len(ends) == 2 else [None, None]
    lines = tuple(place(bound) for bound in marks)
    where = sum(lines) / len(lines) if lines else 50.0
    return Scale(
        value=place(m.value),
        low=whisker[0],
        high=whisker[1],
        allowed=(place(max(allowed[0], start)), place(min(allowed[1], stop))) if allowed else None,
        bounds=lines,
        limit=Mark(where, m.limit, _anchor(where, 25)) if lines else None,
        ticks=tuple(Mark(place(tick), label, _anchor(place(tick), 4)) for tick, label in _ticks(start, stop)),
        still=None if still is None else place(still),
    )


def _reach(points: list[float], unit: str) -> tuple[float, float] | None:
    """A range that holds all points with some air, from zero where zero is near, never past what the unit can be."""
    low, high = min(points), max(points)
    span = high - low or abs(high) * 0.2 or 1.0
    start, stop = low - 0.14 * span, high + 0.14 * span
    if 0 <= low < 0.6 * high or low == 0:
        start = 0.0
    if high <= 0 and high > 0.6 * low:
        stop = 0.0
    floor, ceiling = _NATURAL.get(unit, (-math.inf, math.inf))
    if floor <= low and high <= ceiling:
        start, stop = max(start, floor), min(stop, ceiling)
    usable = math.isfinite(start) and math.isfinite(stop) and math.isfinite(stop - start) and stop - start > 1e-290
    return (start, stop) if usable and stop - start > 1e-12 * max(abs(start), abs(stop)) else None


def _ticks(start: float, stop: float) -> list[tuple[float, str]]:
    """Three to six round numbers on the axis."""
    rough = (stop - start) / 4
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough * 0.999)
    first, last = math.ceil(start / step - 1e-9), math.floor(stop / step + 1e-9)
    digits = max(0, -math.floor(math.log10(step)) + (1 if 0.2 < step / unit % 1 < 0.8 else 0))
    values = [index * step for index in range(first, last + 1)][:12]
    plain = digits <= 8 and max(abs(start), abs(stop)) < 1e6
    return [(value, f"{value + 0.0:.{digits}f}" if plain else number(value)) for value in values]


def _anchor(at: float, margin: float) -> str:
    return "start" if at < margin else "end" if at > 100 - margin else "middle"
