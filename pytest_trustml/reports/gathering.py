"""Evidence and examples of several report folders, brought together in one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from pytest_trustml.reports.evidence import EXAMPLES, FOLDER
from pytest_trustml.reports.storage import write
from pytest_trustml.result.record import RunRecord


def gather(run: RunRecord, folders: Iterable[Path], target: Path) -> None:
    """Copy every file that the record names from the folder that has it whole. What none has stays missing: reports say so.

    Parameters
    ----------
    run : RunRecord
    folders : iterable of Path
        Report folders.
    target : Path
        The report folder of the merged record.
    """
    places = [folder for folder in folders if folder.resolve() != target.resolve()]
    wanted = list(_named(run))
    for path, digest in wanted:
        content = next((found for folder in (target, *places) if (found := _whole(folder, path, digest)) is not None), None)
        if content is None:
            continue
        if not (target / path).is_file():
            write(target / path, content)
        if Path(path).name.startswith("gallery-"):
            wanted += _pictures(content)


def _named(run: RunRecord) -> Iterator[tuple[str, str]]:
    """Path and digest of every file that the record itself names."""
    for record in run.checks:
        for measurement in record.measurements:
            if not isinstance(measurement.examples, str):
                yield measurement.examples.path, measurement.examples.sha256
        for piece in (*(e for m in record.measurements for e in m.evidence), *record.evidence):
            if piece.path:
                yield piece.path, piece.sha256


def _pictures(gallery: bytes) -> list[tuple[str, str]]:
    """The files that a gallery names in turn."""
    try:
        return [(str(item["path"]), str(item["sha256"])) for item in json.loads(gallery)["items"]]
    except (ValueError, KeyError, TypeError):
        return []


def _whole(folder: Path, path: str, digest: str) -> bytes | None:
    """The file if it lies in the folder and is what its digest says."""
    place = (folder / path).resolve()
    if not place.is_relative_to(folder.resolve()) or Path(path).parts[:1] not in ((FOLDER,), (EXAMPLES,)):
        return None
    try:
        content = place.read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == digest else None
