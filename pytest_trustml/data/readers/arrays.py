"""Files of arrays: numpy's npz and Apache parquet."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

from pytest_trustml.data.cells import Column, freeze
from pytest_trustml.data.images import Images
from pytest_trustml.data.table import Table
from pytest_trustml.errors import DataError
from pytest_trustml.result.plain import line

MAPPED_BYTES = 64 << 20
"""From this size on an array of an uncompressed npz file is mapped into memory instead of read."""
_LOCAL_HEADER = 30
"""Bytes of the fixed part of a header inside a zip file, before the name and the extra field."""


def read_npz(path: Path, origin: str) -> Table:
    """Every array is a column; its first axis are the rows. Arrays of Python objects are refused, because they are pickles.

    Arrays of 64 MiB and more that were written without compression (`numpy.savez`) stay in the file: rows are read when they
    are looked at.
    """
    import numpy as np

    columns: dict[str, Column] = {}
    try:
        archive = np.load(path, allow_pickle=False)
        if not hasattr(archive, "files"):
            raise ValueError("it holds a single array without a name")
        with archive:
            for name in archive.files:
                array = _mapped(path, archive, name)
                if array is None:
                    array = archive[name]
                    array.flags.writeable = False
                columns[name] = array
    except (ValueError, zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError) as error:
        if "allow_pickle" in str(error) or "pickle" in str(error):
            raise DataError(
                f"{line(origin)} holds Python objects as a pickle, which can run code when it is opened. Arrays must hold "
                "numbers or text: save them again with such a dtype."
            ) from None
        raise DataError(
            f"{line(origin)} is not an npz file: {line(str(error))}. Write it with numpy.savez(path, column=array)."
        ) from None
    if not columns:
        raise DataError(
            f"{line(origin)} has no arrays. It must have one per column: write it with numpy.savez(path, column=array)."
        )
    for name, array in columns.items():
        if array.ndim == 0:
            raise DataError(
                f"{line(origin)}: {line(name)!r} is a single value. Every array must have one row per sample: leave it out."
            )
    if len({len(array) for array in columns.values()}) > 1:
        counts = ", ".join(f"{line(name)} {len(array)}" for name, array in columns.items())
        raise DataError(f"{line(origin)}: the arrays differ in length: {counts}. The first axis of all must be the same rows.")
    return Table(origin, {name: freeze(array) for name, array in columns.items()}, folder=path.parent)


def _mapped(path: Path, archive: Any, name: str) -> Any:
    """A large array that lies in the file as it is, read-only and not in memory; None where it has to be read."""
    import numpy as np

    member = next((one for one in archive.zip.infolist() if one.filename in (name, f"{name}.npy")), None)
    if member is None or member.compress_type != zipfile.ZIP_STORED or member.file_size < MAPPED_BYTES:
        return None
    with open(path, "rb") as file:
        file.seek(member.header_offset)
        header = file.read(_LOCAL_HEADER)
        if header[:4] != b"PK\x03\x04":
            return None
        start = member.header_offset + _LOCAL_HEADER + sum(int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        file.seek(start)
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
        if read_header is None:
            return None
        shape, fortran, dtype = read_header(file)
        offset = file.tell()
    # Whole numbers and floats only: text and objects take the way that checks them, and so does a file that ends too early.
    # Of an array that is stored by columns one row lies all over the file.
    if dtype.kind not in "biuf" or not shape or fortran or start + member.file_size > path.stat().st_size:
        return None
    if offset - start + dtype.itemsize * math.prod(shape) != member.file_size:
        return None
    return np.asarray(np.memmap(path, dtype, "r", offset, tuple(shape)))


def read_parquet(path: Path, origin: str) -> Table:
    """Columns of numbers without gaps become arrays, everything else lists. Embedded images become `Images`."""
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        raise DataError(
            f"{line(origin)} is parquet, which needs the package pyarrow. Install it with: pip install "
            "'pytest-trustml[parquet]'"
        ) from None
    try:
        # One plain file: nothing in the folder names of the path may add columns.
        table = parquet.ParquetFile(path).read()
    except (arrow.ArrowException, ValueError, EOFError) as error:
        raise DataError(f"{line(origin)} is not a parquet file: {line(str(error))}. Fetch or write it again.") from None
    columns: dict[str, Column] = {}
    for name in table.column_names:
        if name in columns:
            raise DataError(f"{line(origin)} has two columns called {line(name)!r}. Column names must be unique: rename one.")
        columns[name] = _column(table.column(name), arrow)
    return Table(origin, columns, folder=path.parent)


def _column(column: Any, arrow: Any) -> Column:
    kinds = arrow.types
    if kinds.is_struct(column.type) and {field.name for field in column.type} == {"bytes", "path"}:
        cells = column.to_pylist()
        if all(cell and cell["bytes"] for cell in cells):
            return Images([cell["bytes"] for cell in cells])
        return cells
    if not column.null_count and (kinds.is_integer(column.type) or kinds.is_floating(column.type)):
        return freeze(column.to_numpy())
    return [plain_cell(cell) for cell in column.to_pylist()]


def plain_cell(cell: Any) -> Any:
    """Dates and decimals as text, because JSON has neither."""
    if isinstance(cell, dict):
        return {key: plain_cell(value) for key, value in cell.items()}
    if isinstance(cell, (list, tuple)):
        return [plain_cell(value) for value in cell]
    return cell if cell is None or isinstance(cell, (str, int, float, bool)) else str(cell)
