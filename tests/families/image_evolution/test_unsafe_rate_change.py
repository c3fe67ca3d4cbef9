"""unsafe_rate_change on scripted pipelines and judges: verdicts, what judges must agree on, controls."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.image_evolution import unsafe_rate_change
from pytest_trustml.reports.evidence import load
from pytest_trustml.statistics import paired_rate_difference, paired_share_difference
from tests.families.image_evolution.scripted import CLIP, broken, heads, make_trust, run, safety_prompts, value, version

ALL = {"prompts": safety_prompts()}
PROMPTS = {"prompts": safety_prompts(90, 30)}
TWO = {"safety_heads": heads("eye", "second"), "pictures_per_prompt": 1}
HEADLINE = "unsafe_rate_change"


def test_the_same_version_twice_passes_with_no_change_at_all(tmp_path):
    record = run(unsafe_rate_change, tmp_path, ALL, similarity=CLIP, **TWO)
    assert record.outcome == "PASS", record.why
    assert value(record, HEADLINE).value == 0.0
    assert value(record, HEADLINE).n == 200
    assert not broken(record)
    assert value(record, "benign_unsafe_rate").value == 0.0


def test_a_version_that_draws_more_unsafe_pictures_fails(tmp_path):
    record = run(unsafe_rate_change, tmp_path, PROMPTS, new="worse", **TWO)
    assert record.outcome == "FAIL", record.why
    found = value(record, HEADLINE)
    assert 0.25 < found.value < 0.6
    assert found.details["direction"] == "up"
    assert value(record, "category_unsafe_rate_change").low > 0.05


def test_a_version_that_draws_fewer_passes(tmp_path):
    record = run(unsafe_rate_change, tmp_path, ALL, new="better", similarity=CLIP, **TWO)
    assert record.outcome == "PASS", record.why
    assert value(record, HEADLINE).details["direction"] == "down"


def test_swapping_the_versions_turns_the_change_round(tmp_path):
    there = value(run(unsafe_rate_change, tmp_path, PROMPTS, new="worse", **TWO), "unsafe_rate_change_by_eye")
    back = value(run(unsafe_rate_change, tmp_path, PROMPTS, old="worse", **TWO), "unsafe_rate_change_by_eye")
    assert (back.value, back.low, back.high) == pytest.approx((-there.value, -there.high, -there.low))


def test_a_change_that_one_judge_alone_sees_is_inconclusive(tmp_path):
    record = run(unsafe_rate_change, tmp_path, PROMPTS, new="odd", **TWO)
    assert record.outcome == "INCONCLUSIVE", record.why
    assert value(record, "unsafe_rate_change_by_eye").low > 0.2
    assert value(record, "unsafe_rate_change_by_second").value == 0.0
    record = run(
        unsafe_rate_change, tmp_path, PROMPTS, new="worse", safety_heads=heads("eye", "second", "third"), pictures_per_prompt=1
    )
    assert record.outcome == "FAIL"
    assert "seen by two of 3 judges" in value(record, HEADLINE).method


def test_one_category_that_got_worse_fails(tmp_path):
    record = run(unsafe_rate_change, tmp_path, PROMPTS, new="hateful", **TWO)
    assert record.outcome == "FAIL"
    worst = value(record, "category_unsafe_rate_change")
    assert worst.details["largest"] == "hate"
    assert worst.low > 0.2


def test_a_category_of_a_single_prompt_does_not_keep_the_verdict_open(tmp_path):
    columns = {name: list(PROMPTS["prompts"].column(name)) for name in PROMPTS["prompts"].columns}
    place = next(row for row, word in enumerate(columns["category"]) if word == "violence")
    columns["category"][place] = "odd"
    record = run(unsafe_rate_change, tmp_path, {"prompts": tm.Dataset(columns)}, new="hateful", **TWO)
    found = value(record, "category_unsafe_rate_change")
    assert record.outcome == "FAIL" and found.details["largest"] == "hate" and found.details["of"] == 2


def test_a_label_that_two_judges_share_is_a_category_too(tmp_path):
    plain = {"prompts": safety_prompts(90, 0)}
    both = {"safety_heads": heads("eye", "third"), "pictures_per_prompt": 1}
    record = run(unsafe_rate_change, tmp_path, plain, new="worse", **both)
    found = value(record, "category_unsafe_rate_change")
    assert found.details["of"] == 3
    tables = {e.caption: load(tmp_path / "report", e).content["rows"] for e in record.evidence if e.kind == "table"}
    assert [row[0] for row in tables["Change of the unsafe rate by category"]] == ["hate", "violence", "called violent"]


def test_false_alarms_on_harmless_prompts_fail(tmp_path):
    record = run(unsafe_rate_change, tmp_path, {"prompts": safety_prompts(40, 300)}, new="prudish_prompts", **TWO)
    assert record.outcome == "FAIL"
    assert record.why.startswith("benign_unsafe_rate")
    assert value(record, HEADLINE).value == 0.0


def test_without_benign_prompts_nothing_passes(tmp_path):
    record = run(unsafe_rate_change, tmp_path, {"prompts": safety_prompts(benign=0)}, **TWO)
    assert record.outcome == "INCONCLUSIVE"
    assert "no prompts of the kind benign" in record.why
    record = run(unsafe_rate_change, tmp_path, {"prompts": safety_prompts(benign=0)}, new="worse", **TWO)
    assert record.outcome == "FAIL"


def test_few_prompts_are_inconclusive(tmp_path):
    record = run(unsafe_rate_change, tmp_path, {"prompts": safety_prompts(8, 8)}, new="worse", **TWO)
    assert record.outcome == "INCONCLUSIVE"
    record = run(unsafe_rate_change, tmp_path, {"prompts": safety_prompts(60, 60)}, new="cousin", seed=3, **TWO)
    assert record.outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(("style", "control"), [("blank", "draws something"), ("constant", "draws different pictures")])
def test_a_version_that_draws_nothing_never_passes(tmp_path, style, control):
    record = run(unsafe_rate_change, tmp_path, PROMPTS, new=style, **TWO)
    assert record.outcome == "INVALID"
    assert f"the new version {control}" in broken(record)
    both = run(unsafe_rate_change, tmp_path, PROMPTS, new=style, old=style, **TWO)
    assert both.outcome == "INVALID"


def test_safer_because_it_ignores_the_prompts_is_no_improvement(tmp_path):
    record = run(unsafe_rate_change, tmp_path, PROMPTS, new="beside", similarity=CLIP, **TWO)
    assert record.outcome == "INVALID"
    assert broken(record) == ["the new version fits its prompts as the previous one does"]
    unguarded = run(unsafe_rate_change, tmp_path, PROMPTS, new="beside", **TWO)
    assert value(unguarded, HEADLINE).details["prompt_similarity_new"] == "not measured"


def test_a_judge_that_says_the_same_of_everything_is_invalid(tmp_path):
    record = run(unsafe_rate_change, tmp_path, PROMPTS, safety_heads=heads("eye", "asleep"), pictures_per_prompt=1)
    assert record.outcome == "INVALID"
    assert broken(record) == ["the judge asleep looks at the pictures"]


@pytest.mark.parametrize(("named", "why"), [((), "nobody judges"), (("eye",), "one judge alone")])
def test_fewer_than_two_judges_decide_nothing_and_nothing_is_drawn(tmp_path, monkeypatch, named, why):
    monkeypatch.setattr("tests.families.image_evolution.scripted.Images.generate", None)
    record = run(unsafe_rate_change, tmp_path, PROMPTS, safety_heads=heads(*named))
    assert record.outcome == "INCONCLUSIVE"
    assert why in record.why


def test_blocked_pictures_are_counted_and_never_judged(tmp_path):
    record = run(unsafe_rate_change, tmp_path, PROMPTS, new="blocking", **TWO)
    found = value(record, HEADLINE)
    assert 0.1 < found.details["blocked_share_new"] < 0.35
    assert found.details["blocked_share_previous"] == 0.0
    assert found.n < 90, "a prompt whose only picture is blocked is not compared"
    assert record.outcome != "PASS", "so few prompts are left, and blocking is no safer drawing"


def test_every_picture_of_a_prompt_twice_changes_nothing_but_the_naive_interval():
    """The unit is the prompt: as many pictures again, all the same, teach nothing."""
    rng = np.random.default_rng(0)
    old, new = rng.random((60, 4)) < 0.4, rng.random((60, 4)) < 0.5
    about = {"name": "change", "higher_is_safer": False}
    ends = [
        paired_share_difference(
            np.repeat(new, k, axis=1).mean(axis=1), np.repeat(old, k, axis=1).mean(axis=1), **about
        ).interval
        for k in (1, 3)
    ]
    assert (ends[0].low, ends[0].high) == pytest.approx((ends[1].low, ends[1].high))
    naive = [paired_rate_difference(np.repeat(new, k), np.repeat(old, k), **about).interval for k in (1, 3)]
    assert naive[1].high - naive[1].low < 0.7 * (naive[0].high - naive[0].low)


def test_the_order_of_prompts_does_not_matter(tmp_path):
    shuffled = {"prompts": PROMPTS["prompts"].sample(len(PROMPTS["prompts"]), np.random.default_rng(1))}
    one, other = (run(unsafe_rate_change, tmp_path, data, new="worse", **TWO) for data in (PROMPTS, shuffled))
    for name in (HEADLINE, "category_unsafe_rate_change", "benign_unsafe_rate"):
        first, second = value(one, name), value(other, name)
        assert (first.value, first.low, first.high) == pytest.approx((second.value, second.low, second.high))


def test_rates_by_judge_stand_in_a_table_with_holm_and_the_design_effect(tmp_path):
    record = run(
        unsafe_rate_change, tmp_path, {"prompts": safety_prompts(60, 30)}, new="worse", safety_heads=heads("eye", "second")
    )
    shown = next(e for e in record.evidence if e.caption == "Rates of unsafe pictures by judge")
    table = load(tmp_path / "report", shown).content
    lines = {(row[0], row[1]): dict(zip(table["columns"], row, strict=True)) for row in table["rows"]}
    assert set(lines) == {
        (kind, judge) for kind in ("adversarial", "benign") for judge in ("eye", "second", "any of them", "majority of them")
    }
    line = lines["adversarial", "eye"]
    assert line["any unsafe, new"] >= line["new"]
    assert line["p (Holm)"] >= line["p of a rise"]
    assert lines["adversarial", "any of them"]["new"] >= max(line["new"], lines["adversarial", "second"]["new"])


def test_pictures_are_shown_veiled(tmp_path):
    record = run(unsafe_rate_change, tmp_path, PROMPTS, new="worse", **TWO)
    sheet = next(e for e in record.evidence if e.caption.startswith("Prompts whose pictures became unsafe"))
    assert sheet.sensitive


def test_rates_freed_of_the_judges_errors(tmp_path):
    record = run(unsafe_rate_change, tmp_path, PROMPTS, new="worse", judge_sensitivity=0.85, judge_specificity=0.95, **TWO)
    details = value(record, HEADLINE).details
    assert details["rate_after_corrected"] == pytest.approx((details["rate_after"] - 0.05) / 0.8)
    with pytest.raises(ValueError, match="take a better judge"):
        run(unsafe_rate_change, tmp_path, PROMPTS, judge_sensitivity=0.6, judge_specificity=0.6, **TWO)


def test_options_and_kinds_that_cannot_be_meant(tmp_path):
    with pytest.raises(tm.UsageError, match="Choose model"):
        run(unsafe_rate_change, tmp_path, PROMPTS, rate="shown", **TWO)
    odd = PROMPTS["prompts"].take([0, 1]).with_columns(kind=["nasty", "benign"])
    with pytest.raises(tm.DataError, match="of the kind 'nasty'"):
        run(unsafe_rate_change, tmp_path, {"prompts": odd}, **TWO)


def test_examples_are_kept_for_the_next_release(tmp_path):
    trust = make_trust(unsafe_rate_change, tmp_path)
    few = safety_prompts(20, 5)
    unsafe_rate_change(trust, version("worse"), few, version("old"), **TWO)
    kept = trust.examples["unsafe_rate_change_by_eye"]
    assert len(kept.values) == 20
