"""Where work is kept, and what to say when it cannot be."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from pytest_trustml.errors import CacheError
from pytest_trustml.result.plain import line

_FULL = (errno.ENOSPC, errno.EDQUOT)


def cache_root(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder under which everything is kept that need not be computed twice. It is not made yet.

    ``$TRUSTML_CACHE``, else ``$XDG_CACHE_HOME/trustml``, else ``~/.cache/trustml``.

    >>> cache_root({"XDG_CACHE_HOME": "/var/cache"}).as_posix()
    '/var/cache/trustml'
    """
    if environ.get("TRUSTML_CACHE"):
        return Path(environ["TRUSTML_CACHE"]).expanduser().absolute()
    base = Path(environ.get("XDG_CACHE_HOME", ""))
    if base.is_absolute():
        return base / "trustml"
    try:
        return Path.home() / ".cache" / "trustml"
    except RuntimeError:
        raise CacheError(
            "There is no home directory to keep results in. Set TRUSTML_CACHE to a folder that can be written."
        ) from None


def made(folder: Path) -> Path:
    """The folder, made if need be. Only its owner may look into one that is new: it holds what models said."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise storage_error(folder, error) from error
    return folder


def storage_error(folder: Path, error: OSError) -> CacheError:
    """A failed write in the user's words: which folder, why, what to do."""
    place = line(str(folder))
    if error.errno in _FULL:
        return CacheError(
            f"The disk is full: a result could not be stored in {place}. Results are kept so that the model runs once. Free "
            "some space there, or set TRUSTML_CACHE to a folder on another disk; what was stored so far will be used again."
        )
    return CacheError(
        f"A result could not be stored in {place}: {line(error.strerror or str(error))}. The folder must be writable: correct "
        "that, or set TRUSTML_CACHE to another one."
    )
