"""Which code a result depends on: digests of source files, so that changed code never meets old results."""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest_trustml
from pytest_trustml.errors import UsageError
from pytest_trustml.result.plain import line

_LIBRARIES = ("torch", "transformers", "tokenizers", "peft", "diffusers", "pillow")
_ENGINE = ("subjects", "attacks", "data/images.py")


def code_digest(module: ModuleType) -> str:
    """SHA-256 of a module's source and of every module that it imports, directly or not, from its own package.

    For a module without a package those are the modules beside it. What is imported by other means is not seen.

    Raises
    ------
    UsageError
        If the module has no source file, as in an interactive session.
    """
    file = getattr(module, "__file__", None)
    if not file or not Path(file).is_file() or Path(file).suffix != ".py":
        raise UsageError(
            f"The module {line(module.__name__)!r} has no source file. Results are named after the code that made them, so "
            "the function must stand in a file: move it to a module that can be imported."
        )
    start = Path(file).resolve()
    package = module.__spec__.parent if module.__spec__ is not None else ""
    depth = len(package.split(".")) if package else 0
    # The folder from which dotted names are looked up, and the dotted name of the module's own package.
    root = start.parents[depth] if package else start.parent
    digest = hashlib.sha256()
    for path in sorted(_reach(start, root, package)):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _reach(start: Path, root: Path, package: str) -> set[Path]:
    found, waiting = set(), [start]
    top = package.partition(".")[0]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        own = ".".join(path.parent.relative_to(root).parts) if package else ""
        for names in _imports(path.read_bytes(), own):
            places = [root.joinpath(*name.split(".")) for name in names if not package or name.partition(".")[0] == top]
            files = [file for place in places for file in (place.with_name(f"{place.name}.py"), place / "__init__.py")]
            waiting += [file for file in files if file.is_file()][:1]
    return found


@functools.lru_cache(maxsize=4096)
def _imports(source: bytes, package: str) -> tuple[tuple[str, ...], ...]:
    """What a source imports, as the names that each import may mean. Kept by the source itself: reading it takes long."""
    found: list[tuple[str, ...]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(alias.name,) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            stem = ".".join([*(part for part in parts if part), *([node.module] if node.module else [])])
            for alias in node.names:
                # What is imported is a module of that name or, if there is none, something inside the module before it.
                found.append(tuple(name for name in (f"{stem}.{alias.name}".lstrip("."), stem) if name))
    return tuple(found)


@functools.cache
def engine() -> dict[str, str]:
    """Versions of what computes: this package (and its code that runs models) and the model libraries."""
    home = Path(pytest_trustml.__file__).parent
    digest = hashlib.sha256()
    for name in _ENGINE:
        place = home / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.relative_to(home).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    versions = {"pytest_trustml": pytest_trustml.__version__, "engine": digest.hexdigest()}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "none"
    return versions


def module_of(function: object) -> ModuleType:
    """The module at whose top level a function stands, or an error that says how to get it there."""
    name = getattr(function, "__qualname__", None)
    shown = line(name or repr(function))
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    if (
        name is None
        or module is None
        or hasattr(function, "__self__")
        or "<" in name
        or getattr(module, name, None) is not function
    ):
        raise UsageError(
            f"{shown} is not a function at the top level of a module. Results are named after the function that made them, so "
            "it must not be a lambda, a method, a partial or a nested function: move it to module level and pass values as "
            "parameters."
        )
    return module
