"""One reader per file format. Each turns a file into a `Table`, or into an error that names the line."""

from __future__ import annotations

import importlib
from pathlib import Path

from pytest_trustml.data.table import Table
from pytest_trustml.errors import DataError, unknown
from pytest_trustml.result.plain import line

READERS = {
    ".jsonl": "rows:read_jsonl",
    ".json": "rows:read_json",
    ".txt": "rows:read_txt",
    ".csv": "delimited:read_csv",
    ".tsv": "delimited:read_tsv",
    ".parquet": "arrays:read_parquet",
    ".npz": "arrays:read_npz",
    "folder": "folder:read_folder",
}
_NOT_COMPRESSED = (".parquet", ".npz")


def read_file(path: Path, origin: str) -> Table:
    """Read a file or an image folder, by the ending of its name.

    Parameters
    ----------
    path : Path
        The file or folder.
    origin : str
        What the user called it, for messages.
    """
    if not path.exists():
        siblings = [sibling.name for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(f"{line(str(path))} does not exist. {unknown('file', line(path.name), map(line, siblings))}")
    suffix = "folder" if path.is_dir() else path.suffix.lower()
    if suffix == ".gz":
        suffix = Path(path.stem).suffix.lower()
        if suffix in _NOT_COMPRESSED:
            raise DataError(f"{line(origin)} is a {suffix} file inside gzip. These are compressed already: unpack it.")
    if suffix not in READERS:
        formats = ", ".join(name for name in READERS if name.startswith("."))
        raise DataError(
            f"{line(origin)} has the ending {path.suffix!r}. Data must be a folder of images or one of {formats}: convert it."
        )
    module, _, function = READERS[suffix].partition(":")
    try:
        return getattr(importlib.import_module(f".{module}", __name__), function)(path, origin)
    except OSError as error:
        raise DataError(
            f"{line(origin)} cannot be read: {error.strerror or error}. Check the file and its permissions."
        ) from None
