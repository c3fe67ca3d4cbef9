"""``trustml.toml``: what a release consists of, and by which limits it is judged."""

from __future__ import annotations

import datetime
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from pytest_trustml.errors import UsageError, unknown
from pytest_trustml.result.verdict import AtLeast, AtMost, Limit, Within, parse_limit

NAME = "trustml.toml"
MODELS = ("model", "base_model", "reference_model", "previous_model")
_GATE = ("required", "limits", "waivers", "level", "family_error", "forbid_loosening")
_WAIVER = ("check", "reason", "owner", "expires")


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
        The policy: required checks, waivers, levels.
    """

    origin: str
    root: Path
    models: dict[str, str] = {}
    data: dict[str, Any] = {}
    limits: dict[str, Limit] = {}
    options: dict[str, dict[str, Any]] = {}
    gate: dict[str, Any] = {}
    settings: dict[str, Any] = {}


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
    tables = ("data", "limits", "options", "gate")
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
    return Manifest(
        origin=origin,
        root=root,
        models={key: content[key] for key in MODELS if key in content},
        data={role: _spec(role, spec, origin) for role, spec in content.get("data", {}).items()},
        limits={check: _limit(limit, f"{origin}: limits.{check}") for check, limit in content.get("limits", {}).items()},
        options=_options(content.get("options", {}), origin),
        gate=_gate(content.get("gate", {}), origin),
        settings={key: content[key] for key in settings if key in content},
    )


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


def _limit(value: Any, where: str) -> Limit:
    if isinstance(value, str):
        return parse_limit(value)
    kinds = {"at_most": AtMost, "at_least": AtLeast, "within": Within}
    if isinstance(value, dict) and len(value) == 1:
        ((word, bound),) = value.items()
        if word not in kinds:
            raise UsageError(f"{where}: {unknown('limit', word, kinds)}")
        bounds = bound if isinstance(bound, list) else [bound]
        numbers = all(isinstance(b, int | float) and not isinstance(b, bool) for b in bounds)
        if numbers and len(bounds) == (2 if word == "within" else 1):
            return kinds[word](*(float(b) for b in bounds))
    raise UsageError(f"{where} is {value!r}. Write {{ at_most = 0.05 }}, {{ at_least = 0.9 }} or {{ within = [-0.1, 0.1] }}.")


def _options(table: dict[str, Any], origin: str) -> dict[str, dict[str, Any]]:
    for name, options in table.items():
        if not isinstance(options, dict):
            raise UsageError(
                f'{origin}: options.{name} is {options!r}. Write [options."family.check"] and the options below it.'
            )
    return table


def _gate(table: dict[str, Any], origin: str) -> dict[str, Any]:
    for key in table:
        if key not in _GATE:
            raise UsageError(f"{origin}: {unknown('key', f'gate.{key}', [f'gate.{known}' for known in _GATE])}")
    required = table.get("required", [])
    if not isinstance(required, list) or not all(isinstance(pattern, str) for pattern in required):
        raise UsageError(f'{origin}: gate.required is {required!r}. Write a list of checks, e.g. ["lora_safety.*"].')
    for waiver in table.get("waivers", []):
        if not isinstance(waiver, dict) or set(waiver) != set(_WAIVER) or not isinstance(waiver["expires"], datetime.date):
            raise UsageError(f"{origin}: the waiver {waiver!r} needs exactly {', '.join(_WAIVER)}, and expires as a date.")
    return table
