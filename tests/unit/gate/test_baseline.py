"""The gate beside the last release: the same bytes, a surely worse release, rules that became weaker."""

from __future__ import annotations

import msgspec
import pytest

import pytest_trustml as tm
from pytest_trustml.result.policy import Policy
from pytest_trustml.result.verdict import AtMost
from tests.unit.gate.conftest import OLD, merged

HALF = AtMost(0.5)


def both(bench, now: int, then: int, n: int = 500, limit=HALF, **policy):
    """Report folders of two releases that were asked the same questions."""
    new = bench.report("new", bench.check("acme.a", now, n, limit, store=bench.store("new")))
    old_check = bench.check("acme.a", then, n, limit, store=bench.store("old"), fingerprint=OLD)
    old = bench.report("old", old_check, policy=Policy(**policy))
    return new, old


def test_a_surely_worse_release_is_blocked_although_it_meets_every_limit(bench, gate):
    new, old = both(bench, 60, 20)
    assert gate(new, "--policy", bench.policy()).code == 0
    decided = gate(new, "--policy", bench.policy(), "--baseline", old, "--report", bench.folder / "out")
    assert decided.code == 1
    assert decided.says("blocks", "worse")
    (record,) = merged(bench.folder / "out").checks
    assert record.outcome == "FAIL"
    (change,) = record.comparisons
    assert change.outcome == "WORSE"
    assert (change.before, change.after, change.n) == (0.04, 0.12, 500)
    assert change.change == pytest.approx(0.08)


def test_a_release_that_is_no_worse_goes_out(bench, gate):
    for now, then in ((20, 60), (20, 20), (22, 20)):
        new, old = both(bench, now, then)
        decided = gate(new, "--policy", bench.policy('regression = "unshown"'), "--baseline", old / "run.json")
        assert decided.code == 0, decided.output


def test_what_cannot_be_told_is_up_to_the_policy(bench, gate):
    new, old = both(bench, 9, 7, 60)
    decided = gate(new, "--policy", bench.policy(), "--baseline", old)
    assert decided.code == 0
    assert decided.says("notes", "cannot-tell")
    decided = gate(new, "--policy", bench.policy('regression = "unshown"'), "--baseline", old)
    assert decided.code == 2
    assert decided.says("unjudged", "cannot-tell")
    wide = bench.policy('regression = "unshown"\nmargins = { "acme.a" = 0.5 }')
    assert gate(new, "--policy", wide, "--baseline", old).code == 0


def test_a_release_is_not_compared_with_itself(bench, gate):
    new, _ = both(bench, 20, 20)
    decided = gate(new, "--policy", bench.policy(), "--baseline", new)
    assert decided.code == 2
    assert decided.says("unjudged", "same-bytes")


def test_a_baseline_that_cannot_be_read_is_no_release(bench, gate):
    new, old = both(bench, 20, 20)
    assert gate(new, "--policy", bench.policy(), "--baseline", bench.folder / "none").says("unjudged", "baseline-unreadable")
    (old / "run.json").write_bytes(b"{")
    assert gate(new, "--policy", bench.policy(), "--baseline", old).code == 2


def test_other_data_cannot_be_compared(bench, gate):
    new, old = both(bench, 20, 20)
    run = merged(old)
    data = {"prompts": msgspec.structs.replace(run.checks[0].data["prompts"], fingerprint="99" * 32)}
    bench.report("old", msgspec.structs.replace(run.checks[0], data=data))
    decided = gate(new, "--policy", bench.policy(), "--baseline", old)
    assert decided.code == 2
    assert decided.says("unjudged", "not-compared")
    assert "prompts" in decided.output


def test_a_new_check_has_nothing_to_be_compared_with(bench, gate):
    new, old = both(bench, 20, 20)
    store = bench.store("new")
    bench.report("new", bench.check("acme.a", 20, store=store, limit=AtMost(0.5)), bench.check("acme.b", store=store))
    decided = gate(new, "--policy", bench.policy(), "--baseline", old)
    assert decided.code == 0, decided.output
    assert decided.says("notes", "not-compared")


@pytest.mark.parametrize(
    ("rules", "then", "words"),
    [
        ('required = ["acme.b"]', {"required": ("acme.a",)}, "acme.a"),
        ('required = ["acme.b"]', {}, "acme.a"),
        ("level = 0.9", {}, "least level was 0.95 and is 0.9"),
        ("family_error = 0.01", {}, "blocks less"),
        ("forbid = []", {}, "'skip' was forbidden"),
        ("", {"regression": "unshown"}, "unshown regression"),
        ('margins = { "acme.a" = 0.05 }', {"margins": {"acme.a": 0.02}}, "margin"),
    ],
)
def test_weaker_rules_than_the_baselines_block(bench, gate, rules, then, words):
    new, old = both(bench, 20, 20, **then)
    assert not gate(new, "--policy", bench.policy(rules), "--baseline", old).says("blocks", "loosened")
    decided = gate(new, "--policy", bench.policy(f"{rules}\nforbid_loosening = true"), "--baseline", old)
    assert decided.code == 1
    assert decided.says("blocks", "loosened")
    assert words in decided.output


def test_a_weaker_limit_than_the_baselines_blocks(bench, gate):
    new, old = both(bench, 20, 20)
    policy = bench.policy("forbid_loosening = true", limits='"acme.a" = { at_most = 0.6 }')
    decided = gate(new, "--policy", policy, "--baseline", old)
    assert decided.says("blocks", "loosened")
    assert "the limit of rate was at most 0.5 and is at most 0.6" in decided.output
    tighter = bench.policy("forbid_loosening = true", limits='"acme.a" = { at_most = 0.4 }')
    assert gate(new, "--policy", tighter, "--baseline", old).code == 0


def test_a_baseline_that_forbade_loosening_still_does(bench, gate):
    new, old = both(bench, 20, 20, forbid_loosening=True)
    assert gate(new, "--policy", bench.policy(), "--baseline", old).says("blocks", "loosened")


def test_forbidding_loosening_needs_a_baseline(bench, gate):
    new, _ = both(bench, 20, 20)
    decided = gate(new, "--policy", bench.policy("forbid_loosening = true"))
    assert decided.code == 2
    assert decided.says("unjudged", "no-baseline")


def test_the_record_must_be_that_of_the_files_that_go_out(bench, gate, tmp_path, monkeypatch):
    (tmp_path / "toy_models.py").write_text(
        "class Toy:\n    fingerprint = 'toy-1'\n    def generate(self, prompts, **more): return prompts\n"
        "def one(): return Toy()\n"
        "def two():\n    toy = Toy()\n    toy.fingerprint = 'toy-2'\n    return toy\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    fingerprint = tm.open_subject("py:toy_models:one").fingerprint
    folder = bench.report("r", bench.check("acme.a", fingerprint=fingerprint))
    assert gate(folder, "--policy", bench.policy(), "--model", "py:toy_models:one").code == 0
    decided = gate(folder, "--policy", bench.policy(), "--model", "py:toy_models:two")
    assert decided.code == 2
    assert decided.says("unjudged", "another-artefact")
    decided = gate(folder, "--policy", bench.policy(), "--model", "./nowhere")
    assert decided.code == 2
    assert decided.says("unjudged", "artefact-unreadable")
