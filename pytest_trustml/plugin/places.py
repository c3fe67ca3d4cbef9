"""Where a check is configured: the line that code scanning points at."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def place(check: str, origins: Iterable[str], root: Path) -> str:
    """``FILE:LINE`` of the first mention of a check, else of its family, else the first line; empty without a file.

    Parameters
    ----------
    check : str
        ``family.measure``.
    origins : iterable of str
        The configuration files that were read, as `Release.origins` names them.
    root : Path
        Only files below it are named, relative to it: others are no part of the repository.
    """
    for origin in origins:
        path = Path(origin.removesuffix(" [tool.trustml]"))
        try:
            relative = path.resolve().relative_to(root.resolve())
            lines = path.read_text(encoding="utf-8").splitlines()
        except (ValueError, OSError):
            continue
        for words in (check, check.partition(".")[0]):
            for number, text in enumerate(lines, start=1):
                if words in text:
                    return f"{relative.as_posix()}:{number}"
        return f"{relative.as_posix()}:1"
    return ""
