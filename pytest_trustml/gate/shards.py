"""What was handed in: report folders, ``run.json`` files and JUnit files, of any number of shards."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from pytest_trustml.errors import UsageError
from pytest_trustml.gate.junit import Case, read_junit
from pytest_trustml.result.decision import Finding
from pytest_trustml.result.record import RunRecord, decode_run

RECORD = "run.json"


class Shards(msgspec.Struct, kw_only=True):
    """Everything that could be read, and a finding for everything that could not."""

    runs: list[tuple[str, RunRecord]] = msgspec.field(default_factory=list)
    folders: list[Path] = msgspec.field(default_factory=list)
    cases: list[Case] = msgspec.field(default_factory=list)
    junit: list[Path] = msgspec.field(default_factory=list)
    findings: list[Finding] = msgspec.field(default_factory=list)

    @property
    def sources(self) -> tuple[str, ...]:
        return (*(source for source, _ in self.runs), *map(str, self.junit))


def read_shards(places: Iterable[str], expected: int | None = None) -> Shards:
    """Read all reports. A folder without a ``run.json`` of its own is searched for reports below it.

    Parameters
    ----------
    places : iterable of str
        Folders and files.
    expected : int, optional
        How many run records there must be, if it is known how many shards were started.
    """
    shards = Shards()
    for place in places:
        try:
            for path in _files(Path(place)):
                _read(path, shards)
        except UsageError as problem:
            shards.findings.append(Finding(kind="unjudged", rule="unreadable", check="", why=str(problem)))
    if expected is not None and len(shards.runs) != expected:
        why = (
            f"{expected} shards were announced and {len(shards.runs)} run records found: {', '.join(shards.sources) or 'none'}"
        )
        shards.findings.append(Finding(kind="unjudged", rule="shard-missing", check="", why=why))
    return shards


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise UsageError(f"There is no report at {place}. Its shard did not finish, or the path is wrong.")
    own = [*([place / RECORD] if (place / RECORD).is_file() else []), *sorted(place.glob("*.xml"))]
    found = own or sorted([*place.rglob(RECORD), *place.rglob("*.xml")])
    if not found:
        raise UsageError(f"The folder {place} holds no {RECORD} and no JUnit file. Its shard did not finish.")
    return found


def _read(path: Path, shards: Shards) -> None:
    if path.suffix == ".xml":
        shards.cases += read_junit(path)
        shards.junit.append(path)
        return
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise UsageError(f"{path} cannot be read: {problem.strerror}. Mend that, or run its shard again.") from None
    shards.runs.append((str(path), decode_run(content, str(path))))
    shards.folders.append(path.parent)
