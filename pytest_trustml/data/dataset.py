"""The data that a model is judged on: columns, one id per row and a fingerprint of the content."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_trustml.data.cells import Column, freeze, pick, row_digests, same
from pytest_trustml.errors import DataError, UsageError, unknown
from pytest_trustml.result.plain import line

if TYPE_CHECKING:
    import numpy as np

_ID_DIGITS = 16


class Dataset:
    """Rows in named columns. Nothing about it changes after it was made.

    Parameters
    ----------
    columns : mapping of str to sequence
        One value per row: lists of text, numbers, truth values, None or nested lists; numpy arrays of numbers whose first
        axis are the rows; `Images`. A column ``id`` names the rows and must not repeat a value.
    spec : str
        Where the data comes from, for reports.

    Notes
    -----
    Ids: the column ``id`` as text or, without one, 16 hexadecimal digits of the SHA-256 of the row's content; further rows
    with exactly the same content get ``-2``, ``-3``, ... A row therefore keeps its id when rows are shuffled, added or removed.

    Fingerprint: SHA-256 over column names, contents and ids of the rows IN THEIR ORDER, because results are aligned with the
    rows. The same rows in another order are another data set; the same content in another file or format is the same.

    Examples
    --------
    >>> data = Dataset({"prompt": ["a", "b", "a"], "topic": ["x", "y", "x"]})
    >>> len(data), data.columns, data.row(1)
    (3, ('prompt', 'topic'), {'prompt': 'b', 'topic': 'y'})
    >>> data.where("topic", "x").column("prompt")
    ['a', 'a']
    >>> data.ids[2] == data.ids[0] + "-2"
    True
    """

    def __init__(self, columns: Mapping[str, Column], *, spec: str = "memory") -> None:
        if not columns:
            raise DataError("A data set has no columns. It must have at least one, such as {'text': [...]}.")
        self._columns = {name: freeze(column) for name, column in columns.items()}
        lengths = {name: len(column) for name, column in self._columns.items()}
        if len(set(lengths.values())) > 1:
            counts = ", ".join(f"{line(name)} {length}" for name, length in lengths.items())
            raise DataError(f"The columns differ in length: {counts}. Every column must have one value per row.")
        self._spec = spec
        self._digests: list[str] | None = None
        self._fingerprint: str | None = None
        self._ids: list[str] | None = None
        if "id" in self._columns:
            self._ids = given_ids(self._columns["id"], lambda index: f"row {index + 1}")

    @property
    def spec(self) -> str:
        """Where the data comes from."""
        return self._spec

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self._columns)

    @property
    def ids(self) -> list[str]:
        """One id per row, none twice."""
        if self._ids is None:
            seen: Counter[str] = Counter()
            self._ids = []
            for digest in self._row_digests():
                short = digest[:_ID_DIGITS]
                seen[short] += 1
                self._ids.append(short if seen[short] == 1 else f"{short}-{seen[short]}")
        return list(self._ids)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the content, in the order of the rows."""
        if self._fingerprint is None:
            parts = [sorted(self._columns), self._row_digests(), self.ids]
            text = json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")
            self._fingerprint = hashlib.sha256(text).hexdigest()
        return self._fingerprint

    @property
    def keys(self) -> list[str]:
        """What names each row without telling it: 16 hexadecimal digits of the SHA-256 of its id and its content.

        Two rows have the same key where id and content are the same, also in another data set.
        """
        pairs = zip(self.ids, self._row_digests(), strict=True)
        texts = (f"{name}\0{digest}".encode("utf-8", "surrogatepass") for name, digest in pairs)
        return [hashlib.sha256(text).hexdigest()[:_ID_DIGITS] for text in texts]

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self.row(index) for index in range(len(self)))

    def __repr__(self) -> str:
        return f"<Dataset {line(self.spec)}: {len(self)} rows, columns {', '.join(map(line, self.columns))}>"

    def column(self, name: str) -> Any:
        """All values of one column: a list, a read-only array or `Images`.

        Raises
        ------
        DataError
            If there is no such column; the message names those there are.
        """
        if name not in self._columns:
            raise DataError(f"{unknown('column', name, self._columns)} The data are {line(self.spec)}.")
        column = self._columns[name]
        return list(column) if isinstance(column, list) else column

    def row(self, index: int) -> dict[str, Any]:
        """One row as a dictionary."""
        return {name: column[index] for name, column in self._columns.items()}

    def take(self, indices: Sequence[int]) -> Dataset:
        """The rows at these positions, in this order; each keeps its id, so none may be asked for twice.

        >>> Dataset({"text": ["a", "b", "c"]}).take([2, 0]).column("text")
        ['c', 'a']
        """
        count = len(self)
        wanted = [int(index) for index in indices]
        for index in wanted:
            if not -count <= index < count:
                raise UsageError(f"Row {index} was asked for, but there are {count}. Rows count from 0 to {count - 1}.")
        wanted = [index % count for index in wanted]
        twice = [index for index, times in Counter(wanted).items() if times > 1]
        if twice:
            raise UsageError(f"Row {twice[0]} was asked for twice. Ids must be unique: make a new Dataset to repeat rows.")
        ids, digests = self.ids, self._row_digests()
        part = Dataset.__new__(Dataset)
        part._columns = {name: pick(column, wanted) for name, column in self._columns.items()}
        part._spec = self._spec
        part._ids = [ids[index] for index in wanted]
        part._digests = [digests[index] for index in wanted]
        part._fingerprint = None
        return part

    def rows(self, start: int, stop: int) -> Dataset:
        """The rows from ``start`` up to, not including, ``stop``."""
        return self.take(range(*slice(start, stop).indices(len(self))))

    def where(self, column: str, value: Any) -> Dataset:
        """The rows in which a column has this value, or one of these values if a list, tuple or set is given.

        Raises
        ------
        DataError
            If no row has it: a slice that is silently empty would be a check that silently did not happen.
        """
        wanted = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
        return self.take(matching(self.column(column), column, wanted, self.spec))

    def sample(self, n: int, rng: np.random.Generator) -> Dataset:
        """``n`` rows drawn without replacement, in random order.

        The draw depends on the ids and on ``rng`` alone, not on the order in which the rows stand in their source.

        Raises
        ------
        DataError
            If there are fewer than ``n`` rows.
        """
        if not 0 < n <= len(self):
            raise DataError(
                f"{n} rows were asked for, but {line(self.spec)} has {len(self)}. Ask for 1 to {len(self)} rows or give more "
                "data."
            )
        ids = self.ids
        order = sorted(range(len(self)), key=ids.__getitem__)
        return self.take([order[choice] for choice in rng.choice(len(order), size=n, replace=False)])

    def with_columns(self, **columns: Column) -> Dataset:
        """The same rows, with the same ids, and further or other columns. ``id`` cannot be replaced.

        >>> Dataset({"text": ["a", "b"]}).with_columns(length=[1, 1]).columns
        ('text', 'length')
        """
        if "id" in columns:
            raise UsageError("The column 'id' cannot be replaced, because results refer to it. Make a new Dataset instead.")
        wider = Dataset({**self._columns, **columns}, spec=self._spec)
        wider._ids = self.ids
        return wider

    def _row_digests(self) -> list[str]:
        if self._digests is None:
            self._digests = row_digests(self._columns)
        return self._digests


def given_ids(column: Column, place: Callable[[int], str]) -> list[str]:
    """The ids that the data brings along, as text, or an error that names both places of one that occurs twice."""
    first: dict[str, int] = {}
    for index, value in enumerate(column):
        value = value.item() if hasattr(value, "item") else value
        if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
            what = "empty" if value in ("", None) else f"a {type(value).__name__}"
            raise DataError(f"{place(index)}: the id is {what}. An id must be text or a whole number: give every row one.")
        name = str(value)
        if name in first:
            raise DataError(
                f"An id occurs twice: {place(first[name])} and {place(index)}. Ids must be unique: remove one of the rows, or "
                "name another column with '?id=COLUMN'."
            )
        first[name] = index
    return list(first)


def matching(column: Column, name: str, wanted: Sequence[Any] | set[Any] | frozenset[Any], origin: str) -> list[int]:
    """Positions of the cells that have one of the wanted values; an error if there is none."""
    found = [index for index, cell in enumerate(column) if any(same(cell, value) for value in wanted)]
    if not found:
        values = " or ".join(line(repr(value), 60) for value in wanted)
        there = len({str(cell) for cell in column})
        raise DataError(
            f"No row of {line(origin)} has {line(name)} = {values}. The column has {there} other "
            f"{'value' if there == 1 else 'values'}: look them up in the data and name one as it stands there."
        )
    return found
