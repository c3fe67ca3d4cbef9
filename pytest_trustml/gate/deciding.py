"""From reports and a policy to one decision."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path

import msgspec

from pytest_trustml.comparison.compare import compare
from pytest_trustml.comparison.recorded import Recorded, open_recorded
from pytest_trustml.errors import TrustmlError
from pytest_trustml.gate.artefact import same_artefact
from pytest_trustml.gate.loosening import loosened
from pytest_trustml.gate.merging import merge
from pytest_trustml.gate.rules import findings
from pytest_trustml.gate.shards import Shards
from pytest_trustml.result.comparison import Comparison
from pytest_trustml.result.decision import Answer, Decision, Finding
from pytest_trustml.result.policy import Policy
from pytest_trustml.result.record import RunRecord

_KINDS = ("blocks", "unjudged", "waived", "notes")


def decide_release(
    shards: Shards,
    policy: Policy | None,
    *,
    origin: str,
    baseline: str | None,
    model: str | None,
    root: Path,
    today: datetime.date,
) -> RunRecord | Decision:
    """The merged record with its decision or, where there is no record at all, the decision alone.

    Parameters
    ----------
    shards : Shards
        What was read.
    policy : Policy or None
        None: the one that the run recorded.
    origin : str
        Where the policy comes from.
    baseline, model : str or None
        The record of the last release, and the files that are to be released.
    root : Path
        Where relative paths start.
    today : datetime.date
    """
    found = list(shards.findings)
    run, more = merge(shards)
    found += more
    if run is None:
        found.append(Finding(kind="unjudged", rule="no-record", check="", why="no report tells of any check"))
        return _decision(found, origin, shards.sources)
    policy = run.policy if policy is None else policy
    recorded, more = _baseline(run, baseline, root)
    found += more
    if recorded is not None:
        run = _compared(run, shards, recorded, policy)
    run, more = findings(run, policy, today)
    found += more
    if recorded is not None and (policy.forbid_loosening or recorded.run.policy.forbid_loosening):
        found += loosened(run, recorded.run, policy)
    elif policy.forbid_loosening:
        why = "the policy forbids loosening, and there is no baseline to compare its rules with: name one with --baseline"
        found.append(Finding(kind="unjudged", rule="no-baseline", check="", why=why))
    if model is not None:
        found += same_artefact(run, model, root)
    return msgspec.structs.replace(run, decision=_decision(found, origin, shards.sources))


def _baseline(run: RunRecord, spec: str | None, root: Path) -> tuple[Recorded | None, list[Finding]]:
    if spec is None:
        return None, []
    try:
        recorded = open_recorded(spec, root)
    except TrustmlError as problem:
        return None, [Finding(kind="unjudged", rule="baseline-unreadable", check="", why=str(problem))]
    fingerprint = recorded.baseline.fingerprint
    if any(record.fingerprint == fingerprint for record in run.checks):
        why = f"the baseline {spec} judged the very same bytes (fingerprint {fingerprint[:12]}): a release is no news to itself"
        return None, [Finding(kind="unjudged", rule="same-bytes", check="", why=why)]
    return recorded, []


def _compared(run: RunRecord, shards: Shards, recorded: Recorded, policy: Policy) -> RunRecord:
    """The record with its comparison made anew: from the examples of the shard that holds them."""
    folders = dict(_holders(shards))
    checks = []
    for record in run.checks:
        comparisons: tuple[Comparison, ...] = ()
        if record.measurements and record.outcome not in ("ERROR", "NOT_APPLICABLE"):
            comparisons = compare(record, folders.get(record.nodeid, Path()), recorded, policy)
        checks.append(msgspec.structs.replace(record, comparisons=comparisons))
    return msgspec.structs.replace(run, checks=tuple(checks), baseline=recorded.baseline)


def _holders(shards: Shards) -> Iterable[tuple[str, Path]]:
    for (_, run), folder in zip(shards.runs, shards.folders, strict=True):
        yield from ((record.nodeid, folder) for record in run.checks)


def _decision(found: list[Finding], origin: str, sources: tuple[str, ...]) -> Decision:
    ordered = tuple(sorted(found, key=lambda finding: (_KINDS.index(finding.kind), finding.check, finding.rule)))
    counts = {kind: sum(finding.kind == kind for finding in ordered) for kind in _KINDS}
    answer: Answer = "blocked" if counts["blocks"] else "unjudged" if counts["unjudged"] else "released"
    if answer == "released":
        waived = f"; {counts['waived']} finding{'s' * (counts['waived'] > 1)} waived" if counts["waived"] else ""
        why = f"every required check passed{waived}"
    else:
        first = ordered[0]
        more = sum(finding.kind in ("blocks", "unjudged") for finding in ordered) - 1
        name = f"{first.check}: " if first.check else ""
        why = f"{name}{first.why}{f'; and {more} more' if more else ''}"
    return Decision(answer=answer, why=why, policy=origin, findings=ordered, sources=sources)
