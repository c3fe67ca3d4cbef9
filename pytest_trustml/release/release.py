"""A release as it is judged: what the command line, the release directory and the configuration say together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pytest_trustml.errors import UsageError
from pytest_trustml.release.manifest import MODELS, NAME, Manifest, read_manifest, read_project
from pytest_trustml.release.policy import read_policy
from pytest_trustml.result.policy import Policy
from pytest_trustml.result.verdict import Limit
from pytest_trustml.subjects.spec import ELSEWHERE


class Located(msgspec.Struct, frozen=True):
    """A spec together with the folder where its relative paths start."""

    spec: Any
    root: Path

    @property
    def anywhere(self) -> str:
        """A model's spec that means the same wherever relative paths start."""
        text = str(self.spec)
        return text if text.startswith(ELSEWHERE) else str(self.root / Path(text).expanduser())


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is judged and by what. The command line wins over trustml.toml.

    Parameters
    ----------
    name : str
        What the user called the model: it stands in every report.
    models : dict
        ``model`` and its companions -> where each is.
    data : dict
        Role -> where it is.
    limits, options, settings
        As in `Manifest`, merged.
    policy : Policy
        The rules of the files. Limits of the command line are none of them: the gate judges by what is written down.
    """

    name: str
    models: dict[str, Located]
    data: dict[str, Located]
    limits: dict[str, Limit]
    options: dict[str, dict[str, Any]]
    policy: Policy
    settings: dict[str, Any]
    origins: tuple[str, ...]

    def limits_of(self, check: str) -> dict[str, Limit]:
        """Measurement name (or '' for the headline) -> limit, for one check."""
        return {key.partition(":")[2]: limit for key, limit in self.limits.items() if key.partition(":")[0] == check}

    def options_of(self, check: str, known: Mapping[str, Any]) -> dict[str, Any]:
        """The options set for one check; those of its family apply where the check has them."""
        family = self.options.get(check.partition(".")[0], {})
        return {name: value for name, value in family.items() if name in known} | self.options.get(check, {})


def open_release(
    models: Mapping[str, str],
    *,
    data: Mapping[str, str],
    limits: Mapping[str, Limit],
    options: Mapping[str, Mapping[str, Any]],
    config: str | None,
    cwd: Path,
    demo: Callable[[str], Path],
) -> Release:
    """Put together what is judged.

    Parameters
    ----------
    models, data, limits, options
        What the command line says.
    config : str or None
        The configuration file; by default the ``trustml.toml`` of the release directory, else ``./trustml.toml``, else
        ``[tool.trustml]`` of ``./pyproject.toml``.
    cwd : Path
        Where relative paths of the command line start.
    demo : callable
        Turns the name of a demo into its release directory.

    Raises
    ------
    UsageError
        If no model is named, or a file cannot be read as meant.
    """
    chosen = read_manifest(cwd / config) if config is not None else None
    name = models.get("model") or (chosen.models.get("model") if chosen else None)
    if name is None:
        raise UsageError(
            "No model to judge. Name one: --trustml-model=PATH, hf:org/name@revision, openai:MODEL@http://host/v1, "
            "py:module:factory or demo:NAME."
        )
    root = cwd if "model" in models or chosen is None else chosen.root
    directory = demo(name.removeprefix("demo:")) if name.startswith("demo:") else _directory(name, root)
    own = read_manifest(directory / NAME) if directory is not None and (directory / NAME).is_file() else None
    if chosen is None and own is None:
        chosen = read_manifest(cwd / NAME) if (cwd / NAME).is_file() else _project(cwd)
    layers = [layer for layer in (own, chosen) if layer is not None]
    found = _models(models, layers, own, name, directory, cwd)
    merged = _merged(layers)
    return Release(
        name=name,
        models=found,
        data=merged.data | {role: Located(spec, cwd) for role, spec in data.items()},
        limits=merged.limits | dict(limits),
        options={key: merged.options.get(key, {}) | dict(options.get(key, {})) for key in {**merged.options, **options}},
        policy=read_policy(merged.gate, layers[-1].origin if layers else "no file", merged.limits),
        settings=merged.settings,
        origins=tuple(layer.origin for layer in layers),
    )


class _Merged(msgspec.Struct):
    data: dict[str, Located] = {}
    limits: dict[str, Limit] = {}
    options: dict[str, dict[str, Any]] = {}
    gate: dict[str, Any] = {}
    settings: dict[str, Any] = {}


def _merged(layers: list[Manifest]) -> _Merged:
    """Later layers win."""
    merged = _Merged()
    for layer in layers:
        merged.data |= {role: Located(spec, layer.root) for role, spec in layer.data.items()}
        merged.limits |= layer.limits
        merged.gate |= layer.gate
        merged.settings |= layer.settings
        for key, options in layer.options.items():
            merged.options[key] = merged.options.get(key, {}) | options
    return merged


def _models(
    given: Mapping[str, str], layers: list[Manifest], own: Manifest | None, name: str, directory: Path | None, cwd: Path
) -> dict[str, Located]:
    found: dict[str, Located] = {}
    for layer in layers:
        found |= {key: Located(spec, layer.root) for key, spec in layer.models.items()}
    for key in MODELS[1:]:
        if key in given:
            found[key] = Located(given[key], cwd)
    if own is not None:
        if "model" not in own.models:
            raise UsageError(
                f'{own.origin} names no model. Write model = "…" with the folder of the model, relative to this file.'
            )
        found["model"] = Located(own.models["model"], own.root)
    elif directory is not None:
        found["model"] = Located(str(directory), cwd)
    else:
        found["model"] = Located(name, cwd)
    return found


def _directory(name: str, root: Path) -> Path | None:
    """The local folder that a spec names; None for what lies elsewhere."""
    if name.startswith(ELSEWHERE):
        return None
    return root / Path(name).expanduser()


def _project(cwd: Path) -> Manifest | None:
    path = cwd / "pyproject.toml"
    return read_project(path) if path.is_file() else None
