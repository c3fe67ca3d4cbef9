"""The words that all reports share: how a number reads, which check comes first, what the whole run amounts to."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pytest_trustml.reports.strict import UNDEFINED
from pytest_trustml.result.measurement import number
from pytest_trustml.result.plain import line
from pytest_trustml.result.record import CheckRecord, MeasurementRecord, Number, RunRecord

WORST_FIRST = ("ERROR", "FAIL", "INVALID", "INCONCLUSIVE", "PASS", "NOT_APPLICABLE")
OUTCOME_WORDS = {
    "ERROR": ("stopped with an error", "stopped with an error"),
    "FAIL": ("failed", "failed"),
    "INVALID": ("is invalid", "are invalid"),
    "INCONCLUSIVE": ("is inconclusive", "are inconclusive"),
    "PASS": ("passed", "passed"),
    "NOT_APPLICABLE": ("is not applicable", "are not applicable"),
}


def shown(value: Number) -> str:
    """A number as people read it, or the word ``undefined``.

    >>> shown(0.0123456), shown("undefined")
    ('0.01235', 'undefined')
    """
    return UNDEFINED if isinstance(value, str) else number(value)


def exact(value: Number) -> str:
    """A number as programs read it: every digit, so that it comes back as the same number.

    >>> exact(0.1), exact(3), exact("undefined")
    ('0.1', '3.0', 'undefined')
    """
    return UNDEFINED if isinstance(value, str) else repr(float(value))


def interval(measurement: MeasurementRecord) -> str:
    """Both ends in words, or nothing where there is no interval."""
    if isinstance(measurement.low, str) or isinstance(measurement.high, str):
        return ""
    return f"{shown(measurement.low)} to {shown(measurement.high)}"


def percent(level: Number) -> str:
    """A confidence level in words.

    >>> percent(0.95), percent("undefined")
    ('95 %', 'undefined')
    """
    return UNDEFINED if isinstance(level, str) else f"{level * 100:g} %"


def sample(measurement: MeasurementRecord) -> str:
    """How much data is behind a number."""
    clusters = "" if isinstance(measurement.clusters, str) else f" in {measurement.clusters} clusters"
    return f"n = {measurement.n}{clusters}"


def command(text: str, limit: int = 4000) -> str:
    r"""A command on one line, safe to show and still the same command: the ``::`` of node ids stays.

    Only at the start of a line, where a CI log would obey it, ``::`` is broken up.

    >>> command("pytest t.py::t \x1b")
    'pytest t.py::t \\x1b'
    """
    safe = "::".join(line(part, limit) for part in text[: limit + 1].split("::"))[: limit + 1]
    return line(safe, limit + 2) if safe.lstrip().startswith("::") else safe


def model_name(spec: str) -> str:
    r"""A model's name without the folders that lead to it, safe to show.

    >>> model_name("/home/ann/releases/v2/"), model_name("hf:org/name@main"), model_name("py:/src/models.py:load")
    ('v2', 'hf:org/name@main', 'py:models.py:load')
    >>> model_name("C:\\models\\v2"), model_name(".")
    ('v2', 'model')
    """
    if spec.startswith(("hf:", "demo:")):
        return line(spec)
    kind = "py:" if spec.startswith("py:") else ""
    parts = re.split(r"[/\\]", spec.removeprefix(kind))
    last = next((part for part in reversed(parts) if part.strip(" .")), "model")
    return line(kind + last)


def worst_first(checks: Iterable[CheckRecord]) -> list[CheckRecord]:
    """What needs attention comes first; among equals, by name."""
    return sorted(checks, key=lambda check: (WORST_FIRST.index(check.outcome), check.check, check.nodeid))


def decisive(check: CheckRecord) -> MeasurementRecord | None:
    """The measurement that the outcome rests on: the first one with that outcome, else the headline."""
    same = [measurement for measurement in check.measurements if measurement.outcome == check.outcome]
    return next(iter([*same, *check.measurements]), None)


def failed_controls(check: CheckRecord) -> list[str]:
    """The tests of the instrument that did not hold, each with its reason."""
    return [f"{line(control.name)}: {line(control.why)}" for control in check.controls if not control.ok]


def tally(run: RunRecord) -> dict[str, int]:
    """How many checks have which outcome, worst first, without those that do not occur."""
    counts = {outcome: sum(check.outcome == outcome for check in run.checks) for outcome in WORST_FIRST}
    return {outcome: count for outcome, count in counts.items() if count}


def overall(run: RunRecord) -> str:
    """The worst outcome of the run. A run in which nothing was judged is NOT_APPLICABLE, never PASS."""
    return next(iter(tally(run)), "NOT_APPLICABLE")


def title(run: RunRecord) -> str:
    """The whole run in a few words."""
    counts = tally(run)
    judged = sum(counts.values()) - counts.get("NOT_APPLICABLE", 0)
    if not judged:
        return "Nothing was judged"
    bad = judged - counts.get("PASS", 0)
    if not bad:
        return "The one check passed" if judged == 1 else f"All {judged} checks passed"
    noun = "check" if judged == 1 else "checks"
    outcome = overall(run)
    verb = OUTCOME_WORDS[outcome][bad > 1] if counts[outcome] == bad else "did not pass"
    return f"{bad} of {judged} {noun} {verb}"


def headline(run: RunRecord, names: int = 5) -> str:
    """One sentence that says what did not pass, by name, and what did."""
    parts = []
    for outcome, count in tally(run).items():
        words = f"{count} {OUTCOME_WORDS[outcome][count > 1]}"
        if outcome not in ("PASS", "NOT_APPLICABLE"):
            guilty = [line(check.check) for check in worst_first(run.checks) if check.outcome == outcome]
            words += f" ({', '.join(guilty[:names])}{f' and {count - names} more' if count > names else ''})"
        parts.append(words)
    return f"{title(run)}: {', '.join(parts) or 'no check ran'}."
