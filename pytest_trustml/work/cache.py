"""What has been computed once: one file per result, safe under many processes, kill -9 and a full disk."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_trustml.errors import UsageError, unknown
from pytest_trustml.work.entries import decode, encode
from pytest_trustml.work.folders import made, storage_error

if TYPE_CHECKING:
    from pytest_trustml.work.entries import Value

MODES = ("use", "refresh", "off")
_KEY = re.compile(r"[0-9a-f]{64}")
_STALE_SECONDS = 24 * 3600


class Cache:
    """Results by key. A key is the digest of everything the result depends on (`keys.digest_key`).

    Parameters
    ----------
    folder : Path
        Where results are kept. It is made when the first one is stored.
    mode : str
        ``use`` returns what is stored. ``refresh`` computes every result once more in this session and replaces what is stored.
        ``off`` neither reads nor writes ``folder``: results live in a private temporary folder until `close`, so that the
        checks of one session still share them.

    Notes
    -----
    A result is written to a temporary file, flushed to the disk and renamed, so that readers see all of it or nothing. A
    digest over the content is checked on every read: what is torn, altered or foreign counts as missing and is replaced.
    Locks are the operating system's and end with the process that holds them, even if it is killed.
    """

    def __init__(self, folder: Path | str, mode: str = "use") -> None:
        if mode not in MODES:
            raise UsageError(unknown("cache mode", mode, MODES))
        self.mode = mode
        self._own: set[str] = set()
        self._private: Cache | None = None
        self._remove = None
        if mode == "off":
            # Its own process removes the folder at the latest when it ends, a forked child never.
            folder = Path(tempfile.mkdtemp(prefix="trustml-"))
            self._remove = weakref.finalize(self, _remove, folder, os.getpid())
        self.folder = Path(folder)

    def get(self, key: str) -> Value | None:
        """The result stored under a key, or None."""
        path = self._path(key)
        if self.mode == "refresh" and key not in self._own:
            return None
        try:
            data = path.read_bytes()
        except OSError:
            return None
        return decode(data, key)

    def put(self, key: str, value: Value) -> None:
        """Store a result, in place of whatever was there.

        Raises
        ------
        CacheError
            If the disk is full or the folder cannot be written.
        UsageError
            If the value is not a list of text, an array of numbers or a dict of those.
        """
        path = self._path(key)
        data = encode(value, key)
        made(path.parent)
        temporary = made(self.folder / "unfinished") / f"{key}.{os.getpid()}.{secrets.token_hex(4)}"
        try:
            try:
                _write(temporary, data)
                os.replace(temporary, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise
        except OSError as error:
            raise storage_error(self.folder, error) from error
        with contextlib.suppress(OSError, AttributeError):
            _sync_folder(path.parent)
        self._own.add(key)
        self._sweep()

    @contextlib.contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold the right to compute a result; other processes that want the same one wait. Not reentrant."""
        import filelock

        self._path(key)
        lock = filelock.FileLock(made(self.folder / "locks") / f"{key}.lock")
        try:
            lock.acquire()
        except OSError as error:
            raise storage_error(self.folder, error) from error
        try:
            yield
        finally:
            lock.release()

    def private(self) -> Cache:
        """A cache for this session alone, for results whose cause has no fingerprint that another session could trust."""
        if self.mode == "off":
            return self
        if self._private is None:
            self._private = Cache(self.folder, "off")
        return self._private

    def close(self) -> None:
        """Remove what was only for this session."""
        if self._private is not None:
            self._private.close()
            self._private = None
        if self._remove is not None:
            self._remove()

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise UsageError(f"{key!r} is not a key. A key is 64 hexadecimal digits: make it with digest_key().")
        return self.folder / key[:2] / f"{key}.safetensors"

    def _sweep(self) -> None:
        """Remove what killed processes left unfinished, once it is too old to belong to a live one."""
        if len(self._own) != 1:
            return
        for path in (self.folder / "unfinished").iterdir():
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    path.unlink()


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the system can."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
