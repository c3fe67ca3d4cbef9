"""What the gate, the policy's waivers and the last release add to a report, in words that all reports share."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from pytest_trustml.reports.wording import percent, shown
from pytest_trustml.result.comparison import WORST_FIRST, Comparison, Number
from pytest_trustml.result.decision import Answer, Decision, Finding
from pytest_trustml.result.plain import line
from pytest_trustml.result.policy import Waiver
from pytest_trustml.result.record import CheckRecord, RunRecord

ANSWERS: dict[Answer, str] = {"released": "Released", "blocked": "Blocked", "unjudged": "Could not be judged"}
FINDINGS = {"blocks": "blocks", "unjudged": "cannot judge", "waived": "waived", "notes": "note"}
CHANGES = {
    "WORSE": "worse",
    "CANNOT_TELL": "cannot tell",
    "NOT_COMPARED": "not compared",
    "NO_WORSE": "no worse than the margin",
    "BETTER": "better",
}
REDACTED = "This run was redacted: sensitive evidence is named by its digest only."
UNKNOWN_DAY = "unknown: the date of the run cannot be read"


def findings(decision: Decision) -> list[Finding]:
    """Every reason, what blocks first; within a kind, in the order in which the gate gave them."""
    return sorted(decision.findings, key=lambda finding: list(FINDINGS).index(finding.kind))


def day(created: str) -> datetime.date | None:
    """The day on which a run was made; None if its date cannot be read.

    >>> day("2026-01-02T23:30:00+00:00"), day("yesterday")
    (datetime.date(2026, 1, 2), None)
    """
    try:
        return datetime.date.fromisoformat(created[:10])
    except ValueError:
        return None


def waiver_state(waiver: Waiver, created: str) -> str:
    """Whether a waiver held on the day of the run.

    >>> waiver = Waiver(check="a.b", owner="Ann", reason="known", expires=datetime.date(2026, 1, 31))
    >>> waiver_state(waiver, "2026-01-31 09:00 UTC"), waiver_state(waiver, "2026-02-01 09:00 UTC")
    ('holds', 'expired')
    """
    today = day(created)
    if today is None:
        return UNKNOWN_DAY
    return "holds" if waiver.holds(today) else "expired"


def held_waivers(run: RunRecord, check: str) -> list[Waiver]:
    """The waivers that cover a check and held on the day of the run. Of a run without a date none is known to hold."""
    return [waiver for waiver in run.policy.waivers_of(check) if waiver_state(waiver, run.created) == "holds"]


def waiver_words(waiver: Waiver) -> str:
    """Who answers for it, why, and until when.

    >>> waiver_words(Waiver(check="a.b", owner="Ann", reason="known", expires=datetime.date(2026, 1, 31)))
    'Ann: known (until 2026-01-31)'
    """
    return f"{line(waiver.owner)}: {line(waiver.reason, 600)} (until {waiver.expires.isoformat()})"


def changes(checks: Iterable[CheckRecord]) -> list[tuple[CheckRecord, Comparison]]:
    """Every comparison with its check, the worst first; among equals in the order of the checks."""
    pairs = [(check, comparison) for check in checks for comparison in check.comparisons]
    return sorted(pairs, key=lambda pair: WORST_FIRST.index(pair[1].outcome))


def change_verdict(c: Comparison) -> str:
    """The verdict in words, and why a comparison was refused.

    >>> change_verdict(Comparison(measurement="rate", outcome="NOT_COMPARED", why="other data", unit="", higher_is_safer=True))
    'not compared: other data'
    """
    return f"{CHANGES[c.outcome]}: {line(c.why, 300)}" if c.outcome == "NOT_COMPARED" else CHANGES[c.outcome]


def signed(value: Number) -> str:
    """A change as people read it, with its sign.

    >>> signed(0.0421), signed(-3.0), signed(0.0), signed("undefined")
    ('+0.0421', '-3', '0', 'undefined')
    """
    return f"+{shown(value)}" if not isinstance(value, str) and value > 0 else shown(value)


def change_interval(c: Comparison) -> str:
    """Both ends of the change, or nothing where there is no interval."""
    if isinstance(c.low, str) or isinstance(c.high, str):
        return ""
    return f"{signed(c.low)} to {signed(c.high)}"


def change_sureness(c: Comparison) -> str:
    """Interval, level, method and number of examples of a change."""
    clusters = "" if isinstance(c.clusters, str) else f" in {c.clusters} clusters"
    ends = change_interval(c)
    words = f"{percent(c.level)} interval {ends}, {line(c.method, 60)}" if ends else "no interval"
    return f"{words}, n = {c.n}{clusters}"


def worsening(c: Comparison) -> str:
    """How much worse a measurement has become, and since which value.

    >>> worsening(Comparison(measurement="rate", outcome="WORSE", why="", unit="share", higher_is_safer=False, before=0.01,
    ...     after=0.05, change=0.04, low=0.02, high=0.06, level=0.95, method="paired", n=500, margin=0.005))
    'rate is worse than the baseline: 0.01 -> 0.05, +0.04 (95 % interval +0.02 to +0.06, paired, n = 500), margin 0.005'
    """
    name = line(c.measurement)
    moved = f"{shown(c.before)} -> {shown(c.after)}, {signed(c.change)} ({change_sureness(c)})"
    margin = "" if isinstance(c.margin, str) else f", margin {shown(c.margin)}"
    return f"{name} is worse than the baseline: {moved}{margin}"
