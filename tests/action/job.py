"""A GitHub job as far as it touches the action: its files, its log, its outputs; steps run in bare bash."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = ACTION["runs"]["steps"]
_INPUT = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")


class Command(NamedTuple):
    """A line of the log that GitHub obeys."""

    name: str
    properties: dict[str, str]
    text: str


def obeyed(log: str) -> list[Command]:
    """The commands in a log, read as GitHub's runner reads it: line by line, and nothing while commands are stopped."""
    found: list[Command] = []
    token = None
    for text in re.split(r"\r\n|\n|\r", log):
        words = text.lstrip()
        if token is not None:
            token = None if words.startswith(f"::{token}::") else token
            continue
        old = re.match(r".*##\[(\S+?)\]", words)
        new = re.match(r"::([a-zA-Z_-]+)(?: (.*?))?::(.*)", words)
        if new:
            name, properties, data = new.groups()
            pairs = (pair.split("=", 1) for pair in (properties or "").split(",") if "=" in pair)
            found.append(Command(name, {key: _unescaped(value) for key, value in pairs}, _unescaped(data)))
            token = data if name == "stop-commands" else None
        elif old:
            found.append(Command(old.group(1), {}, words))
    assert token is None, "commands were never allowed again"
    return found


def _unescaped(text: str) -> str:
    for escape, letter in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(escape, letter)
    return text


def assigned(content: str) -> dict[str, str]:
    """Outputs, read as the runner reads the file: ``name=value`` or ``name<<DELIMITER``."""
    found: dict[str, str] = {}
    lines = iter(content.splitlines())
    for text in lines:
        equals, heredoc = text.find("="), text.find("<<")
        if heredoc >= 0 and (equals < 0 or heredoc < equals):
            name, _, delimiter = text.partition("<<")
            value: list[str] = []
            for inner in lines:
                if inner == delimiter:
                    break
                value.append(inner)
            else:
                raise AssertionError(f"{name} is never closed")
            found[name] = "\n".join(value)
        elif text:
            name, _, value_ = text.partition("=")
            found[name] = value_
    return found


class Job(NamedTuple):
    """A finished job."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str
    workspace: Path

    @property
    def commands(self) -> list[Command]:
        """What GitHub obeyed beside the guards."""
        return [command for command in obeyed(self.log) if command.name != "stop-commands"]


def environment_of(step: dict[str, Any], inputs: dict[str, str]) -> dict[str, str]:
    """The ``env:`` of a step, with its expressions evaluated."""
    values = {name: str(about.get("default", "")) for name, about in ACTION["inputs"].items()} | inputs
    return {name: _INPUT.sub(lambda match: values[match.group(1)], str(value)) for name, value in step.get("env", {}).items()}


def bash(script: str, environment: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a step's script as the runner does, with no environment but the one given."""
    path = cwd.parent / f"step-{secrets.token_hex(4)}.sh"
    path.write_text(script, encoding="utf-8")
    shell = shutil.which("bash") or "bash"
    command = [shell, "--noprofile", "--norc", "-eo", "pipefail", str(path)]
    return subprocess.run(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)


def run_job(folder: Path, inputs: dict[str, str], site: Path | None = None, cache: Path | None = None) -> Job:
    """Run the ``run:`` steps of the action. The install step is left out: the package is importable by this Python already.

    Parameters
    ----------
    folder : Path
        Where the job lives; its workspace is the folder ``workspace`` below it.
    inputs : dict
        What the workflow's author wrote.
    site : Path, optional
        A folder of installed packages.
    cache : Path, optional
        The folder of stored observations and demo releases.
    """
    workspace, bin_folder, home = folder / "workspace", folder / "bin", folder / "home"
    for place in (workspace, bin_folder, home):
        place.mkdir(exist_ok=True)
    python = bin_folder / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    outputs, summary = folder / "outputs", folder / "summary"
    for path in (outputs, summary):
        path.write_text("")
    environment = {
        "PATH": f"{bin_folder}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "HOME": str(home),
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_WORKSPACE": str(workspace),
        "GITHUB_OUTPUT": str(outputs),
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_ENV": str(folder / "env"),
        "TRUSTML_CACHE": str(cache or folder / "cache"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_ADDOPTS": "-p no:cacheprovider -p no:hypothesispytest -p no:anyio",
    } | ({"PYTHONPATH": str(site)} if site else {})
    log, code = "", 0
    for step in STEPS:
        if "run" not in step or "pip install" in step["run"] or code:
            continue
        done = bash(step["run"], environment | environment_of(step, inputs), workspace)
        log += done.stdout.decode("utf-8")
        code = done.returncode
    return Job(code, log, assigned(outputs.read_text(encoding="utf-8")), summary.read_text(encoding="utf-8"), workspace)
