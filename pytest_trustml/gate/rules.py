"""The rules of the gate: each looks at the merged record and says what blocks, what cannot be judged, and what is waived."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

import msgspec

from pytest_trustml.gate.verdicts import Judged, Surely, judge, settled, surely_bad
from pytest_trustml.result.comparison import Comparison
from pytest_trustml.result.decision import Finding
from pytest_trustml.result.measurement import number
from pytest_trustml.result.policy import Policy, covers
from pytest_trustml.result.record import CheckRecord, RunRecord
from pytest_trustml.result.verdict import Outcome


def findings(run: RunRecord, policy: Policy, today: datetime.date) -> tuple[RunRecord, list[Finding]]:
    """Everything that the policy has to say about a merged record.

    Parameters
    ----------
    run : RunRecord
    policy : Policy
    today : datetime.date
        Decides which waivers have expired.

    Returns
    -------
    RunRecord, list of Finding
        The record with outcomes as the policy's limits make them, and the findings, unordered.
    """
    judged = {record.nodeid: judge(record, policy) for record in run.checks}
    sure = surely_bad(run, judged, policy.family_error)
    found: list[Finding] = [*_whole(run, policy)]
    for record in run.checks:
        found += _waived(record, list(_check(record, judged[record.nodeid], sure, policy)), policy, today)
    for waiver in policy.waivers:
        if not any(covers(waiver.check, record.check) for record in run.checks):
            why = f"the waiver of {waiver.owner} covers no check of this release"
            found.append(Finding(kind="notes", rule="waiver-unused", check=waiver.check, why=why))
    checks = tuple(_with_policy(record, judged[record.nodeid]) for record in run.checks)
    return msgspec.structs.replace(run, policy=policy, checks=checks), found


def _whole(run: RunRecord, policy: Policy) -> Iterator[Finding]:
    """What concerns the run as a whole."""
    for pattern in policy.required:
        if not any(covers(pattern, record.check) for record in run.checks):
            yield Finding(
                kind="unjudged", rule="required-missing", check=pattern, why="it is required and no report tells of it"
            )
    if not any(record.outcome == "PASS" for record in run.checks):
        yield Finding(kind="unjudged", rule="nothing-passed", check="", why="no check passed: there is nothing to release on")
    if "cache" in policy.forbid and run.cache not in ("off", "refresh"):
        why = f"the policy forbids stored observations, and the run used --trustml-cache={run.cache}"
        yield Finding(kind="unjudged", rule="cache", check="", why=why)
    if "skip" in policy.forbid and run.inconclusive == "skip":
        why = "the run skipped what was inconclusive (--trustml-inconclusive=skip), which is for exploring"
        yield Finding(kind="unjudged", rule="skip", check="", why=why)
    loose = {check: words for check, words in run.limits.items() if str(run.policy.limits.get(check, "")) != words}
    for check, words in sorted(loose.items()):
        if check not in policy.limits:
            why = f"its limit ({words}) comes from the command line, and the policy names none"
            yield Finding(kind="notes", rule="limit-of-command-line", check=check, why=why)


def _check(record: CheckRecord, judged: list[Judged], sure: Surely, policy: Policy) -> Iterator[Finding]:
    """What one check says. A check that is not required cannot hold a release up by being undecided, only by failing."""
    required = policy.requires(record.check) or not policy.required

    def finding(kind: str, rule: str, why: str) -> Finding:
        return Finding(kind=kind if required or kind != "unjudged" else "notes", rule=rule, check=record.check, why=why)

    if record.outcome == "NOT_APPLICABLE":
        if policy.requires(record.check):
            yield finding("unjudged", "required-skipped", f"it is required and was not judged: {record.why}")
        return
    if record.outcome == "ERROR":  # what broke off may have been about to fail, required or not
        yield Finding(kind="unjudged", rule="error", check=record.check, why=record.why or "it gives no reason")
        return
    if not judged and record.outcome != "PASS":
        kind = "blocks" if record.outcome == "FAIL" else "unjudged"
        yield finding(kind, record.outcome.lower(), record.why or "it gives no reason")
    for one in judged:
        name = f"{one.name}: {one.why}"
        if one.outcome is Outcome.FAIL and (record.nodeid, one.name) in sure.limits:
            yield finding("blocks", "limit", name)
        elif one.outcome is Outcome.FAIL:
            yield finding("unjudged", "limit-family", f"{name}; {_family(one.p, sure.family, policy)}")
        elif one.outcome in (Outcome.INVALID, Outcome.INCONCLUSIVE):
            yield finding("unjudged", one.outcome.value.lower(), name)
    for m in record.measurements:
        if not isinstance(m.level, str) and m.level < policy.level - 1e-9:
            why = f"{m.name} was measured at the level {m.level:g}, and the policy asks for {policy.level:g}"
            yield finding("unjudged", "level", f"{why}: run it with --trustml-level={policy.level:g}")
    for comparison in record.comparisons:
        yield from _changed(record, comparison, sure, policy, finding)


def _changed(
    record: CheckRecord, comparison: Comparison, sure: Surely, policy: Policy, finding: Callable[[str, str, str], Finding]
) -> Iterator[Finding]:
    name = f"{comparison.measurement} beside the baseline: {comparison.why}"
    if comparison.outcome == "WORSE" and (record.nodeid, comparison.measurement) in sure.changes:
        yield finding("blocks", "worse", name)
    elif comparison.outcome == "WORSE":
        p = None if isinstance(comparison.p_worse, str) else comparison.p_worse
        yield finding("unjudged", "worse-family", f"{name}; {_family(p, sure.family, policy)}")
    elif comparison.outcome == "NOT_COMPARED":
        new = comparison.details.get("refused") == "absent"
        yield finding("notes" if new and policy.regression == "worse" else "unjudged", "not-compared", name)
    elif comparison.outcome == "CANNOT_TELL":
        yield finding("unjudged" if policy.regression == "unshown" else "notes", "cannot-tell", name)


def _family(p: float | None, size: int, policy: Policy) -> str:
    seen = "without a probability to correct" if p is None else f"with p = {number(p)}"
    return (
        f"alone it would block, {seen}, but among {size} verdicts it may be chance (Holm, family error "
        f"{policy.family_error:g}): more data would decide"
    )


def _waived(record: CheckRecord, found: list[Finding], policy: Policy, today: datetime.date) -> list[Finding]:
    """A waiver that holds takes the consequence from what was found; one that has expired blocks."""
    waivers = policy.waivers_of(record.check)
    bad = [finding for finding in found if finding.kind in ("blocks", "unjudged")]
    if not waivers:
        return found
    waiver = max(waivers, key=lambda one: one.expires)
    words = f"{waiver.owner}, until {waiver.expires.isoformat()}: {waiver.reason}"
    if not bad:
        why = f"its waiver is not needed any more ({words})"
        return [*found, Finding(kind="notes", rule="waiver-unneeded", check=record.check, why=why)]
    if waiver.holds(today):
        return [msgspec.structs.replace(f, kind="waived", why=f"{f.why} (waived by {words})") if f in bad else f for f in found]
    why = f"its waiver has expired ({words})"
    return [Finding(kind="blocks", rule="waiver-expired", check=record.check, why=why), *found]


def _with_policy(record: CheckRecord, judged: list[Judged]) -> CheckRecord:
    """The record with the outcomes that the policy's limits give, so that reports and decision agree."""
    outcome = settled(judged)
    if outcome is None or record.outcome in ("ERROR", "NOT_APPLICABLE"):
        return record
    by_name = {one.name: one for one in judged}
    measurements = tuple(
        msgspec.structs.replace(
            m, limit=str(by_name[m.name].limit), outcome=by_name[m.name].outcome.value, why=by_name[m.name].why
        )
        if m.name in by_name
        else m
        for m in record.measurements
    )
    if any(comparison.outcome == "WORSE" for comparison in record.comparisons) and outcome in (
        Outcome.PASS,
        Outcome.INCONCLUSIVE,
    ):
        return msgspec.structs.replace(record, measurements=measurements, outcome="FAIL")
    decisive = next(one for one in judged if one.outcome is outcome)
    return msgspec.structs.replace(record, measurements=measurements, outcome=outcome.value, why=decisive.why)
