"""``index.html``: one file that says what failed, by how much, how sure we are, on which examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest_trustml.reports.html.exhibits import Exhibits
from pytest_trustml.reports.html.judgement import change, change_badge, judgement
from pytest_trustml.reports.html.scale import scale
from pytest_trustml.reports.lines import exhibits
from pytest_trustml.reports.strict import strict
from pytest_trustml.reports.wording import (
    OUTCOME_WORDS,
    command,
    decisive,
    exact,
    overall,
    percent,
    sample,
    shown,
    tally,
    title,
    worst_first,
)
from pytest_trustml.result.plain import line
from pytest_trustml.result.record import CheckRecord, MeasurementRecord, RunRecord, Source

LABELS = {
    "ERROR": "Error",
    "FAIL": "Fail",
    "INVALID": "Invalid",
    "INCONCLUSIVE": "Inconclusive",
    "PASS": "Pass",
    "NOT_APPLICABLE": "Not applicable",
    "REPORTED": "Reported",
}


def page(run: RunRecord, folder: Path | str) -> str:
    """The whole report as one HTML page that asks nothing of the network and runs no script.

    Parameters
    ----------
    run : RunRecord
    folder : Path
        Where the evidence lies.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(run=view(strict(run), Path(folder)))


def view(run: RunRecord, folder: Path) -> dict[str, Any]:
    """Everything that the template shows, every word already safe."""
    store = Exhibits(folder)
    checks = worst_first(run.checks)
    judged = [check for check in checks if check.outcome != "NOT_APPLICABLE"]
    absent = [check for check in checks if check.outcome == "NOT_APPLICABLE"]
    counts = tally(run)
    facts = [("Seed", str(run.seed)), ("Confidence level", percent(run.level))]
    facts += [("Undecided checks", _undecided(run.inconclusive)), ("Cache", line(run.cache))]
    anchors = {check.check: f"check-{index}" for index, check in reversed(list(enumerate(judged, start=1)))}
    prints = sorted({check.fingerprint for check in run.checks if check.fingerprint})
    return {
        "outcome": overall(run),
        "title": title(run),
        "tally": [
            {"outcome": outcome, "count": count, "words": OUTCOME_WORDS[outcome][count > 1]}
            for outcome, count in counts.items()
        ],
        "model": line(run.model, 300),
        "created": line(run.created),
        "fingerprint": line(prints[0], 12).removesuffix("…") if len(prints) == 1 else "",
        "fingerprint_whole": line(prints[0]) if len(prints) == 1 else "",
        "command": command(run.command),
        "facts": facts,
        "versions": [(line(name), line(version)) for name, version in run.versions.items()],
        "limits": [(line(name), line(limit)) for name, limit in run.limits.items()],
        "checks": [_check(check, f"check-{index}", store) for index, check in enumerate(judged, start=1)],
        "absent": [
            {"check": line(check.check), "question": line(check.summary, 300), "why": line(check.why, 600)} for check in absent
        ],
    } | judgement(run, anchors)


def _undecided(policy: str) -> str:
    return {"fail": "fail the run", "skip": "were skipped in this run"}.get(policy, line(policy))


def _check(check: CheckRecord, anchor: str, store: Exhibits) -> dict[str, Any]:
    first = decisive(check)
    family, _, name = line(check.check).partition(".")
    return {
        "anchor": anchor,
        "id": line(check.check),
        "family": family if name else "",
        "name": name or family,
        "outcome": check.outcome,
        "label": LABELS[check.outcome],
        "question": line(check.summary, 400),
        "why": line(check.why, 1500),
        "folded": check.outcome == "PASS",
        "change": change_badge(check),
        "changes": [change(comparison) for comparison in check.comparisons],
        "headline": _measurement(first) if first is not None else None,
        "others": [_measurement(m) for m in check.measurements if m is not first],
        "controls": [{"name": line(c.name), "ok": c.ok, "why": line(c.why, 600)} for c in check.controls],
        "controls_failed": sum(not control.ok for control in check.controls),
        "exhibits": [store.make(piece) for piece in exhibits(check)],
        "reproduce": command(check.reproduce),
        "reference": line(check.reference, 300),
        "facts": _facts(check),
    }


def _measurement(m: MeasurementRecord) -> dict[str, Any]:
    defined = not isinstance(m.value, str)
    bounded = not isinstance(m.low, str) and not isinstance(m.high, str)
    limit = "" if m.limit == "none" else line(m.limit, 80)
    ends = f"{shown(m.low)} to {shown(m.high)}" if bounded else "no interval"
    return {
        "id": line(m.name),
        "name": line(m.name).replace("_", " "),
        "value": shown(m.value),
        "value_exact": exact(m.value),
        "defined": defined,
        "low": shown(m.low),
        "low_exact": exact(m.low),
        "high": shown(m.high),
        "high_exact": exact(m.high),
        "bounded": bounded,
        "level": percent(m.level),
        "method": line(m.method, 200),
        "n": m.n,
        "sample": sample(m),
        "unit": line(m.unit, 60),
        "limit": limit,
        "outcome": m.outcome,
        "label": LABELS[m.outcome],
        "why": line(m.why, 600),
        "better": "higher is safer" if m.higher_is_safer else "lower is safer",
        "scale": scale(m),
        "alt": f"Value {shown(m.value)}, {ends}{f', limit {limit}' if limit else ''}",
        "details": [(line(name), _detail(value)) for name, value in m.details.items()],
    }


def _detail(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return shown(value)
    return line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 300)


def _facts(check: CheckRecord) -> list[tuple[str, str]]:
    facts = [
        ("Check", f"{line(check.check)}, version {check.version}"),
        ("Test", command(check.nodeid)),
        ("Model", f"{line(check.subject)} ({line(check.fingerprint, 16)})"),
    ]
    facts += [(line(name).replace("_", " ").capitalize(), _source(source)) for name, source in check.companions.items()]
    facts += [(f"Data: {line(name)}", _source(source)) for name, source in check.data.items()]
    facts += [(f"Option: {line(name)}", _detail(value)) for name, value in check.options.items()]
    facts += [("Seed", str(check.seed)), ("Level", percent(check.level)), ("Device", line(check.device))]
    return [*facts, ("Took", f"{check.seconds:.1f} s")]


def _source(source: Source) -> str:
    rows = "" if isinstance(source.n, str) else f", {source.n} rows"
    return f"{line(source.spec)} ({line(source.fingerprint, 16)}{rows})"
