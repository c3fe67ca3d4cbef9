"""What every single example measured, read back from beside a record and verified."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from pytest_trustml.errors import DataError
from pytest_trustml.result.comparison import Examples
from pytest_trustml.result.plain import line

_LARGEST = 256 * 1024 * 1024
_FARTHEST = 1e100


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["examples"]
    keys: list[str]
    values: list[float]
    clusters: list[int] | None = None


class ExampleValues(msgspec.Struct, frozen=True, eq=False):
    """One value per example: ``keys`` name the examples, ``values`` (float, shape (n,)) have the measurement as their mean.

    ``clusters`` (int, shape (n,)) numbers the groups of dependent examples, in this file only; None if there are none.
    """

    keys: tuple[str, ...]
    values: np.ndarray
    clusters: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def sorted(self) -> ExampleValues:
        """The same in the order of the keys, which two releases have in common."""
        order = np.array(sorted(range(len(self.keys)), key=self.keys.__getitem__), dtype=np.intp)
        keys = tuple(self.keys[position] for position in order)
        return ExampleValues(keys, self.values[order], None if self.clusters is None else self.clusters[order])


def read_examples(folder: Path | str, examples: Examples) -> ExampleValues:
    """Read what was kept of every example, and verify that it is what the run wrote.

    Parameters
    ----------
    folder : Path
        The report folder; nothing outside of it is read.
    examples : Examples
        As the record names them.

    Returns
    -------
    ExampleValues

    Raises
    ------
    DataError
        If the file is missing, lies elsewhere, is too large, was changed, or does not hold one finite number per example.
    """
    name = line(examples.path)
    content = _content(Path(folder), examples.path, name)
    if hashlib.sha256(content).hexdigest() != examples.sha256:
        raise DataError(f"The examples {name} are not what the run wrote: their digest differs. Restore the report folder.")
    try:
        found = msgspec.json.decode(content, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise DataError(f"The examples {name} cannot be read: {line(str(problem))}. Record the run again.") from None
    return _verified(found, examples.n, name)


def _content(folder: Path, path: str, name: str) -> bytes:
    try:
        whole = (folder / path).resolve()
        if not whole.is_relative_to(folder.resolve()):
            raise DataError(f"The examples {name} lie outside of the report folder and were not read. Record the run again.")
        size = whole.stat().st_size
        if size > _LARGEST:
            raise DataError(
                f"The examples {name} have {size} bytes, more than the {_LARGEST} that are read. Use fewer of them."
            )
        return whole.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"The examples {name} are missing. Keep the whole report folder of a release, not its run.json alone."
        ) from None
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or problem
        raise DataError(f"The examples {name} could not be read: {line(str(why))}. Restore the report folder.") from None


def _verified(found: _File, n: int, name: str) -> ExampleValues:
    counts = {"keys": len(found.keys), "values": len(found.values)}
    if found.clusters is not None:
        counts["clusters"] = len(found.clusters)
    if set(counts.values()) != {n}:
        words = ", ".join(f"{count} {what}" for what, count in counts.items())
        raise DataError(f"The examples {name} have {words} for n = {n}. Each example has one of each: record the run again.")
    if len(set(found.keys)) != n:
        raise DataError(
            f"The examples {name} name {len(set(found.keys))} different examples {n} times in all. "
            "Hand in every row once in of=, and let cluster= name those that belong together."
        )
    if n == 0:
        raise DataError(f"The examples {name} are none at all. A release is compared on one example at least.")
    values = np.array(found.values, dtype=float)
    if not (np.abs(values) <= _FARTHEST).all():
        raise DataError(f"The examples {name} hold a value that is no number within {_FARTHEST:g}. Record the run again.")
    try:
        clusters = None if found.clusters is None else np.array(found.clusters, dtype=np.int64)
    except OverflowError:
        raise DataError(f"The examples {name} hold a cluster beyond 64 bits. Record the run again.") from None
    return ExampleValues(tuple(found.keys), values, clusters)
