"""Demo releases: release directories that an installed package makes on first use, by training small real models."""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType

from pytest_trustml.errors import UsageError, unknown
from pytest_trustml.work.builds import built_once
from pytest_trustml.work.progress import Progress
from pytest_trustml.work.sources import code_digest

GROUP = "pytest_trustml.demos"
_LIBRARIES = ("torch", "transformers", "peft", "diffusers", "tokenizers", "scikit-learn", "numpy")


class Workshop:
    """Where a demo builds its release directory: a seed, a progress bar, and parts that several demos share.

    Parameters
    ----------
    home : Path
        The folder that keeps finished demos and parts.
    seed : int
        The seed of all training.
    progress : Progress
        ``with workshop.progress("training", steps) as step: step(1)``.
    """

    def __init__(self, home: Path, seed: int, progress: Progress) -> None:
        self.home = home
        self.seed = seed
        self._progress = progress

    def progress(self, label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """A progress bar for one step of the work."""
        return self._progress(label, total)

    def part(self, name: str, build: Callable[[Path, Workshop], None], *key: str | int | float) -> Path:
        """A folder that is built once and shared, e.g. the base model of several adapters. Read it, never change it.

        ``key`` holds whatever the part depends on besides the seed, the libraries and the source of ``build``'s module.
        """
        return self.build(f"part-{name}", build, *key)

    def build(self, label: str, build: Callable[[Path, Workshop], None], *key: str | int | float) -> Path:
        """Fill a folder once. Its key has libraries' versions, the sources and the data beside them: all change the result."""
        versions = [f"{library} {importlib.metadata.version(library)}" for library in _LIBRARIES]
        module = sys.modules[build.__module__]
        everything = [*key, self.seed, code_digest(module), _data_digest(module), *versions]
        return built_once(self.home, label, everything, lambda folder: self._run(build, folder))

    def _run(self, build: Callable[[Path, Workshop], None], folder: Path) -> None:
        """What the libraries warn of while a demo is made is ours to heed, not the user's."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            build(folder, self)


def _data_digest(module: ModuleType) -> str:
    """Content of all files beside and below a module that are no Python: prompts, tables, pictures."""
    digest = hashlib.sha256()
    folder = Path(module.__file__ or "").parent
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.suffix.startswith(".py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def demo_names() -> list[str]:
    """The names behind ``demo:``, of all installed packages."""
    return sorted({point.name for point in importlib.metadata.entry_points(group=GROUP)})


def demo_directory(name: str, *, home: Path, progress: Progress, seed: int = 0) -> Path:
    """The release directory of ``demo:NAME``, made first if it is not below ``home`` yet.

    Raises
    ------
    UsageError
        For a name that no installed package offers, or a demo that cannot be loaded.
    """
    points = {point.name: point for point in importlib.metadata.entry_points(group=GROUP)}
    if name not in points:
        raise UsageError(unknown("demo", name, points))
    try:
        build = points[name].load()
    except Exception as problem:
        raise UsageError(
            f"The demo {name!r} ({points[name].value}) cannot be loaded: {type(problem).__name__}: {problem}."
        ) from problem
    return Workshop(home, seed, progress).build(f"demo-{name}", build)
