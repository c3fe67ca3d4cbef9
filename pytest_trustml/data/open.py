"""``open_data``: from a spec to a data set that can be relied on, or to an error that says which line to correct."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_trustml.data.columns import arrange
from pytest_trustml.data.dataset import Dataset, given_ids
from pytest_trustml.data.readers import read_file
from pytest_trustml.data.roles import Role
from pytest_trustml.data.spec import DataSpec, parse_spec
from pytest_trustml.data.table import Table
from pytest_trustml.errors import DataError
from pytest_trustml.result.plain import line


def open_data(spec: str | Mapping[str, Any], *, role: Role | None = None, root: Path | str | None = None) -> Dataset:
    """Read a data set and check that it can play its role.

    Parameters
    ----------
    spec : str or mapping
        A path, ``PATH?column=source_column&where.column=value``, ``package:pkg.sub/path/file.jsonl``,
        ``hf:org/name@revision:split``, or the same as a table; see `parse_spec`.
    role : Role, optional
        The columns that every row must have. The first word of a column's description says what is checked: ``text``,
        ``number``, ``label`` (text or a whole number), ``vector`` (equally many numbers in every row), ``image`` (a picture, or
        its path relative to the file). Any other description asks only that no row is without a value.
    root : Path, optional
        What a relative path is relative to; the working directory by default.

    Returns
    -------
    Dataset
        In the order of the file.

    Raises
    ------
    UsageError
        If the spec cannot be meant as written.
    DataError
        If the file cannot be read, a row is bad, a column is missing or an id occurs twice. The message names file, line and
        column, never what stands in a cell: messages end up in logs that more people read than the data.

    Notes
    -----
    Formats: ``.jsonl``, ``.json`` (a list of objects), ``.csv`` and ``.tsv`` (with a header), ``.txt`` (one text per line,
    column ``text``), all of them also as ``.gz``; ``.npz``, ``.parquet``, folders of images. Only ``hf:`` uses the network.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "asks.jsonl").write_text('{"goal": "How?", "topic": "a"}\\n{"goal": "Why?", "topic": "b"}\\n')
    >>> asks = Role(name="prompts", columns={"prompt": "text of the request"}, aliases={"prompt": ("goal",)})
    >>> open_data("asks.jsonl?where.topic=b", role=asks, root=folder).row(0)
    {'goal': 'Why?', 'topic': 'b', 'prompt': 'Why?'}
    """
    parsed = parse_spec(spec)
    table = arrange(_read(parsed, root), parsed, role)
    if "id" in table.columns:
        given_ids(table.columns["id"], table.place)
    return Dataset(table.columns, spec=parsed.text)


def _read(spec: DataSpec, root: Path | str | None) -> Table:
    if spec.scheme == "hf":
        return importlib.import_module("pytest_trustml.data.readers.hub").read_hub(spec)
    if spec.scheme == "package":
        return _read_packaged(spec)
    path = Path(root or ".") / Path(spec.path).expanduser()
    return read_file(path, spec.path)


def _read_packaged(spec: DataSpec) -> Table:
    from importlib import resources

    package, _, inner = spec.path.partition("/")
    try:
        place = resources.files(package)
    except (ModuleNotFoundError, TypeError):
        raise DataError(
            f"package:{line(spec.path)}: there is no package {line(package)!r}. It must be installed in this environment: "
            "check its name."
        ) from None
    if any(part in ("..", "") for part in inner.split("/")):
        raise DataError(f"package:{line(spec.path)} leaves its package. The path must stay inside it: write it without '..'.")
    with resources.as_file(place) if isinstance(place, Path) else resources.as_file(place.joinpath(inner)) as path:
        return read_file(path / inner if isinstance(place, Path) else path, f"package:{spec.path}")
