"""Folders that take long to make and are made once: demo releases, reference models."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_trustml.work.folders import made, storage_error
from pytest_trustml.work.keys import digest_key


def built_once(home: Path, label: str, key: Sequence[object], build: Callable[[Path], None]) -> Path:
    """The folder that ``build`` fills, made under a lock on first use: other processes see the whole folder or none.

    Parameters
    ----------
    home : Path
        Where such folders lie side by side.
    label : str
        A word for people; the folder is called ``label-<digest of label and key>``.
    key : sequence
        Everything that the content depends on, as JSON values.
    build : callable
        Fills the empty folder that it is given. If it raises, nothing is kept.

    Raises
    ------
    CacheError
        If the folder cannot be written.
    """
    import filelock

    done = built_place(home, label, key)
    if done.is_dir():
        return done
    try:
        with filelock.FileLock(made(home) / f".{done.name}.lock"):
            for torn in home.glob(f".{done.name}-*"):  # left by a build that was killed
                shutil.rmtree(torn, ignore_errors=True)
            if not done.is_dir():
                unfinished = Path(tempfile.mkdtemp(prefix=f".{done.name}-", dir=home))
                try:
                    build(unfinished)
                    unfinished.rename(done)
                finally:
                    shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as problem:
        raise storage_error(home, problem) from problem
    return done


def built_place(home: Path, label: str, key: Sequence[object]) -> Path:
    """Where `built_once` keeps a folder, whether it is there already or not."""
    return home / f"{label}-{digest_key({'label': label, 'key': list(key)})[:16]}"
