"""Several data sets as one, row below row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_trustml.data.cells import Column, is_array
from pytest_trustml.data.dataset import Dataset
from pytest_trustml.data.images import Images
from pytest_trustml.errors import DataError


def stacked(parts: Mapping[str, Dataset], columns: Sequence[str]) -> Dataset:
    """The rows of all parts, one part after the other, with the columns that they share.

    Parameters
    ----------
    parts : mapping of str to Dataset
        At least one. A row's new id is the name of its part, a slash and its old id.
    columns : sequence of str
        Every part has each of them, of the same kind: lists, arrays of the same shape and type, or `Images`, which stay
        unopened.

    Raises
    ------
    DataError
        If a part lacks a column or has it in another kind.

    Examples
    --------
    >>> both = stacked({"a": Dataset({"text": ["x"], "id": ["1"]}), "b": Dataset({"text": ["y"], "id": ["1"]})}, ["text"])
    >>> both.column("text"), both.ids
    (['x', 'y'], ['a/1', 'b/1'])
    """
    if not parts or not columns:
        raise DataError("There is nothing to put together. Give at least one data set and one column.")
    ids = [f"{name}/{own}" for name, part in parts.items() for own in part.ids]
    return Dataset({"id": ids, **{name: _stack(name, [part.column(name) for part in parts.values()]) for name in columns}})


def _stack(name: str, columns: Sequence[Column]) -> Column:
    if all(isinstance(column, Images) for column in columns):
        return Images.of_all(columns)
    if all(is_array(column) for column in columns):
        if len({(column.dtype.name, column.shape[1:]) for column in columns}) == 1:
            import numpy as np

            return np.concatenate(columns)
        kinds = " and ".join(sorted({f"{column.dtype} {column.shape[1:]}" for column in columns}))
        if any(column.ndim > 1 for column in columns):
            raise DataError(f"The column {name!r} is an array of {kinds} per row. All parts need the same type and shape.")
    elif any(isinstance(column, Images) or (is_array(column) and column.ndim > 1) for column in columns):
        raise DataError(f"The column {name!r} holds pictures in one part and other values in another. All parts need the same.")
    return [cell for column in columns for cell in (column.tolist() if is_array(column) else column)]
