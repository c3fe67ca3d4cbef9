"""bias_change and stereotype_shift on scripted pipelines and judges."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.image_evolution import bias_change, stereotype_shift
from pytest_trustml.reports.evidence import load
from tests.families.image_evolution.scripted import ORIGINS, bias_prompts, broken, heads, run, value

JOBS = {"prompts": bias_prompts(150)}
GENDER = {"attribute_heads": heads("gender", "gender_too"), "pictures_per_prompt": 6}
POOR = {"prompts": bias_prompts(4, 3)}
ORIGIN = {"attribute_heads": heads("origin"), "pictures_per_prompt": 40}


def test_the_same_version_twice_passes(tmp_path):
    record = run(bias_change, tmp_path, JOBS, **GENDER)
    assert record.outcome == "PASS", record.why
    found = value(record, "bias_change")
    assert found.value == 0.0
    assert found.n == 150
    assert value(record, "unknown_rate_change").value == 0.0
    assert "proxy" in found.details["caveat"]


def test_a_version_that_shows_one_gender_alone_fails_and_back_again_passes(tmp_path):
    few = {"prompts": bias_prompts(60)}
    record = run(bias_change, tmp_path, few, new="manly", **GENDER)
    assert record.outcome == "FAIL", record.why
    found = value(record, "bias_change")
    assert found.low > 0.4
    assert found.details["b2_new"] > 0.8 > found.details["b2_previous"]
    assert found.details["skew_new"] < -0.8, "hardly any of the first group, women"
    assert found.details["judges"] == "gender, gender_too"
    amplified = value(record, "amplification_of_gender")
    assert amplified.details["group"] == "woman"
    assert amplified.value > 0.8
    back = run(bias_change, tmp_path, few, old="manly", **GENDER)
    assert value(back, "bias_change").high < 0
    assert value(back, "bias_change").value == pytest.approx(-found.value)
    assert back.outcome == "PASS", back.why


def test_noise_of_another_architecture_is_no_bias(tmp_path):
    """Few pictures make every version look one-sided by B1; B2 does not mind."""
    record = run(bias_change, tmp_path, {"prompts": bias_prompts(60)}, new="cousin", **GENDER)
    found = value(record, "bias_change")
    assert found.low < 0 < found.high
    assert record.outcome == "INCONCLUSIVE", "60 prompts of 6 pictures do not tell 0.03"


def test_few_prompts_are_inconclusive(tmp_path):
    record = run(bias_change, tmp_path, {"prompts": bias_prompts(10)}, new="manly", **GENDER)
    assert record.outcome == "INCONCLUSIVE"
    assert "fewer than the 20" in record.why


def test_more_unknown_groups_are_a_finding(tmp_path):
    record = run(bias_change, tmp_path, {"prompts": bias_prompts(60)}, new="unclear", **GENDER)
    assert record.outcome == "FAIL"
    assert record.why.startswith("unknown_rate_change")
    assert value(record, "unknown_rate_change").low > 0.2


def test_a_version_whose_groups_nobody_can_read_is_invalid(tmp_path):
    record = run(bias_change, tmp_path, {"prompts": bias_prompts(40)}, new="faceless", **GENDER)
    assert record.outcome == "INVALID"
    assert broken(record) == ["the judges can read gender off the new version"]


def test_judges_that_contradict_each_other_read_nothing(tmp_path):
    both = {"attribute_heads": heads("gender", "contrary"), "pictures_per_prompt": 3}
    record = run(bias_change, tmp_path, {"prompts": bias_prompts(30)}, **both)
    assert record.outcome == "INVALID"
    assert len(broken(record)) == 2


@pytest.mark.parametrize("style", ["blank", "constant"])
@pytest.mark.parametrize("check", [bias_change, stereotype_shift])
def test_a_version_that_draws_nothing_never_passes(tmp_path, check, style):
    for old in ("old", style):
        record = run(
            check, tmp_path, {"prompts": bias_prompts(30, 12)}, new=style, old=old, **GENDER | {"pictures_per_prompt": 2}
        )
        assert record.outcome == "INVALID", record.why


def test_nobody_is_asked_without_judges_or_neutral_prompts(tmp_path):
    for check in (bias_change, stereotype_shift):
        record = run(check, tmp_path, JOBS)
        assert record.outcome == "INCONCLUSIVE"
        assert "attribute_heads" in record.why
    record = run(bias_change, tmp_path, {"prompts": bias_prompts(0, 5)}, **GENDER)
    assert "neutral" in record.why
    record = run(stereotype_shift, tmp_path, JOBS, **GENDER)
    assert "no prompt names a trait" in record.why


def test_several_attributes_are_judged_by_the_worst(tmp_path):
    record = run(
        bias_change, tmp_path, {"prompts": bias_prompts(40)}, new="manly",
        attribute_heads=heads("origin", "gender"), pictures_per_prompt=6,
    )  # fmt: skip
    assert record.outcome == "FAIL"
    assert value(record, "bias_change").details["largest"] == "gender"
    assert value(record, "bias_change_of_origin").low < 0 < value(record, "bias_change_of_origin").high


def test_a_trait_that_keeps_its_groups_passes(tmp_path):
    record = run(stereotype_shift, tmp_path, POOR, **ORIGIN)
    assert value(record, "stereotype_shift").value == 0.0
    assert record.outcome == "PASS", record.why
    by_prompt = run(stereotype_shift, tmp_path, {"prompts": bias_prompts(4, 30)}, **ORIGIN | {"pictures_per_prompt": 3})
    assert by_prompt.outcome == "PASS", by_prompt.why
    assert value(by_prompt, "stereotype_shift").details["unit_of_sampling"] == "prompts"


def test_a_trait_that_moves_to_another_group_fails_though_no_index_sees_it(tmp_path):
    record = run(
        stereotype_shift, tmp_path, POOR, new="moved_salted", old="moved", watched_group="White", **ORIGIN
    )  # fmt: skip
    assert record.outcome == "FAIL", record.why
    found = value(record, "stereotype_shift")
    assert found.value == pytest.approx(0.6, abs=0.15)
    assert found.details["top_kept"] is False
    assert found.details["unit_of_sampling"] == "pictures of these prompts"
    watched = value(record, "watched_group_change")
    assert abs(watched.value) < 0.2
    tables = {e.caption: load(tmp_path / "report", e).content for e in record.evidence if e.kind == "table"}
    moved = next(content for caption, content in tables.items() if caption.startswith("How far"))
    row = dict(zip(moved["columns"], moved["rows"][0], strict=True))
    assert (row["top group, previous"], row["top group, new"]) == ("black", "asian")
    assert row["evenness, previous"] == pytest.approx(row["evenness, new"], abs=0.15)
    shown = next(content for caption, content in tables.items() if caption.startswith("Groups shown"))
    assert {row[1] for row in shown["rows"]} == set(ORIGINS)
    assert value(record, "lift_excess").details["group"] == "asian"
    assert value(record, "lift_excess").low > 0


def test_few_pictures_of_a_trait_are_inconclusive(tmp_path):
    record = run(stereotype_shift, tmp_path, POOR, new="cousin", **ORIGIN | {"pictures_per_prompt": 5})
    assert record.outcome == "INCONCLUSIVE", record.why
    assert value(record, "stereotype_shift").value > 0, "a plain distance of two samples is never 0"


def test_traits_that_no_prompt_names_are_refused(tmp_path):
    with pytest.raises(tm.UsageError, match="'rich', which no prompt does"):
        run(stereotype_shift, tmp_path, POOR, traits="rich", **ORIGIN)


def test_the_order_of_prompts_does_not_matter(tmp_path):
    data = {"prompts": bias_prompts(30)}
    shuffled = {"prompts": data["prompts"].sample(30, np.random.default_rng(1))}
    one, other = (run(bias_change, tmp_path, part, new="manly", **GENDER) for part in (data, shuffled))
    first, second = value(one, "bias_change"), value(other, "bias_change")
    assert (first.value, first.low, first.high) == pytest.approx((second.value, second.low, second.high))
