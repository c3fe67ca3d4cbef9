"""One record out of the records of all shards, with a finding wherever they do not fit together."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

import msgspec

from pytest_trustml.gate.junit import Case
from pytest_trustml.gate.shards import Shards
from pytest_trustml.reports.wording import WORST_FIRST
from pytest_trustml.result.decision import Finding
from pytest_trustml.result.policy import Policy
from pytest_trustml.result.record import CheckRecord, RunRecord

_INCIDENTAL = ("seconds", "device", "reproduce", "location", "subject")


def merge(shards: Shards) -> tuple[RunRecord | None, list[Finding]]:
    """The record of the whole release, and what the shards disagree about. None if there is no record at all.

    Parameters
    ----------
    shards : Shards
        Checks that only a JUnit file tells of are taken from there, with what it tells.
    """
    findings: list[Finding] = []
    checks: dict[str, tuple[str, CheckRecord]] = {}
    for source, run in shards.runs:
        for record in run.checks:
            _add(checks, source, record, findings)
    for case in shards.cases:
        if case.record is not None and case.record.nodeid not in checks:
            checks[case.record.nodeid] = (case.source, case.record)
            why = f"its numbers come from {case.source}; no run record tells of it, so controls and evidence are unknown"
            findings.append(Finding(kind="notes", rule="junit-only", check=case.record.check, why=why))
    findings += _tests(shards.cases, {nodeid: record for nodeid, (_, record) in checks.items()})
    if not checks and not shards.runs:
        return None, findings
    runs = [run for _, run in shards.runs] or [_from_junit(record for _, record in checks.values())]
    findings += _differences(shards, checks)
    first = runs[0]
    merged = msgspec.structs.replace(
        first,
        created=max(run.created for run in runs),
        level=min(run.level for run in runs),
        inconclusive="skip" if any(run.inconclusive == "skip" for run in runs) else first.inconclusive,
        cache="use" if any(run.cache == "use" for run in runs) else first.cache,
        limits={check: limit for run in runs for check, limit in run.limits.items()},
        redacted=any(run.redacted for run in runs),
        checks=tuple(record for _, (_, record) in sorted(checks.items())),
    )
    return merged, findings


def _add(checks: dict[str, tuple[str, CheckRecord]], source: str, record: CheckRecord, findings: list[Finding]) -> None:
    """Two equal records of one test are one. Of two different ones the worse stays, and the release cannot be judged."""
    other = checks.get(record.nodeid)
    if other is None:
        checks[record.nodeid] = (source, record)
    elif _essence(other[1]) != _essence(record):
        why = f"{other[0]} says {other[1].outcome} and {source} says {record.outcome} or other numbers: hand in one of them"
        findings.append(Finding(kind="unjudged", rule="conflict", check=record.check, why=why))
        if WORST_FIRST.index(record.outcome) < WORST_FIRST.index(other[1].outcome):
            checks[record.nodeid] = (source, record)


def _essence(record: CheckRecord) -> dict[str, object]:
    return {name: value for name, value in msgspec.structs.asdict(record).items() if name not in _INCIDENTAL}


def _tests(cases: Iterable[Case], checks: dict[str, CheckRecord]) -> list[Finding]:
    """Tests that broke although no record says so: other tests of the project, and errors after the verdict."""
    findings = []
    for case in cases:
        record = checks.get(case.record.nodeid) if case.record is not None else None
        if case.result == "failed" and record is None:
            why = f"the test failed: {case.message or 'no message'}"
            findings.append(Finding(kind="blocks", rule="test-failed", check=case.name, why=why))
        elif case.result == "error" and record is None:
            why = f"the test stopped with an error: {case.message or 'no message'}"
            findings.append(Finding(kind="unjudged", rule="test-error", check=case.name, why=why))
        elif record is not None and record.outcome == "PASS" and case.result != "passed":
            why = f"its record says PASS, but {case.source} says {case.result}: {case.message or 'no message'}"
            findings.append(Finding(kind="unjudged", rule="junit-disagrees", check=record.check, why=why))
    return findings


def _differences(shards: Shards, checks: dict[str, tuple[str, CheckRecord]]) -> list[Finding]:
    findings = []
    models: dict[str, str] = {}
    for source, record in checks.values():
        models.setdefault(record.fingerprint, source)
    if len(models) > 1:
        named = ", ".join(f"{fingerprint[:12] or 'none'} in {source}" for fingerprint, source in models.items())
        why = f"the reports are of different models ({named}): hand in those of one release"
        findings.append(Finding(kind="unjudged", rule="different-models", check="", why=why))
    for what, rule, values in (
        (
            "versions of pytest-trustml",
            "different-versions",
            {run.versions.get("pytest-trustml", "?") for _, run in shards.runs},
        ),
        ("seeds", "different-seeds", {str(run.seed) for _, run in shards.runs}),
    ):
        if len(values) > 1:
            why = f"the reports come from different {what}: {', '.join(sorted(values))}"
            findings.append(Finding(kind="notes", rule=rule, check="", why=why))
    baselines = {run.baseline.fingerprint for _, run in shards.runs if not isinstance(run.baseline, str)}
    if len(baselines) > 1:
        named = ", ".join(sorted(fingerprint[:12] for fingerprint in baselines))
        why = f"the reports were compared with different baselines ({named})"
        findings.append(Finding(kind="unjudged", rule="different-baselines", check="", why=why))
    return findings


def _from_junit(records: Iterable[CheckRecord]) -> RunRecord:
    """What can be said of a run of which only JUnit files are left."""
    first, *_ = records
    return RunRecord(
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        command="unknown",
        model=first.subject,
        seed=first.seed,
        level=first.level,
        inconclusive="unknown",
        cache="unknown",
        policy=Policy(),
    )
