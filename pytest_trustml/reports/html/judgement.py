"""The gate's decision, the waivers and the changes since the last release, ready for the page: every word safe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_trustml.reports.html.scale import scale
from pytest_trustml.reports.judgement import (
    ANSWERS,
    CHANGES,
    FINDINGS,
    REDACTED,
    change_interval,
    change_verdict,
    findings,
    signed,
    waiver_state,
)
from pytest_trustml.reports.wording import exact, model_name, percent, shown
from pytest_trustml.result.comparison import Comparison, worst_change
from pytest_trustml.result.decision import Decision, Finding
from pytest_trustml.result.plain import line
from pytest_trustml.result.policy import covers
from pytest_trustml.result.record import CheckRecord, MeasurementRecord, RunRecord

_STATES = {"holds": ("waived", "holds"), "expired": ("blocks", "expired")}


def judgement(run: RunRecord, anchors: Mapping[str, str]) -> dict[str, Any]:
    """Everything that stands above the checks.

    Parameters
    ----------
    run : RunRecord
    anchors : mapping of str to str
        Check -> where on the page it is shown.
    """
    return {
        "decision": None if isinstance(run.decision, str) else _decision(run.decision, anchors),
        "waivers": [_waiver(run, index) for index in range(len(run.policy.waivers))],
        "baseline": "" if isinstance(run.baseline, str) else _baseline(run),
        "redacted": REDACTED if run.redacted else "",
    }


def _decision(decision: Decision, anchors: Mapping[str, str]) -> dict[str, Any]:
    every = [_finding(found, anchors) for found in findings(decision)]
    return {
        "answer": decision.answer,
        "title": ANSWERS[decision.answer],
        "why": line(decision.why, 1500),
        "policy": line(decision.policy, 300),
        "sources": [line(source, 300) for source in decision.sources],
        "reasons": [found for found in every if found["kind"] in ("blocks", "unjudged")],
        "others": [found for found in every if found["kind"] in ("waived", "notes")],
    }


def _finding(found: Finding, anchors: Mapping[str, str]) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "label": FINDINGS[found.kind],
        "rule": line(found.rule).replace("-", " "),
        "check": line(found.check),
        "anchor": anchors.get(found.check, ""),
        "why": line(found.why, 1500),
    }


def _waiver(run: RunRecord, index: int) -> dict[str, Any]:
    waiver = run.policy.waivers[index]
    state = waiver_state(waiver, run.created)
    tone, label = _STATES.get(state, ("unjudged", state))
    return {
        "tone": tone,
        "label": label,
        "check": line(waiver.check),
        "owner": line(waiver.owner),
        "reason": line(waiver.reason, 1500),
        "expires": waiver.expires.isoformat(),
        "used": any(covers(waiver.check, check.check) for check in run.checks),
    }


def _baseline(run: RunRecord) -> str:
    assert not isinstance(run.baseline, str)
    return f"{model_name(run.baseline.model)}, {line(run.baseline.created)}, {line(run.baseline.fingerprint, 12)}"


def change_badge(check: CheckRecord) -> dict[str, str] | None:
    """The worst change of a check as a badge; None if nothing was compared."""
    change = worst_change(check.comparisons)
    return None if change is None else {"outcome": change, "label": CHANGES[change].removesuffix(" than the margin")}


def change(c: Comparison) -> dict[str, Any]:
    """One comparison as the template wants it."""
    ends = change_interval(c)
    clusters = "" if isinstance(c.clusters, str) else f" in {c.clusters} clusters"
    return {
        "id": line(c.measurement),
        "name": line(c.measurement).replace("_", " "),
        "unit": line(c.unit, 60),
        "better": "higher is safer" if c.higher_is_safer else "lower is safer",
        "outcome": c.outcome,
        "label": CHANGES[c.outcome],
        "verdict": change_verdict(c),
        "why": line(c.why, 600),
        "before": shown(c.before),
        "before_exact": exact(c.before),
        "after": shown(c.after),
        "after_exact": exact(c.after),
        "change": signed(c.change),
        "change_exact": exact(c.change),
        "low": signed(c.low),
        "low_exact": exact(c.low),
        "high": signed(c.high),
        "high_exact": exact(c.high),
        "bounded": bool(ends),
        "level": percent(c.level),
        "method": line(c.method, 200),
        "n": c.n,
        "sample": f"n = {c.n}{clusters}",
        "margin": shown(c.margin),
        "margin_exact": exact(c.margin),
        "p": "" if isinstance(c.p_worse, str) else shown(c.p_worse),
        "scale": _scale(c),
        "alt": f"Change {signed(c.change)}, {ends or 'no interval'}, margin {shown(c.margin)}",
    }


def _scale(c: Comparison) -> Any:
    """The change drawn against its margin, in the same way as a value against its limit."""
    if isinstance(c.margin, str):
        limit = "none"
    else:
        limit = f"at least {-c.margin:.12g}" if c.higher_is_safer else f"at most {c.margin:.12g}"
    return scale(
        MeasurementRecord(
            name="change", value=c.change, low=c.low, high=c.high, level=c.level, method=c.method, n=c.n, clusters="none",
            unit="", higher_is_safer=c.higher_is_safer, limit=limit, outcome="REPORTED", why="",
        ),
        still=0.0,
    )  # fmt: skip
