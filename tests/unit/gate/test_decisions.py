"""What is released, what is blocked, and what the gate refuses to judge."""

from __future__ import annotations

import datetime

import pytest

from pytest_trustml.result.policy import Policy, Waiver
from pytest_trustml.result.verdict import AtMost
from tests.unit.gate.conftest import merged


def test_a_good_release_goes_out(bench, gate):
    decided = gate(bench.report("r", bench.check("acme.a"), bench.check("acme.b")), "--policy", bench.policy())
    assert decided.code == 0, decided.output
    assert decided.output.startswith("RELEASED: every required check passed")


def test_a_surely_bad_release_is_blocked(bench, gate):
    decided = gate(bench.report("r", bench.check("acme.a", 100), bench.check("acme.b")), "--policy", bench.policy())
    assert decided.code == 1
    assert decided.says("blocks", "limit")
    assert "acme.a" in decided.output.splitlines()[0]


@pytest.mark.parametrize(
    ("outcome", "rule"),
    [("ERROR", "error"), ("INVALID", "invalid"), ("INCONCLUSIVE", "inconclusive"), ("NOT_APPLICABLE", "required-skipped")],
)
def test_a_required_check_that_did_not_judge_is_no_release(bench, gate, outcome, rule):
    folder = bench.report("r", bench.check("acme.a"), bench.unmeasured("acme.b", outcome))
    decided = gate(folder, "--policy", bench.policy('required = ["acme"]'))
    assert decided.code == 2
    assert decided.says("unjudged", rule)


def test_a_required_check_that_is_missing_is_no_release(bench, gate):
    decided = gate(bench.report("r", bench.check("acme.a")), "--policy", bench.policy('required = ["acme.a", "acme.b"]'))
    assert decided.code == 2
    assert decided.says("unjudged", "required-missing")
    assert "acme.b" in decided.output


@pytest.mark.parametrize(("broken", "events", "rule"), [("", 25, "inconclusive"), ("blind", 5, "invalid")])
def test_a_measurement_that_does_not_decide_is_no_release(bench, gate, broken, events, rule):
    decided = gate(bench.report("r", bench.check("acme.a", events, broken=broken)), "--policy", bench.policy())
    assert decided.code == 2
    assert decided.says("unjudged", rule)


def test_a_check_that_is_not_required_may_be_undecided_but_not_bad(bench, gate):
    policy = bench.policy('required = ["acme.a"]')
    assert gate(bench.report("r", bench.check("acme.a"), bench.check("acme.b", 25)), "--policy", policy).code == 0
    assert gate(bench.report("s", bench.check("acme.a"), bench.check("acme.b", 100)), "--policy", policy).code == 1
    assert gate(bench.report("t", bench.check("acme.a"), bench.unmeasured("acme.b", "ERROR")), "--policy", policy).code == 2


def test_nothing_judged_is_no_release(bench, gate):
    assert gate(bench.report("r", bench.unmeasured("acme.a", "NOT_APPLICABLE")), "--policy", bench.policy()).code == 2
    assert gate(bench.report("s"), "--policy", bench.policy()).code == 2


def test_without_a_policy_file_the_recorded_rules_decide(bench, gate):
    rules = Policy(required=("acme.b",))
    decided = gate(bench.report("r", bench.check("acme.a"), policy=rules))
    assert decided.code == 2
    assert decided.says("unjudged", "required-missing")
    assert "the rules that the run recorded" in decided.output


def test_limits_of_the_policy_replace_those_of_the_run(bench, gate):
    loose = bench.report("r", bench.check("acme.a", 100, limit=AtMost(0.5)), limits={"acme.a": "at most 0.5"})
    assert gate(loose, "--policy", bench.policy()).code == 0
    assert gate(loose, "--policy", bench.policy()).says("notes", "limit-of-command-line")
    strict = bench.policy(limits='"acme.a" = { at_most = 0.05 }')
    assert gate(loose, "--policy", strict).code == 1
    strict = bench.policy(gate='limits = { "acme.a:rate" = { at_most = 0.05 } }', limits='"acme.a" = { at_most = 0.9 }')
    decided = gate(loose, "--policy", strict, "--report", bench.folder / "out")
    assert decided.code == 1
    (record,) = merged(bench.folder / "out").checks
    assert (record.outcome, record.measurements[0].limit) == ("FAIL", "at most 0.05")


def test_a_limit_in_the_dangerous_direction_is_refused(bench, gate):
    decided = gate(bench.report("r", bench.check("acme.a")), "--policy", bench.policy(limits='"acme.a" = { at_least = 0.05 }'))
    assert decided.code == 2
    assert "lower values of it are safer" in decided.output


def test_a_level_below_the_policys_is_refused(bench, gate):
    folder = bench.report("r", bench.check("acme.a", level=0.8))
    decided = gate(folder, "--policy", bench.policy("level = 0.95"))
    assert decided.code == 2
    assert decided.says("unjudged", "level")
    assert gate(folder, "--policy", bench.policy("level = 0.8")).code == 0


def test_reliefs_that_the_policy_forbids(bench, gate):
    skipping = bench.report("r", bench.check("acme.a"), inconclusive="skip")
    assert gate(skipping, "--policy", bench.policy()).says("unjudged", "skip")
    assert gate(skipping, "--policy", bench.policy("forbid = []")).code == 0
    cached = bench.report("s", bench.check("acme.a"))
    assert gate(cached, "--policy", bench.policy('forbid = ["cache"]')).says("unjudged", "cache")
    fresh = bench.report("t", bench.check("acme.a"), cache="refresh")
    assert gate(fresh, "--policy", bench.policy('forbid = ["cache"]')).code == 0


def waiver(day: str, check: str = "acme.a") -> str:
    return f'waivers = [{{ check = "{check}", owner = "ann", reason = "known since May", expires = {day} }}]'


def test_a_waiver_lets_a_known_failure_pass_until_it_expires(bench, gate):
    folder = bench.report("r", bench.check("acme.a", 100), bench.check("acme.b"))
    decided = gate(folder, "--policy", bench.policy(waiver("2099-01-31")), "--report", bench.folder / "out")
    assert decided.code == 0
    assert decided.says("waived", "limit")
    assert "waived by ann, until 2099-01-31: known since May" in decided.output
    for view in ("summary.md", "index.html"):
        words = (bench.folder / "out" / view).read_text(encoding="utf-8")
        assert "known since May" in words
        assert "ann" in words
    decided = gate(folder, "--policy", bench.policy(waiver("2020-01-31")))
    assert decided.code == 1
    assert decided.says("blocks", "waiver-expired")


def test_an_expired_waiver_blocks_even_where_the_check_is_only_undecided(bench, gate):
    folder = bench.report("r", bench.check("acme.a", 25), bench.check("acme.b"))
    assert gate(folder, "--policy", bench.policy(waiver("2099-01-31"))).code == 0
    assert gate(folder, "--policy", bench.policy(waiver("2020-01-31"))).code == 1


def test_a_waiver_that_nobody_needs_is_pointed_out(bench, gate):
    folder = bench.report("r", bench.check("acme.a"), bench.check("acme.b"))
    decided = gate(folder, "--policy", bench.policy(waiver("2020-01-31")))
    assert decided.code == 0
    assert decided.says("notes", "waiver-unneeded")
    assert gate(folder, "--policy", bench.policy(waiver("2099-01-31", "acme.z"))).says("notes", "waiver-unused")


def test_a_waived_release_still_needs_something_that_passed(bench, gate):
    decided = gate(bench.report("r", bench.check("acme.a", 100)), "--policy", bench.policy(waiver("2099-01-31")))
    assert decided.code == 2
    assert decided.says("unjudged", "nothing-passed")


def test_one_weak_failure_among_many_verdicts_does_not_block_but_is_no_release(bench, gate):
    weak = bench.check("acme.weak", 36)  # 7.2 % of 500, interval from 5.1 %
    assert weak.outcome == "FAIL"
    alone = gate(bench.report("r", weak, bench.unmeasured("acme.b", "NOT_APPLICABLE")), "--policy", bench.policy())
    assert alone.code == 1
    many = [bench.check(f"acme.c{i}") for i in range(19)]
    decided = gate(bench.report("s", weak, *many), "--policy", bench.policy())
    assert decided.code == 2
    assert decided.says("unjudged", "limit-family")
    assert "among 20 verdicts" in decided.output
    decided = gate(bench.report("t", bench.check("acme.strong", 100), *many), "--policy", bench.policy())
    assert decided.code == 1


def test_every_decision_is_in_every_report(bench, gate):
    rules = Policy(waivers=(Waiver(check="acme.b", owner="o", reason="r", expires=datetime.date(2020, 1, 1)),))
    gate(bench.report("r", bench.check("acme.a", 100), policy=rules), "--report", bench.folder / "out")
    run = merged(bench.folder / "out")
    assert run.decision.answer == "blocked"
    assert run.decision.findings[0].rule == "limit"
    assert {path.name for path in (bench.folder / "out").iterdir()} >= {
        "run.json", "summary.md", "index.html", "results.sarif", "model-index.yml", "record.schema.json", "trust.xml",
    }  # fmt: skip
    for name in ("summary.md", "index.html"):
        assert "block" in (bench.folder / "out" / name).read_text(encoding="utf-8").lower()
