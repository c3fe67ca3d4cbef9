"""Members and others laid side by side: their inputs, their classes, and who is who."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import pytest_trustml as tm

_TEXT_COLUMNS = ("text", "sentence", "content", "review", "post", "comment")


class Records(NamedTuple):
    """The records of all sets, one set after the other.

    Parameters
    ----------
    data : Dataset
        Columns ``column`` and ``label``, the latter with the model's names of the classes.
    column : str
        ``text`` or ``image``.
    labels : array of int, shape (N,)
        Columns of the classes in the model's outputs.
    sets : array of str, shape (N,)
        ``members``, ``nonmembers`` or ``population``.
    dropped : int
        Records that stood in two sets and were left out of all.
    """

    data: tm.Dataset
    column: str
    labels: np.ndarray
    sets: np.ndarray
    dropped: int

    def rows(self, *names: str) -> np.ndarray:
        """Where the records of these sets stand, in order."""
        return np.isin(self.sets, names).nonzero()[0]


def lay_out(model: tm.Subject, sets: Mapping[str, tm.Dataset]) -> Records:
    """Put the sets together, without the records that stand in two of them: nobody can say whether those are members.

    Raises
    ------
    DataError
        If a set has neither text nor pictures, or a label that the model does not know.
    """
    column = shared_column(sets)
    names = [str(name) for name in model.classifier.labels]
    parts = {}
    for name, part in sets.items():
        source = part if column in part.columns else part.with_columns(text=part.column(_text_column(part)))
        classes = tm.class_indices(part.column("label"), names)
        parts[name] = source.with_columns(label=[names[index] for index in classes])
    data = tm.stacked(parts, [column, "label"])
    origin = np.repeat(list(parts), [len(part) for part in parts.values()])
    keep = _in_one_set(data.column(column), origin)
    if not keep.any():
        raise tm.DataError("Every record stands in two sets. Members and other records must be different records.")
    kept = keep.nonzero()[0]
    data = data.take(kept.tolist())
    labels = tm.class_indices(data.column("label"), names)
    return Records(data, column, labels, origin[kept], int((~keep).sum()))


def shared_column(sets: Mapping[str, tm.Dataset]) -> str:
    """``image`` if all sets hold pictures, ``text`` if all hold texts."""
    if all("image" in part.columns for part in sets.values()):
        for name, part in sets.items():
            cells = part.column("image")
            if isinstance(cells, list):
                raise tm.DataError(
                    f"The column image of {name} holds a {type(cells[0]).__name__}, not pictures. Give a folder of pictures "
                    "(with labels in its metadata.jsonl), an .npz of 8-bit pixels, or a .parquet."
                )
        return "image"
    for part in sets.values():
        _text_column(part)
    return "text"


def _text_column(part: tm.Dataset) -> str:
    found = next((name for name in _TEXT_COLUMNS if name in part.columns), None)
    if found is None:
        raise tm.DataError(
            f"{part.spec} has the columns {', '.join(part.columns)}. A record needs a column text or image: name it with "
            "?text=COLUMN."
        )
    return found


def _in_one_set(cells: Any, origin: np.ndarray) -> np.ndarray:
    """Which records do not stand in another set as well, told by their content: (N,) bool."""
    keys = [_digest(cell) for cell in cells]
    sets_of = Counter(key for key, _ in set(zip(keys, origin.tolist(), strict=True)))
    return np.array([sets_of[key] == 1 for key in keys])


def _digest(cell: Any) -> bytes:
    """Of a text its words, without case and spaces; of a picture its pixels."""
    if isinstance(cell, str):
        return hashlib.sha256(" ".join(cell.casefold().split()).encode("utf-8", "surrogatepass")).digest()
    pixels = np.asarray(cell)
    return hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).digest()


def inputs(records: Records, rows: Sequence[int]) -> list[Any]:
    """The texts or PIL pictures at these rows."""
    cells = records.data.take(list(rows)).column(records.column)
    if isinstance(cells, np.ndarray):
        from PIL import Image

        return [Image.fromarray(pixels) for pixels in cells]
    return list(cells)
