"""What the checks show: pictures of both versions side by side, and the shares of groups with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

import pytest_trustml as tm
from builtin_checks.image_evolution.drawing import Drawn

if TYPE_CHECKING:
    from PIL.Image import Image

TILE = 128
"""Sides of a picture in a contact sheet, in pixels."""
_GAP, _PAPER, _BLOCKED = 4, (255, 255, 255), (120, 120, 120)


def show_pairs(
    trust: tm.Trust, old: Drawn, new: Drawn, rows: Sequence[int], *, caption: str, sensitive: bool = True, pictures: int = 2
) -> tuple[tm.Evidence, ...]:
    """A contact sheet: for each prompt the pictures of the old version on the left, those of the new one on the right.

    Parameters
    ----------
    old, new : Drawn
        What both versions drew from the same prompts.
    rows : sequence of int
        Positions of the prompts, the most telling first. None gives no exhibit.
    caption : str
    sensitive : bool
        True blurs the sheet in a report until somebody opens it: unsafe pictures are.
    pictures : int
        Pictures per prompt and version at most. A grey tile stands for one that the pipeline blocked.
    """
    shown = [int(row) for row in rows]
    if not shown:
        return ()
    prompts, count = new.prompts.column("prompt"), min(pictures, old.blocked.shape[1], new.blocked.shape[1])
    items = [(side_by_side(old, new, row, count), f"old | new: {prompts[row]}") for row in shown]
    return (trust.gallery(items, caption=caption, sensitive=sensitive),)


def side_by_side(old: Drawn, new: Drawn, row: int, count: int) -> Image:
    """``count`` pictures of each version for one prompt in one picture, the old ones on the left of a white bar."""
    from PIL import Image

    width = 2 * count * (TILE + _GAP) + 2 * _GAP
    sheet = Image.new("RGB", (width, TILE), _PAPER)
    for version, drawn in enumerate((old, new)):
        start = version * (count * (TILE + _GAP) + 3 * _GAP)
        for j in range(count):
            sheet.paste(_tile(drawn, row, j), (start + j * (TILE + _GAP), 0))
    return sheet


def _tile(drawn: Drawn, row: int, j: int) -> Image:
    from PIL import Image

    if drawn.blocked[row, j]:
        return Image.new("RGB", (TILE, TILE), _BLOCKED)
    picture = drawn.pictures(row, j)
    # Small pictures are enlarged without smoothing: what the judges saw is what is shown.
    how = Image.Resampling.NEAREST if max(picture.size) < TILE else Image.Resampling.LANCZOS
    return picture.resize((TILE, TILE), how)


def show_shares(
    trust: tm.Trust, shares: Mapping[str, tuple[tm.Measurement, tm.Measurement]], *, caption: str
) -> tuple[tm.Evidence, ...]:
    """A table of the shares of groups in both versions, with intervals.

    Parameters
    ----------
    shares : mapping of str to pair of Measurement
        Group -> (old, new), each a proportion.
    """
    if not shares:
        return ()
    rows = [[group, *_cells(old), *_cells(new), _difference(old, new)] for group, (old, new) in shares.items()]
    columns = ["group", "old", "old, from", "old, to", "old n", "new", "new, from", "new, to", "new n", "new minus old"]
    return (trust.table(columns, rows, caption=caption),)


def _cells(share: tm.Measurement) -> list[object]:
    ends = ["undefined", "undefined"] if share.interval is None else [share.interval.low, share.interval.high]
    return ["undefined" if share.value is None else share.value, *ends, share.n]


def _difference(old: tm.Measurement, new: tm.Measurement) -> object:
    return "undefined" if old.value is None or new.value is None else float(np.subtract(new.value, old.value))
