"""Records that a gate has decided about: comparisons with a baseline, waivers, a decision, withheld evidence."""

from __future__ import annotations

import datetime

import msgspec

from pytest_trustml.result.comparison import Baseline, Comparison
from pytest_trustml.result.decision import Decision, Finding
from pytest_trustml.result.evidence import Evidence
from pytest_trustml.result.policy import Policy, Waiver
from pytest_trustml.result.record import Control, RunRecord, Source
from pytest_trustml.result.verdict import AtLeast, AtMost, Within
from tests.unit.reports.hostile_records import check, measurement, run


def comparison(measurement: str = "rate", outcome: str = "WORSE", **changes: object) -> Comparison:
    fields: dict = dict(
        measurement=measurement, outcome=outcome, why="even the favourable end is worse", unit="difference of shares",
        higher_is_safer=False, before=0.0123456789, after=0.0523456789, change=0.04, low=0.0212345678, high=0.0612345678,
        level=0.95, method="paired bootstrap", n=500, clusters=40, margin=0.005, p_worse=0.0004,
    )  # fmt: skip
    return Comparison(**(fields | changes))


def refused(measurement: str = "score", why: str = "the data differs") -> Comparison:
    return Comparison(measurement=measurement, outcome="NOT_COMPARED", why=why, unit="share", higher_is_safer=True)


def waiver(check: str = "acme.leak", expires: str = "2026-01-31", **changes: object) -> Waiver:
    fields: dict = dict(check=check, owner="Ann", reason="known, mended in v3", expires=datetime.date.fromisoformat(expires))
    return Waiver(**(fields | changes))


def withheld(caption: str = "answers to harmful prompts") -> Evidence:
    return Evidence(kind="text", path="", sha256="ab" * 32, caption=caption, sensitive=True, withheld=True)


def gated(**changes: object) -> RunRecord:
    """Four checks, one of each change; one waiver holds, one has expired; blocked."""
    undefined = dict(value="undefined", low="undefined", high="undefined", level="undefined", n=0, why="no row")
    fields: dict = dict(
        policy=Policy(
            required=("acme", "other.*"),
            limits={"acme.rate": AtMost(0.05), "acme.score": AtLeast(0.9), "acme.drift:mean": Within(-0.1, 0.1)},
            waivers=(waiver(), waiver("acme.rate", "2026-01-01", owner="Bo", reason="was to be mended")),
            margins={"acme.rate": 0.005},
        ),
        baseline=Baseline(
            spec="/home/ann/old/run.json", model="/home/ann/old/v1", fingerprint="fedcba9876543210", created="2025-12-01"
        ),
        decision=Decision(
            answer="blocked",
            why="2 reasons block it",
            policy="trustml.toml",
            findings=(
                Finding(kind="notes", rule="shards", check="", why="2 of 2 shards are here"),
                Finding(kind="waived", rule="failed", check="acme.leak", why="Ann accepts it until 2026-01-31"),
                Finding(kind="blocks", rule="worse", check="acme.rate", why="it is worse than the baseline"),
                Finding(kind="unjudged", rule="missing", check="other.absent", why="a required check did not run"),
            ),
            sources=("reports/a", "reports/b"),
        ),
        redacted=True,
    )  # fmt: skip
    return run(
        check("acme.rate", outcome="FAIL", why="worse than the baseline", comparisons=(comparison(),), evidence=(withheld(),)),
        check(
            "acme.leak", outcome="FAIL", why="even the favourable end is too much",
            measurements=(measurement("leak", value=0.2, low=0.15, high=0.26, outcome="FAIL", limit="at most 0.05"),),
            comparisons=(comparison("leak", "CANNOT_TELL", change=0.001, low=-0.02, high=0.03, before=0.199, after=0.2),),
            location="conf/trustml.toml:12",
        ),
        check("acme.score", measurements=(measurement("score"), measurement("lost", **undefined, outcome="REPORTED")),
              comparisons=(refused(),)),
        check("acme.drift", comparisons=(comparison(outcome="BETTER", change=-0.02, low=-0.03, high=-0.01),)),
        check("acme.kept", nodeid="tests/test_kept.py::test_it",
              comparisons=(comparison(outcome="NO_WORSE", change=0.0, low=-0.003, high=0.004),)),
        check("other.broken", outcome="ERROR", why="CUDA out of memory", measurements=(), nodeid="/abs/test_x.py::t"),
        **(fields | changes),
    )  # fmt: skip


def hostile_gated(words: str) -> RunRecord:
    """The same, with these words in every field that can hold any."""
    said = comparison(words, why=words, unit=words, method=words)
    lost = Comparison(measurement=words, outcome="NOT_COMPARED", why=words, unit=words, higher_is_safer=False)
    outcomes = ("WORSE", "CANNOT_TELL", "NO_WORSE", "BETTER")
    comparisons = (lost, *(msgspec.structs.replace(said, outcome=outcome) for outcome in outcomes))
    named = Waiver(check=words, owner=words, reason=words, expires=datetime.date(2027, 1, 1))
    kinds = ("notes", "waived", "unjudged", "blocks")
    findings = tuple(Finding(kind=kind, rule=words, check=words, why=words) for kind in kinds)
    bad = measurement(words, unit=words, method=words, why=words, limit=words, outcome="FAIL")
    gone = measurement(
        words, value="undefined", low="undefined", high="undefined", level="undefined", why=words, outcome="INVALID"
    )
    told = dict(
        nodeid=words, why=words, summary=words, reference=words, reproduce=words, fingerprint=words, subject=words,
        location=words, data={words: Source(spec=words, fingerprint=words)}, evidence=(withheld(words),),
        measurements=(bad, gone), comparisons=comparisons, controls=(Control(name=words, ok=False, why=words),),
    )  # fmt: skip
    return run(
        check(words, **told, outcome="FAIL"),
        check("acme.rate", **told, outcome="INVALID"),
        check("acme.lost", **told | {"measurements": (), "comparisons": ()}, outcome="ERROR"),
        check("acme.absent", **told, outcome="NOT_APPLICABLE"),
        created=words, command=words, model=words, inconclusive=words, cache=words, redacted=True,
        limits={words: words}, versions={"pytest-trustml": words, words: words},
        policy=Policy(required=(words,), waivers=(named,), limits={words: AtMost(1.0)}, margins={words: 0.1}),
        baseline=Baseline(spec=words, model=words, fingerprint=words, created=words),
        decision=Decision(answer="blocked", why=words, policy=words, findings=findings, sources=(words,)),
    )  # fmt: skip
