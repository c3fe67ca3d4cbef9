"""The inputs of the GitHub Action: read from the environment, checked, and turned into arguments, never into shell words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import msgspec

from pytest_trustml.errors import UsageError, unknown
from pytest_trustml.gate.github import JUNIT
from pytest_trustml.release.manifest import NAME

PREFIX = "TRUSTML_INPUT_"
FOLDER = "trustml-report"
FailOn = Literal["blocked", "unjudged", "never"]
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_COMPANIONS = ("base-model", "reference-model", "previous-model")


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What the author of a workflow wrote. Empty means: not given.

    Parameters
    ----------
    model : str
        Spec of the model or release directory.
    companions : dict
        ``base-model``, ``reference-model``, ``previous-model`` -> spec, as far as given.
    data : tuple of str
        ``ROLE=SPEC``.
    checks, config, baseline : str
    extra : tuple of str
        More arguments for pytest.
    folder : Path
        Where the reports go.
    fail_on : {"blocked", "unjudged", "never"}
    """

    model: str
    companions: dict[str, str] = {}
    data: tuple[str, ...] = ()
    checks: str = ""
    config: str = ""
    baseline: str = ""
    extra: tuple[str, ...] = ()
    folder: Path = Path(FOLDER)
    fail_on: FailOn = "unjudged"

    @property
    def run(self) -> Path:
        """The folder of the pytest run; the gate writes its own report above it."""
        return self.folder / "run"

    @property
    def junit(self) -> Path:
        return self.folder / JUNIT

    @property
    def policy(self) -> str:
        """The file whose ``[gate]`` decides; empty where the rules that the run found are the only ones."""
        own = Path(self.model).expanduser() / NAME
        try:
            return self.config or (str(own) if own.is_file() else "")
        except OSError:  # a spec that is no possible path
            return ""


def read_inputs(environ: Mapping[str, str]) -> Inputs:
    r"""Check every input.

    Raises
    ------
    UsageError
        For an input that cannot be meant as written, before anything runs.

    Examples
    --------
    >>> inputs = read_inputs({"TRUSTML_INPUT_MODEL": "release", "TRUSTML_INPUT_EXTRA_ARGS": "-k 'a b'"})
    >>> inputs.model, inputs.extra, inputs.fail_on
    ('release', ('-k', 'a b'), 'unjudged')
    >>> read_inputs({"TRUSTML_INPUT_MODEL": "a\nb"})
    Traceback (most recent call last):
    pytest_trustml.errors.UsageError: The input model is 'a\nb', with a line break or control character. Write it on one line.
    """
    model = _line("model", environ)
    if not model:
        raise UsageError(
            "The input model is empty. Name a directory, hf:org/name@revision, openai:MODEL@http://host/v1, py:module:factory "
            "or demo:NAME."
        )
    folder = _line("report-dir", environ) or FOLDER
    if folder.startswith("-"):
        raise UsageError(f"The input report-dir is {folder!r}. Name a folder whose name does not start with a dash.")
    fail_on = _line("fail-on", environ) or "unjudged"
    if fail_on not in get_args(FailOn):
        raise UsageError(f"The input fail-on: {unknown('word', fail_on, get_args(FailOn))}")
    return Inputs(
        model=model,
        companions={name: spec for name in _COMPANIONS if (spec := _line(name, environ))},
        data=_data(_raw("data", environ)),
        checks=_line("checks", environ),
        config=_line("config", environ),
        baseline=_line("baseline", environ),
        extra=_words(_raw("extra-args", environ)),
        folder=Path(folder),
        fail_on=fail_on,
    )


def pytest_arguments(inputs: Inputs) -> list[str]:
    """The arguments of the run, one list entry each. Where the reports go is said last, so that nothing else can say it.

    >>> pytest_arguments(Inputs(model="m", checks="acme", extra=("-q",), folder=Path("r")))
    ['--trustml-model=m', '--trustml-checks=acme', '-q', '--junitxml=r/trust.xml', '--trustml-report=r/run']
    """
    given = {"model": inputs.model} | inputs.companions
    given |= {"checks": inputs.checks, "config": inputs.config, "baseline": inputs.baseline}
    return [
        *(f"--trustml-{name}={value}" for name, value in given.items() if value),
        *(f"--trustml-data={pair}" for pair in inputs.data),
        *inputs.extra,
        f"--junitxml={inputs.junit}",
        f"--trustml-report={inputs.run}",
    ]


def gate_arguments(inputs: Inputs) -> list[str]:
    """The arguments of the gate.

    >>> gate_arguments(Inputs(model="demo:lora-safe", config="t.toml", folder=Path("r")))
    ['r/run', 'r/trust.xml', '--model=demo:lora-safe', '--policy=t.toml', '--report=r']
    """
    given = {"model": inputs.model, "policy": inputs.policy, "baseline": inputs.baseline, "report": str(inputs.folder)}
    options = [f"--{name}={value}" for name, value in given.items() if value]
    return [str(inputs.run), str(inputs.junit), *options]


def _raw(name: str, environ: Mapping[str, str]) -> str:
    return environ.get(PREFIX + name.upper().replace("-", "_"), "").strip()


def _line(name: str, environ: Mapping[str, str]) -> str:
    text = _raw(name, environ)
    if _CONTROL.search(text):
        raise UsageError(f"The input {name} is {text!r}, with a line break or control character. Write it on one line.")
    return text


def _data(text: str) -> tuple[str, ...]:
    pairs = [pair for row in text.split("\n") if (pair := row.strip())]
    for pair in pairs:
        role, _, spec = pair.partition("=")
        if _CONTROL.search(pair) or not role.strip() or not spec.strip():
            raise UsageError(f"The input data has the line {pair!r}. Write one ROLE=SPEC per line, e.g. members=train.jsonl.")
    return tuple(pairs)


def _words(text: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(text))
    except ValueError as problem:
        raise UsageError(f"The input extra-args is {text!r}: {str(problem).lower()}. Close what was opened.") from None
    if "--" in words:
        raise UsageError(f"The input extra-args is {text!r}. Leave out the -- that stands alone: options follow it.")
    return words
