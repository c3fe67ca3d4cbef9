"""A run as SARIF 2.1.0, so that a code-scanning page shows what needs attention beside the line that asks for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pytest_trustml.reports.judgement import (
    change_sureness,
    change_verdict,
    findings,
    held_waivers,
    signed,
    waiver_state,
    waiver_words,
    worsening,
)
from pytest_trustml.reports.lines import measured
from pytest_trustml.reports.strict import strict
from pytest_trustml.reports.wording import failed_controls, model_name, overall, shown, worst_first
from pytest_trustml.result.comparison import Comparison
from pytest_trustml.result.plain import line
from pytest_trustml.result.policy import Waiver
from pytest_trustml.result.record import CheckRecord, MeasurementRecord, RunRecord

MOST_RESULTS = 5000
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"ERROR": "error", "FAIL": "error", "INVALID": "error", "INCONCLUSIVE": "warning"}
_CHANGE_LEVELS = {"WORSE": "error", "CANNOT_TELL": "note", "NOT_COMPARED": "note"}
_SEVERITY = ("error", "warning", "note")
_SHIPPED = "test_release.py"  # the suite that the package brings along: no file of the project
_PROJECT_FILE = "trustml.toml"
_GATE = "trustml.gate"


def sarif(run: RunRecord) -> bytes:
    """What needs attention as results, and every number of the run in its property bag.

    A code-scanning page shows each result as an alert, so only what did not pass is one: FAIL, ERROR and INVALID as errors,
    INCONCLUSIVE as a warning, worse than the baseline as an error, undecided or refused comparisons as notes. What a waiver
    covers on the day of the run is suppressed, not absent. An alert keeps its fingerprint when only numbers change.

    Parameters
    ----------
    run : RunRecord

    Returns
    -------
    bytes
        Strict JSON. ``runs[0].properties.trustml`` holds all measurements, comparisons, waivers and the decision; numbers
        with every digit, undefined ones as the word. Of more than 5000 results the worst are kept; ``results_left_out``
        says how many were not.

    Examples
    --------
    >>> run = RunRecord(created="2026-01-02", command="", model="m", seed=0, level=0.95, inconclusive="fail", cache="use")
    >>> json.loads(sarif(run))["runs"][0]["results"]
    []
    """
    run = strict(run)
    checks = worst_first(run.checks)
    rules: dict[str, dict[str, Any]] = {}
    for check in checks:
        rules.setdefault(line(check.check), _rule(line(check.check), check))
    places = {id: index for index, id in enumerate(rules)}
    results = [result for check in checks for result in _results(check, places, held_waivers(run, check.check))]
    results += _whole_run(run, rules)
    results.sort(key=lambda result: (_SEVERITY.index(result["level"]), bool(result["suppressions"])))
    driver: dict[str, Any] = {"name": "pytest-trustml", "rules": list(rules.values())}
    if "pytest-trustml" in run.versions:
        driver["version"] = line(run.versions["pytest-trustml"])
    root = {"%SRCROOT%": {"description": {"text": "The folder in which the run was started."}}}
    whole = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": all(check.outcome != "ERROR" for check in checks)}],
        "originalUriBaseIds": root,
        "columnKind": "unicodeCodePoints",
        "results": results[:MOST_RESULTS],
        "properties": {"trustml": _properties(run, checks, max(0, len(results) - MOST_RESULTS))},
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [whole]}
    return json.dumps(log, ensure_ascii=False, allow_nan=False, indent=1).encode()


def _rule(id: str, check: CheckRecord) -> dict[str, Any]:
    summary = line(check.summary, 400) or id
    return {
        "id": id,
        "shortDescription": {"text": summary},
        "fullDescription": {"text": summary},
        "help": {"text": line(check.reference, 1000) or summary},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": [id.partition(".")[0]]},
    }


def _results(check: CheckRecord, places: Mapping[str, int], waivers: Sequence[Waiver]) -> Iterable[dict[str, Any]]:
    """One result for each measurement and comparison that needs attention, or one for the check where none has."""
    bad = [m for m in check.measurements if m.outcome in _LEVELS] if check.outcome != "NOT_APPLICABLE" else []
    worse = any(comparison.outcome == "WORSE" for comparison in check.comparisons)
    pieces = [(_LEVELS[m.outcome], m.name, _judged(check, m)) for m in bad]
    if check.outcome in _LEVELS and not any(m.outcome == check.outcome for m in bad):
        if not (check.outcome == "FAIL" and worse):
            pieces.insert(0, (_LEVELS[check.outcome], "", _stopped(check)))
    pieces += [
        (_CHANGE_LEVELS[c.outcome], f"change of {c.measurement}", _changed(check, c))
        for c in check.comparisons
        if c.outcome in _CHANGE_LEVELS
    ]
    id = line(check.check)
    for level, about, message in pieces:
        yield {
            "ruleId": id,
            "ruleIndex": places[id],
            "level": level,
            "message": {"text": _linkless(message)},
            "locations": [{"physicalLocation": _location(check)}],
            "partialFingerprints": {"trustml/v1": _fingerprint(check, about)},
            "suppressions": [
                {"kind": "external", "status": "accepted", "justification": waiver_words(waiver)} for waiver in waivers
            ],
            "properties": {"nodeid": line(check.nodeid, 400), "about": line(about)},
        }


def _whole_run(run: RunRecord, rules: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What the gate found about no check that reported: a required one that is missing, another artefact, weaker rules."""
    if isinstance(run.decision, str):
        return []
    found = [f for f in findings(run.decision) if f.kind in ("blocks", "unjudged") and line(f.check) not in rules]
    if found:
        rules[_GATE] = {
            "id": _GATE,
            "shortDescription": {"text": "Whether the release may go out."},
            "help": {"text": "python -m pytest_trustml.gate --help"},
            "defaultConfiguration": {"level": "error"},
            "properties": {"tags": ["gate"]},
        }
    place = {"artifactLocation": {"uri": _PROJECT_FILE, "uriBaseId": "%SRCROOT%"}, "region": {"startLine": 1}}
    return [
        {
            "ruleId": _GATE,
            "ruleIndex": list(rules).index(_GATE),
            "level": "error",
            "message": {"text": _linkless(f"{f.rule}: {line(f.check)}{': ' if f.check else ''}{line(f.why, 600)}")},
            "locations": [{"physicalLocation": place}],
            "partialFingerprints": {"trustml/v1": hashlib.sha256(f"{_GATE}\0{f.rule}\0{f.check}".encode()).hexdigest()[:32]},
            "suppressions": [],
            "properties": {"about": f.rule},
        }
        for f in found
    ]


def _judged(check: CheckRecord, m: MeasurementRecord) -> str:
    limit = "" if m.limit == "none" else f" The limit is {line(m.limit)}."
    return f"{m.outcome}: {measured(m)}.{limit} {line(m.why, 600)}"


def _stopped(check: CheckRecord) -> str:
    return f"{check.outcome}: {'; '.join([line(check.why, 600), *failed_controls(check)])}"


def _changed(check: CheckRecord, c: Comparison) -> str:
    if c.outcome == "WORSE":
        return f"FAIL: {worsening(c)}. {line(c.why, 600)}"
    moved = "" if c.outcome == "NOT_COMPARED" else f" {shown(c.before)} -> {shown(c.after)}, {signed(c.change)}"
    sureness = "" if c.outcome == "NOT_COMPARED" else f" ({change_sureness(c)})"
    return f"{line(c.measurement)} beside the baseline: {change_verdict(c)}.{moved}{sureness}"


def _linkless(text: str) -> str:
    """Text in which nothing is a link of SARIF's own."""
    return "".join(f"\\{letter}" if letter in "\\[]" else letter for letter in text)


def _fingerprint(check: CheckRecord, about: str) -> str:
    """The same for two runs with other numbers."""
    return hashlib.sha256(json.dumps([check.nodeid, check.check, about]).encode()).hexdigest()[:32]


def _location(check: CheckRecord) -> dict[str, Any]:
    """Where the check is asked for: its line in a configuration, else its test file, else the project's ``trustml.toml``."""
    path, _, number = check.location.rpartition(":")
    if not (number.isascii() and number.isdigit() and 0 < int(number[:9]) and _within_project(path)):
        path, number = check.nodeid.partition("::")[0], "1"
    if not _within_project(path) or path == _SHIPPED:
        path = _PROJECT_FILE
    artifact = {"uri": quote(path.replace("\\", "/").removeprefix("./")), "uriBaseId": "%SRCROOT%"}
    return {"artifactLocation": artifact, "region": {"startLine": int(number[:9])}}


def _within_project(path: str) -> bool:
    """Whether it looks like a file below the folder of the run."""
    parts = path.replace("\\", "/").split("/")
    named = bool(parts[-1].rpartition(".")[0]) and ".." not in parts and parts[0] not in ("", "~")
    return named and len(path) <= 400 and line(path, 400) == path and ":" not in path


def _properties(run: RunRecord, checks: Sequence[CheckRecord], left_out: int) -> dict[str, Any]:
    """All numbers of the run, with every digit."""
    bag: dict[str, Any] = {
        "outcome": overall(run),
        "model": model_name(run.model),
        "created": line(run.created),
        "seed": run.seed,
        "level": run.level,
        "redacted": run.redacted,
        "results_left_out": left_out,
        "waivers": [
            {
                "check": line(waiver.check),
                "owner": line(waiver.owner),
                "reason": line(waiver.reason, 600),
                "expires": waiver.expires.isoformat(),
                "state": waiver_state(waiver, run.created),
            }
            for waiver in run.policy.waivers
        ],
        "checks": [_check(check) for check in checks],
    }
    if not isinstance(run.baseline, str):
        bag["baseline"] = {
            "model": model_name(run.baseline.model),
            "fingerprint": line(run.baseline.fingerprint),
            "created": line(run.baseline.created),
        }
    if not isinstance(run.decision, str):
        bag["decision"] = {
            "answer": run.decision.answer,
            "why": line(run.decision.why, 600),
            "findings": [
                {"kind": found.kind, "rule": line(found.rule), "check": line(found.check), "why": line(found.why, 600)}
                for found in findings(run.decision)
            ],
        }
    return bag


def _check(check: CheckRecord) -> dict[str, Any]:
    return {
        "check": line(check.check),
        "version": check.version,
        "nodeid": line(check.nodeid, 400),
        "outcome": check.outcome,
        "why": line(check.why, 600),
        "fingerprint": line(check.fingerprint),
        "measurements": [
            {"name": line(m.name), "value": m.value, "low": m.low, "high": m.high, "level": m.level, "n": m.n}
            | {"method": line(m.method), "unit": line(m.unit), "limit": line(m.limit), "outcome": m.outcome}
            | ({"why": line(m.why, 600)} if "undefined" in (m.value, m.low, m.high) else {})
            for m in check.measurements
        ],
        "comparisons": [
            {"measurement": line(c.measurement), "outcome": c.outcome, "why": line(c.why, 600)}
            | {"before": c.before, "after": c.after, "change": c.change, "low": c.low, "high": c.high, "level": c.level}
            | {"n": c.n, "method": line(c.method), "margin": c.margin, "p_worse": c.p_worse}
            for c in check.comparisons
        ],
    }
