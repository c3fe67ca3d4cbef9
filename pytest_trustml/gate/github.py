"""A decision where a GitHub job shows it: step summary, outputs and annotations."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from pytest_trustml.errors import CacheError
from pytest_trustml.reports.judgement import ANSWERS, FINDINGS, findings
from pytest_trustml.reports.markdown import code, escaped, summary
from pytest_trustml.reports.report import SCANNING
from pytest_trustml.result.decision import Decision, Finding
from pytest_trustml.result.plain import line
from pytest_trustml.result.record import RunRecord

JUNIT = "trust.xml"
ANNOTATIONS = 10  # GitHub shows no more of a kind than these for a step
SUMMARY_BYTES = 200_000  # GitHub drops a summary above 1 MiB whole
_LEVELS = {"blocks": "error", "unjudged": "warning", "waived": "warning"}
_TITLES = {"blocks": "Blocked", "unjudged": "Cannot tell", "waived": "Waived"}
_COUNTED = {"passed": ("PASS",), "failed": ("FAIL",), "inconclusive": ("INCONCLUSIVE", "INVALID", "ERROR")}


def report(run: RunRecord | Decision, folder: Path, environ: Mapping[str, str]) -> None:
    """Write outputs and step summary to the files that GitHub names, and print at most ten annotations.

    Parameters
    ----------
    run : RunRecord or Decision
        The merged record with its decision or, where there is no record at all, the decision alone.
    folder : Path
        The report folder.
    environ : mapping
        The environment. Where ``GITHUB_OUTPUT`` or ``GITHUB_STEP_SUMMARY`` is absent, a note says what was not written.

    Raises
    ------
    CacheError
        If one of GitHub's files cannot be written.
    """
    write_outputs(run, folder, environ)
    write_summary(run, environ)
    for text in annotations(run):
        print(text, flush=True)


def write_outputs(run: RunRecord | Decision, folder: Path, environ: Mapping[str, str]) -> None:
    """Append the outputs of the step to the file ``GITHUB_OUTPUT``."""
    text = "".join(assignment(name, value) for name, value in outputs(run, folder).items())
    _append("GITHUB_OUTPUT", "the outputs of the step", text, environ)


def write_summary(run: RunRecord | Decision, environ: Mapping[str, str]) -> None:
    """Append what people read to the file ``GITHUB_STEP_SUMMARY``."""
    text = _without_record(run) if isinstance(run, Decision) else summary(run, SUMMARY_BYTES)
    _append("GITHUB_STEP_SUMMARY", "the step summary", text.rstrip("\n") + "\n\n", environ)


def outputs(run: RunRecord | Decision, folder: Path) -> dict[str, str]:
    """Output name -> value. Counts are those of checks; without a record they are the word ``undefined``.

    ``failed`` are the checks that are surely bad (FAIL), ``inconclusive`` those that ran and could not tell (INCONCLUSIVE,
    INVALID, ERROR). Checks that do not apply are in neither.

    >>> decision = Decision(answer="unjudged", why="no report", policy="trustml.toml")
    >>> found = outputs(decision, Path("nowhere"))
    >>> found["verdict"], found["passed"], found["junit"], found["report"]
    ('unjudged', 'undefined', '', 'nowhere')
    """
    found = {"verdict": _decision(run).answer}
    for name, kinds in _COUNTED.items():
        found[name] = "undefined" if isinstance(run, Decision) else str(sum(check.outcome in kinds for check in run.checks))
    for name, path in (("junit", folder / JUNIT), ("sarif", folder / SCANNING)):
        found[name] = str(path) if path.is_file() else ""
    return found | {"report": str(folder)}


def assignment(name: str, value: str) -> str:
    r"""One output in the form that takes any value: between two lines that nobody can foresee.

    >>> first, *middle, last = assignment("report", "a\nverdict=released").splitlines()
    >>> first == f"report<<{last}", middle, last in "a\nverdict=released"
    (True, ['a', 'verdict=released'], False)
    """
    value = value.encode("utf-8", "backslashreplace").decode("utf-8")
    delimiter = f"trustml_{secrets.token_hex(16)}"
    while delimiter in value:
        delimiter = f"trustml_{secrets.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def annotations(run: RunRecord | Decision) -> list[str]:
    """What stands beside the files of a pull request: what blocks first, then what nobody can tell, then what was waived."""
    told = [finding for finding in findings(_decision(run)) if finding.kind in _LEVELS]
    shown = told if len(told) <= ANNOTATIONS else told[: ANNOTATIONS - 1]
    texts = [_annotation_of(finding, run) for finding in shown]
    more = told[len(shown) :]
    if more:
        level = "error" if any(finding.kind == "blocks" for finding in more) else "warning"
        texts.append(annotation(level, f"and {len(more)} more findings: the step summary has them", title="More findings"))
    return texts


def annotation(level: str, message: str, *, title: str, file: str = "", line_number: str = "") -> str:
    r"""One workflow command, in which no word of the message can end it or begin another.

    >>> annotation("error", "50 % worse\n::error::x", title="Blocked: a.b, c", file="trustml.toml", line_number="3")
    '::error file=trustml.toml,line=3,title=Blocked%3A a.b%2C c::50 %25 worse⏎: :error: :x'
    """
    properties = {"file": file, "line": line_number, "title": title}
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    return f"::{level} {given}::{_data(line(message, 600))}"


def _annotation_of(finding: Finding, run: RunRecord | Decision) -> str:
    file, number = _location(finding.check, run)
    title = f"{_TITLES[finding.kind]}: {finding.check or 'the whole run'}"
    message = f"{finding.why} [{finding.rule}]"
    return annotation(_LEVELS[finding.kind], message, title=title, file=file, line_number=number)


def _location(check: str, run: RunRecord | Decision) -> tuple[str, str]:
    """File and line where a check is configured, if its record names a place inside the repository."""
    records = () if isinstance(run, Decision) else run.checks
    place = next((record.location for record in records if record.check == check and record.location), "")
    file, _, number = place.rpartition(":")
    path = PurePosixPath(file)
    inside = bool(file) and not path.is_absolute() and ".." not in path.parts
    return (file, number) if inside and number.isascii() and number.isdigit() else ("", "")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(line(text)).replace(":", "%3A").replace(",", "%2C")


def _decision(run: RunRecord | Decision) -> Decision:
    decision = run if isinstance(run, Decision) else run.decision
    assert isinstance(decision, Decision), "the gate decides before it reports"
    return decision


def _without_record(decision: Decision) -> str:
    """A summary where nothing but the decision is known."""
    reasons = [
        f"- {FINDINGS[finding.kind]}: {code(finding.rule)} {code(finding.check) if finding.check else 'the whole run'}: "
        f"{escaped(finding.why, 600)}\n"
        for finding in findings(decision)[:50]
    ]
    return f"## {ANSWERS[decision.answer]}: {escaped(decision.why, 600)}\n\n{''.join(reasons)}"


def _append(variable: str, what: str, text: str, environ: Mapping[str, str]) -> None:
    path = environ.get(variable)
    if not path:
        print(f"{variable} is not set: {what} could not be written. A GitHub job sets it.", flush=True)
        return
    try:
        with open(path, "a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
    except OSError as problem:
        raise CacheError(f"{variable} names {path}, which cannot be written: {problem.strerror}. Mend that.") from None
