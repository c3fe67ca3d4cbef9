"""Comma- and tab-separated files with a header line. Every cell is text until somebody asks for a number."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from pytest_trustml.data.readers.decoding import read_text
from pytest_trustml.data.table import Table
from pytest_trustml.errors import DataError
from pytest_trustml.result.plain import line


def read_csv(path: Path, origin: str) -> Table:
    """Columns separated by commas, quoted by double quotes where needed."""
    return _read(path, origin, ",")


def read_tsv(path: Path, origin: str) -> Table:
    """Columns separated by tabs, quoted as in CSV."""
    return _read(path, origin, "\t")


def _read(path: Path, origin: str, delimiter: str) -> Table:
    text = read_text(path, origin)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    rows: list[list[str]] = []
    places: list[int] = []
    started = 1
    try:
        for cells in reader:
            place, started = started, reader.line_num + 1
            if not cells or (len(cells) == 1 and not cells[0].strip() and (header is None or len(header) > 1)):
                continue
            if header is None:
                header = _header(cells, f"{line(origin)}, line {place}")
                continue
            if len(cells) != len(header):
                raise DataError(
                    f"{line(origin)}, line {place} has {len(cells)} cells, and the header has {len(header)}. Quote cells that "
                    "hold a separator or a line end."
                )
            rows.append(cells)
            places.append(place)
    except csv.Error as error:
        raise DataError(
            f"{line(origin)}, line {started} is not CSV: {line(str(error))}. Quotes inside a quoted cell must "
            "be doubled and every quote closed; very long texts belong in a .jsonl file."
        ) from None
    columns = {name: [cells[index] for cells in rows] for index, name in enumerate(header or [])}
    return Table(origin, columns, places, untyped=True, folder=path.parent)


def _header(cells: list[str], place: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    if len(names) == 1:
        for other, called in ((";", "semicolons"), ("\t", "tabs")):
            if other in cells[0]:
                raise DataError(
                    f"{place}: the header seems to be separated by {called}. Separate by commas, or by tabs in a .tsv file."
                )
    for index, name in enumerate(names, 1):
        if not name:
            raise DataError(f"{place}: column {index} of the header has no name. Name every column.")
        if names.count(name) > 1:
            raise DataError(f"{place}: the header names {line(name)!r} twice. Column names must be unique: rename one.")
    return names
