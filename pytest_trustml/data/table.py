"""What a reader found in a file, with the line of every row, so that errors can point at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_trustml.data.cells import Column, pick
from pytest_trustml.errors import DataError
from pytest_trustml.result.plain import line


@dataclass(frozen=True)
class Table:
    """Columns as they stand in the file.

    Parameters
    ----------
    origin : str
        The file as the user named it, for messages.
    columns : dict
        Column name -> one value per row.
    places : sequence of int or None
        The line of every row in its file; None where a file has no lines.
    unit : str
        What ``places`` count: ``line``, ``row``, ``item``.
    untyped : bool
        True where the format knows text alone (CSV), so that numbers still have to be told from it.
    folder : Path or None
        What image paths in cells are relative to.
    """

    origin: str
    columns: Mapping[str, Column]
    places: Sequence[int] | None = None
    unit: str = "line"
    untyped: bool = False
    folder: Path | None = None

    def __post_init__(self) -> None:
        if not len(self):
            raise DataError(f"{line(self.origin)} has no rows. A data set must have at least one: check the file and its path.")

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def place(self, index: int) -> str:
        """Where a row stands, e.g. ``harmful.jsonl, line 12``."""
        number, unit = (index + 1, "row") if self.places is None else (self.places[index], self.unit)
        return f"{line(self.origin)}, {unit} {number}"

    def take(self, indices: Sequence[int]) -> Table:
        """The rows at these positions."""
        places = self.places if self.places is not None else range(1, len(self) + 1)
        return Table(
            self.origin, {name: pick(column, indices) for name, column in self.columns.items()}, [places[i] for i in indices],
            self.unit if self.places is not None else "row", self.untyped, self.folder,
        )  # fmt: skip

    def replace(self, columns: Mapping[str, Column]) -> Table:
        """The same rows with other columns."""
        return Table(self.origin, columns, self.places, self.unit, self.untyped, self.folder)


def from_rows(origin: str, rows: Sequence[tuple[int, dict[str, Any]]], **facts: Any) -> Table:
    """A table out of (line, row) pairs; what a row does not have is None.

    >>> from_rows("f.jsonl", [(1, {"a": 1}), (3, {"b": 2})]).columns
    {'a': [1, None], 'b': [None, 2]}
    """
    names = list(dict.fromkeys(name for _, row in rows for name in row))
    if rows and not names:
        raise DataError(
            f'{line(origin)} has rows without any column. Every row must have at least one, such as {{"text": "…"}}.'
        )
    columns = {name: [row.get(name) for _, row in rows] for name in names}
    return Table(origin, columns, [place for place, _ in rows], **facts)
