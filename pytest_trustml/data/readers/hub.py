"""Data sets of the Hugging Face hub: the only reader that uses the network, and only because the spec says ``hf:``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest_trustml.data.images import Images
from pytest_trustml.data.readers.arrays import plain_cell
from pytest_trustml.data.spec import DataSpec
from pytest_trustml.data.table import Table
from pytest_trustml.errors import DataError, UsageError
from pytest_trustml.result.plain import line


def read_hub(spec: DataSpec) -> Table:
    """One split of a data set at one revision. Without ``:split`` the data set must have a single one."""
    origin = f"hf:{spec.path}"
    name, config, revision, split = spec.hub
    try:
        import datasets
    except ImportError:
        raise DataError(
            f"{line(origin)} needs the package datasets. Install it with: pip install 'pytest-trustml[datasets]'"
        ) from None
    try:
        found = datasets.load_dataset(name, config, revision=revision, split=split)
    except Exception as error:  # the library raises a different kind for every way in which this can fail
        raise DataError(
            f"{line(origin)} cannot be loaded: {type(error).__name__}: {line(str(error))}. Check name, revision and split, "
            "the network, and HF_TOKEN if access is restricted."
        ) from error
    if split is None:
        if len(found) != 1:
            splits = ", ".join(found)
            raise UsageError(
                f"{line(origin)} has the splits {splits}. Choose one: write {line(origin)}:{next(iter(found), 'train')}."
            )
        found = next(iter(found.values()))
    return Table(origin, {column: _column(datasets, found, column, origin) for column in found.column_names})


def _column(datasets: Any, found: Any, name: str, origin: str) -> Any:
    if not isinstance(found.features.get(name), datasets.Image):
        return [plain_cell(cell) for cell in found[name]]
    cells = found.cast_column(name, datasets.Image(decode=False))[name]
    sources = [cell and (cell.get("bytes") or (cell.get("path") and Path(cell["path"]))) for cell in cells]
    if not all(sources):
        row = next(index for index, source in enumerate(sources, 1) if not source)
        raise DataError(
            f"{line(origin)}, row {row} has no image in the column {line(name)!r}. Every row must have one: choose another "
            "split."
        )
    return Images(sources)
