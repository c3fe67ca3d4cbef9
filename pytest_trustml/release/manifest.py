"""``trustml.toml``: what a release consists of, and by which limits it is judged."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from pytest_trustml.errors import UsageError, unknown
from pytest_trustml.release.deployed_prompt import FAMILY, read_prompt
from pytest_trustml.release.limits import read_limits
from pytest_trustml.release.policy import read_policy
from pytest_trustml.result.policy import Policy
from pytest_trustml.result.verdict import Limit

NAME = "trustml.toml"
MODELS = ("model", "base_model", "reference_model", "previous_model")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The content of one ``trustml.toml``. Relative paths in it start at ``root``, the folder of the file.

    Parameters
    ----------
    models : dict
        ``model``, ``base_model``, ``reference_model``, ``previous_model`` -> spec, as far as given.
    data : dict
        Role -> spec (text or table).
    limits : dict
        ``check`` or ``check:measurement`` -> limit.
    options : dict
        Check id or family -> {option: value}.
    gate : dict
        The table of rules as it stands; `policy` reads it.
    """

    origin: str
    root: Path
    models: dict[str, str] = {}
    data: dict[str, Any] = {}
    limits: dict[str, Limit] = {}
    options: dict[str, dict[str, Any]] = {}
    gate: dict[str, Any] = {}
    settings: dict[str, Any] = {}

    @property
    def policy(self) -> Policy:
        """The rules by which the gate decides; the limits of the file are among them."""
        return read_policy(self.gate, self.origin, self.limits)


def read_manifest(path: Path) -> Manifest:
    """Read a ``trustml.toml``.

    Raises
    ------
    UsageError
        If the file is missing, is not TOML, or holds a key or value that cannot be meant.
    """
    return parse_manifest(_toml(path), origin=str(path), root=path.parent)


def read_project(path: Path) -> Manifest | None:
    """Read ``[tool.trustml]`` of a ``pyproject.toml``; None if it has none."""
    table = _toml(path).get("tool", {}).get("trustml")
    return None if table is None else parse_manifest(table, origin=f"{path} [tool.trustml]", root=path.parent)


def parse_manifest(content: dict[str, Any], *, origin: str, root: Path) -> Manifest:
    """Check every key and value of an already parsed file."""
    tables = ("data", "limits", "options", "gate", "icl")
    settings = ("seed", "level", "checks")
    for key in content:
        if key not in (*MODELS, *tables, *settings):
            raise UsageError(f"{origin}: {unknown('key', key, (*MODELS, *tables, *settings))}")
    for key in MODELS:
        if not isinstance(content.get(key, ""), str):
            raise UsageError(f"{origin}: {key} is {content[key]!r}. Write the path or spec of a model in quotes.")
    for key in tables:
        if not isinstance(content.get(key, {}), dict):
            raise UsageError(f"{origin}: {key} is {content[key]!r}. It is a table: write [{key}] on a line of its own.")
    shown, prompt = read_prompt(content.get("icl", {}), origin)
    data = _joined("data", content.get("data", {}), shown, origin)
    manifest = Manifest(
        origin=origin,
        root=root,
        models={key: content[key] for key in MODELS if key in content},
        data={role: _spec(role, spec, origin) for role, spec in data.items()},
        limits=read_limits(content.get("limits", {}), f"{origin}: limits"),
        options=_options(content.get("options", {}), prompt, origin),
        gate=content.get("gate", {}),
        settings={key: content[key] for key in settings if key in content},
    )
    _ = manifest.policy  # a rule that cannot be meant is a mistake now, not when the gate is asked
    return manifest


def _toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}. Name an existing {NAME}.") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder. Name the {NAME} in it.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise UsageError(f"{path} is not valid TOML: {problem}. Mend that place.") from None


def _spec(role: str, spec: Any, origin: str) -> Any:
    if isinstance(spec, str) or (isinstance(spec, dict) and isinstance(spec.get("path"), str)):
        return spec
    raise UsageError(f"{origin}: data.{role} is {spec!r}. Write a path in quotes, or a table with a path.")


def _options(table: dict[str, Any], prompt: dict[str, Any], origin: str) -> dict[str, dict[str, Any]]:
    for name, options in table.items():
        if not isinstance(options, dict):
            raise UsageError(
                f'{origin}: options.{name} is {options!r}. Write [options."family.check"] and the options below it.'
            )
    return table | {FAMILY: _joined(f"options.{FAMILY}", table.get(FAMILY, {}), prompt, origin)} if prompt else table


def _joined(name: str, table: dict[str, Any], prompt: dict[str, Any], origin: str) -> dict[str, Any]:
    """A table with what [icl] says about it; nothing may be said in both places."""
    twice = sorted(set(table) & set(prompt))
    if twice:
        raise UsageError(f"{origin}: {name}.{twice[0]} is also said by [icl]. Keep one of them.")
    return table | prompt
