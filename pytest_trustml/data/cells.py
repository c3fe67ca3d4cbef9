"""Single values of a data set and columns of them: how they are compared, picked and digested."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_trustml.errors import DataError

Column = Any
"""A list, a numpy array whose first axis are the rows, or `Images`."""


def is_array(column: Column) -> bool:
    """Whether this is a numpy array, told without importing numpy."""
    return hasattr(column, "dtype") and hasattr(column, "flags")


def freeze(column: Column) -> Column:
    """A column that nobody outside can change: arrays become read-only, everything else but images a new list."""
    if is_array(column):
        if column.ndim == 0:
            raise DataError("A column is a single number. It must have one value per row: give a list or an array.")
        if column.dtype.kind in "US":
            return [text.decode("utf-8") if isinstance(text, bytes) else text for text in column.tolist()]
        if column.dtype.kind not in "biuf":
            raise DataError(
                f"A column is an array of {column.dtype}. Arrays must hold numbers or booleans; give other values as a list."
            )
        if column.flags.writeable:
            column = column.copy()
            column.flags.writeable = False
        return column
    if hasattr(column, "pick"):
        return column
    if isinstance(column, (str, bytes, Mapping)) or not isinstance(column, Iterable):
        raise DataError(f"A column is a {type(column).__name__}. It must have one value per row: give a list or an array.")
    return list(column)


def pick(column: Column, indices: Sequence[int]) -> Column:
    """The values at these rows, in this order, as a column of the same kind."""
    if is_array(column):
        picked = column[list(indices)] if len(indices) else column[:0]
        picked.flags.writeable = False
        return picked
    if hasattr(column, "pick"):
        return column.pick(indices)
    return [column[index] for index in indices]


def same(cell: Any, wanted: Any) -> bool:
    """Whether a cell has the value that a user wrote, who may have written a number or a truth value as text.

    >>> same(1, "1"), same(True, "true"), same("a", "a"), same(None, "None"), same(0.5, "0.50")
    (True, True, True, False, True)
    """
    if hasattr(cell, "item") and getattr(cell, "ndim", 0) == 0:
        cell = cell.item()
    if isinstance(cell, bool) or isinstance(wanted, bool):
        return str(cell).lower() == str(wanted).lower()
    if cell is None or wanted is None or isinstance(cell, str) == isinstance(wanted, str):
        return cell is wanted or bool(cell is not None and wanted is not None and cell == wanted)
    try:
        return float(cell) == float(wanted)
    except (TypeError, ValueError):
        return False


def _bare(value: Any) -> Any:
    """What JSON cannot write: numpy numbers become Python's, everything else is refused."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise DataError(
        f"A cell holds a {type(value).__name__}. Cells must be text, numbers, truth values, None, or lists and objects of "
        "them; convert the column first."
    )


def _bytes(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_bare)
    return text.encode("utf-8", "surrogatepass")


def row_digests(columns: Mapping[str, Column]) -> list[str]:
    """SHA-256 of the content of every row, the same on every machine and for every order of the columns.

    >>> row_digests({"a": [1, 2], "b": ["x", "y"]}) == row_digests({"b": ["x", "y"], "a": [1, 2]})
    True
    """
    simple: dict[str, list[Any]] = {}
    blocks: dict[str, Column] = {}
    for name in sorted(columns):
        column = columns[name]
        if hasattr(column, "pick"):
            blocks[name] = column
        elif is_array(column) and column.ndim > 1:
            # One byte order for all machines, so that the same numbers have the same digest.
            blocks[name] = column.astype(column.dtype.newbyteorder("<"), order="C", copy=False)
        else:
            simple[name] = column.tolist() if is_array(column) else column
    digests = []
    for index in range(len(next(iter(columns.values()), ()))):
        digest = hashlib.sha256(_bytes({name: column[index] for name, column in simple.items()}))
        for name, column in blocks.items():
            if hasattr(column, "pick"):
                head, body = _bytes([name, "image"]), bytes.fromhex(column.digest(index))
            else:
                head, body = _bytes([name, column.dtype.str, column.shape[1:]]), column[index].tobytes()
            digest.update(b"\0%d\0" % len(head) + head + body)
        digests.append(digest.hexdigest())
    return digests
