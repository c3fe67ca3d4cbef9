"""Which rules became weaker since the baseline."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_trustml.result.decision import Finding
from pytest_trustml.result.policy import Policy, covers
from pytest_trustml.result.record import RunRecord
from pytest_trustml.result.verdict import read_limit


def loosened(run: RunRecord, baseline: RunRecord, policy: Policy) -> list[Finding]:
    """One finding per rule that is weaker than it was for the baseline.

    Looked at are the required checks, the limits that were in force, level, family error, forbidden reliefs, margins and
    what counts as a regression. A waiver is no loosening: it has an owner and ends.

    Parameters
    ----------
    run : RunRecord
        The candidate, as the policy judges it.
    baseline : RunRecord
    policy : Policy
        The candidate's.
    """
    weaker = [*_required(baseline, policy), *_limits(run, baseline), *_numbers(baseline.policy, policy)]
    return [Finding(kind="blocks", rule="loosened", check=check, why=why) for check, why in weaker]


def _required(baseline: RunRecord, policy: Policy) -> Iterator[tuple[str, str]]:
    """A policy that names no check requires every one that applies."""
    then = baseline.policy
    if not policy.required:
        return
    for record in baseline.checks:
        applied = record.outcome != "NOT_APPLICABLE" and not then.required
        if (applied or then.requires(record.check)) and not policy.requires(record.check):
            yield record.check, "it was required for the baseline and is not any more"
    for pattern in then.required:
        if pattern not in policy.required and not any(covers(pattern, record.check) for record in baseline.checks):
            yield pattern, "it was required for the baseline and is not any more"


def _limits(run: RunRecord, baseline: RunRecord) -> Iterator[tuple[str, str]]:
    now = {(record.check, m.name): m.limit for record in run.checks for m in record.measurements}
    for record in baseline.checks:
        for m in record.measurements:
            words = now.get((record.check, m.name))
            if m.limit == "none" or words is None:
                continue
            if words == "none":
                yield record.check, f"{m.name} had the limit {m.limit} and has none any more"
                continue
            old, new = read_limit(m.limit), read_limit(words)
            if new.low < old.low or new.high > old.high:
                yield record.check, f"the limit of {m.name} was {m.limit} and is {words}"


def _numbers(then: Policy, now: Policy) -> Iterator[tuple[str, str]]:
    if now.level < then.level:
        yield "", f"the least level was {then.level:g} and is {now.level:g}"
    if now.family_error < then.family_error:
        yield "", f"the family error was {then.family_error:g} and is {now.family_error:g}, which blocks less"
    for relief in sorted(set(then.forbid) - set(now.forbid)):
        yield "", f"{relief!r} was forbidden and is not any more"
    if then.regression == "unshown" and now.regression == "worse":
        yield "", "an unshown regression counted and does not any more"
    for check, margin in now.margins.items():
        if check in then.margins and margin > then.margins[check]:
            yield check, f"its margin beside the baseline was {then.margins[check]:g} and is {margin:g}"
    if then.forbid_loosening and not now.forbid_loosening:
        yield "", "loosening was forbidden and is not any more"
