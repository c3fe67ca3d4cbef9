"""A folder for the time of one run, shared by all of its processes, that the controlling process removes at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from pytest_trustml.work.cache import Cache


class Scratch:
    """Made when it is first needed. A killed worker leaves nothing behind, because the folder is not its own; a controlling
    process that is killed leaves the folder, which only its user may read, among the temporary files of the system.

    Parameters
    ----------
    folder : str or None
        In a worker: what the controller told it. None makes a folder and keeps it until `close`.
    """

    def __init__(self, folder: str | None) -> None:
        self._folder = Path(folder) if folder else None
        self._owner = os.getpid() if folder is None else None

    @property
    def folder(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="trustml-run-"))
        return self._folder

    @property
    def made(self) -> Path | None:
        """The folder if it was needed so far."""
        return self._folder

    def cache(self) -> Cache:
        """Observations for this run alone."""
        return RunCache(self.folder / "observations")

    def close(self) -> None:
        """Remove the folder, in the process that made it and not in a forked child."""
        if self._folder is not None and self._owner == os.getpid():
            shutil.rmtree(self._folder, ignore_errors=True)


class RunCache(Cache):
    """A cache that is private as a whole, so that nothing in it needs another private place."""

    def private(self) -> Cache:
        return self
