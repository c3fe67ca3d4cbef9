"""Files that are either whole or absent, however many processes write them and whenever one is killed."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from pytest_trustml.errors import CacheError


def write(path: Path, content: bytes) -> None:
    """Write a file under another name first and move it into place, so that no reader ever sees half of it.

    Raises
    ------
    CacheError
        If the folder cannot be written, for example because the disk is full. Nothing half-written is left behind.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write(folder / "deep" / "note.txt", b"whole")
    >>> (folder / "deep" / "note.txt").read_bytes(), len(list((folder / "deep").iterdir()))
    (b'whole', 1)
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(draft, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as problem:
        raise CacheError(
            f"The report file {path} could not be written: {problem.strerror or problem}. "
            "Free some space or choose another folder with --trustml-report."
        ) from problem
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
