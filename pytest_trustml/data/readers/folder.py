"""A folder of images, with captions from a metadata file or labels from its sub-folders."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from pytest_trustml.data.images import FORMATS, Images
from pytest_trustml.data.readers.delimited import read_csv
from pytest_trustml.data.readers.rows import read_jsonl
from pytest_trustml.data.table import Table
from pytest_trustml.errors import DataError, unknown
from pytest_trustml.result.plain import line

_METADATA = {"metadata.csv": read_csv, "metadata.jsonl": read_jsonl}


def read_folder(path: Path, origin: str) -> Table:
    """Columns ``image`` and ``file_name``, sorted by file name; further ones from the metadata, or ``label``.

    ``metadata.csv`` or ``metadata.jsonl`` must have a column ``file_name`` and name every image; its order is kept. Without
    it the first sub-folder that an image lies in is its ``label``, if any does.
    """
    names = sorted(_images(path))
    if not names:
        raise DataError(
            f"The folder {line(origin)} has no images ({', '.join(FORMATS)}). Give a folder of images, or name a data file in "
            "it."
        )
    given = [name for name in _METADATA if (path / name).is_file()]
    if len(given) > 1:
        raise DataError(
            f"The folder {line(origin)} has both {' and '.join(given)}. One must say what the images are: remove the other."
        )
    if given:
        return _described(path, origin, names, _METADATA[given[0]](path / given[0], f"{origin}/{given[0]}"))
    columns: dict[str, object] = {"image": Images([path / name for name in names]), "file_name": names}
    labels = [PurePosixPath(name).parts[0] if "/" in name else None for name in names]
    if any(labels):
        if not all(labels):
            raise DataError(
                f"The folder {line(origin)} has images in sub-folders and {labels.count(None)} beside them. Sub-folders are "
                "labels: put every image into one, or describe all in a metadata.csv with a column file_name."
            )
        columns["label"] = labels
    return Table(origin, columns, folder=path)


def _images(path: Path) -> list[str]:
    found = []
    for folder, folders, files in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in FORMATS:
                found.append((Path(folder) / name).relative_to(path).as_posix())
    return found


def _described(path: Path, origin: str, names: list[str], metadata: Table) -> Table:
    if "file_name" not in metadata.columns:
        raise DataError(
            f"{line(metadata.origin)}: {unknown('column', 'file_name', metadata.columns)} It must say which image a row is "
            "about."
        )
    if "image" in metadata.columns:
        raise DataError(f"{line(metadata.origin)} has a column 'image'. That is where the pictures go: rename it.")
    present, used = set(names), []
    for index, name in enumerate(metadata.columns["file_name"]):
        if not isinstance(name, str) or PurePosixPath(name).as_posix() not in present:
            raise DataError(
                f"{metadata.place(index)}: there is no such image in the folder. The column file_name must name one of the "
                f"{len(names)} that there are, relative to the folder: correct the row."
            )
        used.append(PurePosixPath(name).as_posix())
    forgotten = sorted(present - set(used))
    if forgotten:
        raise DataError(
            f"{line(metadata.origin)} does not mention {len(forgotten)} of the {len(names)} images in its folder. It must "
            "have a row for each: add them, or remove the images."
        )
    columns = {"image": Images([path / name for name in used]), **metadata.columns}
    return Table(metadata.origin, columns, metadata.places, metadata.unit, metadata.untyped, path)
