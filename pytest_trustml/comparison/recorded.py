"""The record of an earlier run, opened as a baseline."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pytest_trustml.errors import UsageError
from pytest_trustml.result.comparison import Baseline
from pytest_trustml.result.plain import line
from pytest_trustml.result.record import SCHEMA, CheckRecord, RunRecord, decode_run

_LARGEST = 256 * 1024 * 1024


class _Header(msgspec.Struct):
    """What is read first: a record of another schema is refused for that, and not for the first field that is new in it."""

    schema: int = SCHEMA


class Recorded(msgspec.Struct, frozen=True):
    """A run that was recorded, the folder beside which it keeps its files, and the words by which it was named."""

    run: RunRecord
    folder: Path
    spec: str

    @property
    def baseline(self) -> Baseline:
        """The run as a record of another run names it.

        Its fingerprint is the one that all of its checks name; ``undefined`` if none was recorded, all of them if they differ.
        """
        found = sorted({check.fingerprint for check in self.run.checks})
        fingerprint = ", ".join(found) or "undefined"
        return Baseline(spec=self.spec, model=self.run.model, fingerprint=fingerprint, created=self.run.created)

    def find(self, nodeid: str, check: str) -> CheckRecord | None:
        """What the run said about a check; None if it has no record of it."""
        return next((record for record in self.run.checks if (record.nodeid, record.check) == (nodeid, check)), None)


def open_recorded(spec: str | Path, root: Path = Path()) -> Recorded:
    """Open the record of an earlier run.

    Parameters
    ----------
    spec : str or Path
        A ``run.json``, or the report folder that holds one.
    root : Path
        Where a relative ``spec`` starts.

    Raises
    ------
    UsageError
        If there is nothing at that place, or no whole record of this schema.

    Examples
    --------
    >>> open_recorded("no-such-folder/run.json")
    Traceback (most recent call last):
        ...
    pytest_trustml.errors.UsageError: There is no record at no-such-folder/run.json. Name the run.json of an earlier run, or ...
    """
    place = Path(root, spec)
    path = place / "run.json" if place.is_dir() else place
    name = line(str(path))
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise UsageError(f"{name} has {size} bytes, and no record has more than {_LARGEST}. Name the run.json of a run.")
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            f"There is no record at {name}. Name the run.json of an earlier run, or the report folder that holds it."
        ) from None
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or problem
        raise UsageError(f"The record {name} could not be read: {why}. Make it readable, or name another one.") from None
    _check_schema(content, name)
    return Recorded(decode_run(content, name), path.parent, str(spec))


def _check_schema(content: bytes, name: str) -> None:
    """Refuse another schema by its number. What cannot even be read that far is refused by `decode_run`."""
    try:
        found = msgspec.json.decode(content, type=_Header).schema
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    if found != SCHEMA:
        raise UsageError(
            f"{name} has schema {found}, this version reads schema {SCHEMA}. "
            "Record the baseline again with this version, or compare with the version that wrote it."
        )
