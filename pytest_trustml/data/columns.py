"""From the columns of a file to the columns that a check asks for: filtered, named, and checked cell by cell."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pytest_trustml.data.cells import Column, is_array
from pytest_trustml.data.dataset import matching
from pytest_trustml.data.images import Images
from pytest_trustml.data.roles import Role
from pytest_trustml.data.spec import DataSpec
from pytest_trustml.data.table import Table
from pytest_trustml.errors import DataError, unknown
from pytest_trustml.result.plain import line

_KIND = re.compile(r"(text|number|label|vector|image)\b(?! or\b)")


def arrange(table: Table, spec: DataSpec, role: Role | None) -> Table:
    """The rows that ``where`` keeps, with the columns that the spec names and the role needs.

    A named column is a copy: the source column stays under its own name as well. Where the role's column is absent, the first
    of its aliases that is there takes its place.
    """
    for name, wanted in spec.where.items():
        _known(table, name, "where." + name)
        table = table.take(matching(table.columns[name], name, wanted, table.origin))
    columns = dict(table.columns)
    for name, source in spec.columns.items():
        _known(table, source, name)
        columns[name] = table.columns[source]
    if role is None:
        return table.replace(columns)
    for name in role.columns:
        if name not in columns:
            alias = next((alias for alias in role.aliases.get(name, ()) if alias in columns), None)
            if alias is None:
                raise DataError(_missing(table, columns, spec, role, name))
            columns[name] = columns[alias]
    table = table.replace(columns)
    return table.replace({**columns, **{name: checked(table, name, words) for name, words in role.columns.items()}})


def checked(table: Table, name: str, words: str) -> Column:
    """A column without gaps and of the kind that the first word of its description names, or an error that shows the row.

    The words are ``text``, ``number``, ``label``, ``vector`` and ``image``; other descriptions, and "text or …", ask for
    nothing but a value in every row. ``image`` turns paths into images, ``vector`` lists of numbers into one array.
    """
    column = table.columns[name]
    told = _KIND.match(words.strip().lower())
    kind = told[0] if told else ""
    if kind == "image":
        return _images(table, name, column)
    if hasattr(column, "pick"):
        if kind in _CONVERT:
            raise DataError(
                f"{line(table.origin)}: the column {line(name)!r} holds images. It must hold {line(words)}: name another "
                "column."
            )
        return column
    if is_array(column) and column.ndim > 1:
        if kind in _CONVERT and (kind != "vector" or column.ndim > 2):
            raise DataError(
                f"{line(table.origin)}: the column {line(name)!r} has {column.shape[1:]} numbers per row. It must hold "
                f"{line(words)}: name another column."
            )
        return column
    convert = _CONVERT.get(kind, lambda cell, untyped: cell)
    cells = []
    for index, cell in enumerate(column.tolist() if is_array(column) else column):
        if cell is None or (table.untyped and cell == "") or (isinstance(cell, float) and math.isnan(cell)):
            raise DataError(
                f"{table.place(index)}: {line(name)!r} is empty. Every row must have it ({line(words)}): fill it in or remove "
                "the row."
            )
        try:
            cells.append(convert(cell, table.untyped))
        except (TypeError, ValueError):
            raise DataError(
                f"{table.place(index)}: {line(name)!r} is {_called(cell)}. It must be {line(words)}: correct the row or name "
                f"another column, as in ?{name}=COLUMN."
            ) from None
    if kind == "vector":
        return _vectors(table, name, cells)
    if kind == "label" and table.untyped and all(re.fullmatch(r"-?\d+", cell) for cell in cells):
        return [int(cell) for cell in cells]
    return column if is_array(column) else cells


def _text(cell: Any, untyped: bool) -> str:
    if not isinstance(cell, str):
        raise TypeError
    return cell


def _number(cell: Any, untyped: bool) -> float:
    if isinstance(cell, bool) or not (untyped or isinstance(cell, (int, float))):
        raise TypeError
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError
    return cell if not untyped else value


def _label(cell: Any, untyped: bool) -> str | int:
    if not isinstance(cell, (str, int)):
        raise TypeError
    return cell


def _vector(cell: Any, untyped: bool) -> list[float]:
    return [_number(value, False) for value in cell]


_CONVERT: Mapping[str, Callable[[Any, bool], Any]] = {"text": _text, "number": _number, "label": _label, "vector": _vector}


def _vectors(table: Table, name: str, cells: list[list[float]]) -> Column:
    import numpy as np

    for index, cell in enumerate(cells):
        if len(cell) != len(cells[0]):
            raise DataError(
                f"{table.place(index)}: {line(name)!r} has {len(cell)} numbers, the first row has {len(cells[0])}. All rows "
                "must have the same number: correct the row."
            )
    return np.array(cells, dtype=np.float64)


def _images(table: Table, name: str, column: Column) -> Column:
    if hasattr(column, "pick") or (is_array(column) and column.ndim in (3, 4) and column.dtype.name == "uint8"):
        return column
    sources: list[Path] = []
    for index, cell in enumerate(column):
        if not isinstance(cell, str) or not cell or table.folder is None:
            raise DataError(
                f"{table.place(index)}: {line(name)!r} is {_called(cell)}. It must be the path of an image, relative "
                "to the file; or give a folder of images, or an array of 8-bit pixels (rows, height, width, 3)."
            )
        source = table.folder / cell
        if not source.is_file():
            raise DataError(
                f"{table.place(index)}: the image that {line(name)!r} names does not exist. Paths are relative to "
                f"{line(str(table.folder))}: correct the row."
            )
        sources.append(source)
    return Images(sources)


def _known(table: Table, source: str, key: str) -> None:
    if source not in table.columns:
        raise DataError(
            f"{line(table.origin)}: {unknown('column', source, table.columns)} It has: {_list(table.columns)}. {line(key)!r} "
            "in the data spec must name one of them."
        )


def _missing(table: Table, columns: Mapping[str, Column], spec: DataSpec, role: Role, name: str) -> str:
    words = f" ({line(role.columns[name])})" if role.columns[name] else ""
    # A misspelt key of the spec is a column nobody asked for, right beside the one that is missing.
    guess = unknown("column", name, [own for own in columns if own not in role.columns])
    close = guess[guess.index("Did you mean") :] + " " if "Did you mean" in guess else ""
    return (
        f"{line(table.origin)} has no column {name!r}{words}, which {line(role.name)} needs. It has: {_list(columns)}. "
        f"{close}Say which column it is by writing {line(spec.text)}{'&' if '?' in spec.text else '?'}{name}=COLUMN."
    )


def _list(columns: Mapping[str, Column]) -> str:
    return ", ".join(line(name, 60) for name in columns)


def _called(cell: Any) -> str:
    if isinstance(cell, bool):
        return "a truth value"
    if isinstance(cell, float):
        return "a number with decimals" if math.isfinite(cell) else "an infinite number"
    return {str: "text", int: "a number", list: "a list", dict: "an object"}.get(type(cell), type(cell).__name__)
