"""Every option of the plugin, once: the command line, ``--help`` and the ini twins come from this table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from pytest_trustml.errors import UsageError


class Option(NamedTuple):
    """One option. ``many`` may be given several times, a ``flag`` takes no value; ``action`` options print something and judge
    nothing."""

    name: str
    help: str
    metavar: str = "SPEC"
    many: bool = False
    choices: tuple[str, ...] = ()
    default: str | None = None
    action: bool = False
    flag: bool = False

    @property
    def dest(self) -> str:
        return "trustml_" + self.name.replace("-", "_")


OPTIONS: Sequence[Option] = (
    Option(
        "model",
        "The model to judge: a directory, hf:org/name@revision, openai:MODEL@http://host/v1, py:module:factory or demo:NAME.",
    ),
    Option("base-model", "The model that a LoRA adapter was trained on."),
    Option("reference-model", "A model trained the same way without the data in question."),
    Option("previous-model", "The release before this one."),
    Option("baseline", "The run.json or report folder of the last release, to compare with on the same examples.", "FILE"),
    Option("data", "A data set for a role, e.g. harmful_prompts=h.jsonl; may be given several times.", "ROLE=SPEC", many=True),
    Option("checks", "Families, checks or globs to run, separated by commas; !NAME leaves one out (default: all).", "EXPR"),
    Option("limit", "Another limit for a check, e.g. lora_safety.probe_transfer=at_most:0.2.", "CHECK=LIMIT", many=True),
    Option("option", "Set an option of a check or family, e.g. clip_memorization:views=4.", "CHECK:NAME=VALUE", many=True),
    Option("config", "The trustml.toml to read (default: the one in the release directory, then ./trustml.toml).", "FILE"),
    Option("seed", "The seed of everything random (default: 0).", "N"),
    Option("level", "The confidence level of every interval, two-sided (default: 0.95).", "P"),
    Option("device", "Where the model runs: auto, cpu, cuda, cuda:1, mps (default: auto).", "DEVICE"),
    Option("cache", "Use stored observations, refresh them, or turn the store off (default: use).", "MODE",
           choices=("use", "refresh", "off")),
    Option("inconclusive", "What an INCONCLUSIVE or INVALID verdict does to the test: fail or skip (default: fail).", "HOW",
           choices=("fail", "skip")),
    Option("report", "The folder for run.json, summary.md and index.html (default: trustml-report).", "DIR"),
    Option("redact", "Leave hashes only: no text, image or prompt in any report, log or cache of this run.", flag=True),
    Option("junit-strict", "Write a JUnit file for strict readers: no properties below test cases.", flag=True),
    Option("list", "List families, checks, what they need, their limits and costs, then exit.", action=True, flag=True),
    Option("explain", "Print the page of one check, then exit.", "CHECK", action=True),
    Option("plan", "Print what each check would have to go on: data, cost, and how small an effect it can see; then exit.",
           action=True, flag=True),
    Option("show-config", "Print every setting and where it comes from, then exit.", action=True, flag=True),
)  # fmt: skip

DEFAULTS = {
    "seed": 0, "level": 0.95, "device": "auto", "cache": "use", "inconclusive": "fail", "report": "trustml-report",
    "redact": False, "junit-strict": False,
}  # fmt: skip


def add_options(parser: pytest.Parser) -> None:
    """Register the options and, for each that is no action, an ini setting ``trustml_*``."""
    group = parser.getgroup("trustml", "ML trustworthiness (pytest-trustml)")
    for option in OPTIONS:
        flag = f"--trustml-{option.name}"
        if option.flag:
            group.addoption(flag, dest=option.dest, action="store_true", default=None, help=option.help)
        elif option.many:
            group.addoption(flag, dest=option.dest, action="append", default=[], metavar=option.metavar, help=option.help)
        else:
            extra: dict[str, Any] = {"choices": option.choices} if option.choices else {}
            group.addoption(flag, dest=option.dest, metavar=option.metavar, help=option.help, **extra)
        if not option.action:
            kind = "linelist" if option.many else "bool" if option.flag else "string"
            parser.addini(option.dest, option.help, type=kind, default=None)


def given(config: pytest.Config, name: str) -> tuple[Any, str]:
    """The value of an option and where it comes from: the command line, else the ini file, else nowhere."""
    option = next(option for option in OPTIONS if option.name == name)
    value = config.getoption(option.dest)
    if option.many:
        ini = config.getini(option.dest) or []
        return [*ini, *value], "command line" if value else "ini file" if ini else "default"
    if value is not None:
        return value, "command line"
    ini = config.getini(option.dest)
    if ini in (None, ""):
        return None, "default"
    if option.choices and ini not in option.choices:
        raise UsageError(f"The ini setting {option.dest} is {ini!r}. It takes {' or '.join(option.choices)}.")
    return ini, "ini file"


def pairs(texts: Sequence[str], flag: str, form: str) -> dict[str, str]:
    """Split ``KEY=VALUE`` texts; a later one wins."""
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise UsageError(f"{flag} {text!r} is not of the form {form}. Write {form}.")
        found[key.strip()] = value.strip()
    return found


def number(value: Any, name: str, kind: type) -> Any:
    """A number from the command line or an ini file, checked."""
    try:
        parsed = kind(value)
    except (TypeError, ValueError):
        words = "a whole number, e.g. 0" if kind is int else "a number, e.g. 0.95"
        raise UsageError(f"--trustml-{name} is {value!r}. It takes {words}.") from None
    if name == "level" and not 0.5 <= parsed < 1:
        raise UsageError(f"--trustml-level is {value!r}. A confidence level lies between 0.5 and 1, e.g. 0.95.")
    if name == "seed" and parsed < 0:
        raise UsageError(f"--trustml-seed is {value!r}. A seed is a whole number from 0.")
    return parsed
