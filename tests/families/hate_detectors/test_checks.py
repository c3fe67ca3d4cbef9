"""The checks on detectors whose truth is planted: brittle ones fail, sound ones pass, and what says nothing never passes."""

from __future__ import annotations

import json

import numpy as np
import pytest

import builtin_checks.hate_detectors as family
import pytest_trustml as tm
from tests.families.hate_detectors.running import run, value
from tests.families.hate_detectors.scripted import RUDE, Scripted, Suited, posts, suite

CHECKS = {name: getattr(family, name) for name in family.__all__}
POSTS = posts(400)
SUITE = suite()
GIVEN = {"texts": POSTS, "suite": SUITE}
FEW = {"budgets": "40,100", "max_texts": 40, "max_queries": 40}
SMALL = {"campaign": FEW, "evasion": {"max_texts": 40, "max_queries": 40}}
GROUPED = posts(1200, ("Blorbs", "Zindles", "Quimpets"))


def data_of(name):
    return {**GIVEN, "texts": GROUPED} if name == "group_gap" else GIVEN


def sound(name):
    return Suited(SUITE) if name == "functional" else Scripted("hardened", data_of(name)["texts"])


@pytest.fixture(params=sorted(CHECKS), ids=lambda name: name)
def name(request):
    return request.param


def test_a_sound_detector_passes(name, tmp_path):
    record = run(CHECKS[name], sound(name), tmp_path, data_of(name), **SMALL.get(name, {}))
    assert record.outcome == "PASS", (record.why, record.controls)
    assert all(control.ok for control in record.controls) and record.controls


BAD = {
    "quality": "old",
    "generator_drift": "old",
    "group_gap": "partial",
    "functional": "keywords",
    "evasion": "keywords",
    "campaign": "keywords",
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_bad_detector_fails(name, tmp_path):
    data = GIVEN if name != "group_gap" else {"texts": posts(800)}
    record = run(CHECKS[name], Scripted(BAD[name]), tmp_path, data, **SMALL.get(name, {}))
    assert record.outcome == "FAIL", (record.why, record.controls)


@pytest.mark.parametrize("style", ["constant", "silent", "blank", "always", "never", "swapped"])
def test_a_detector_that_says_one_thing_or_the_wrong_one_is_a_broken_instrument(name, style, tmp_path):
    record = run(CHECKS[name], Scripted(style), tmp_path, {**GIVEN, "texts": posts(200)}, **SMALL.get(name, {}))
    if (name, style) == ("functional", "swapped"):
        assert record.outcome == "FAIL", "cases that are made to mislead cannot tell which label means hate"
        return
    assert record.outcome == "INVALID", record.why
    assert any(not control.ok for control in record.controls)


def test_a_detector_that_guesses_never_passes(name, tmp_path):
    record = run(CHECKS[name], Scripted("random"), tmp_path, data_of(name), **SMALL.get(name, {}))
    assert record.outcome in ("FAIL", "INVALID"), record.why


def test_five_texts_decide_nothing(name, tmp_path):
    alone = [row for row, name in enumerate(SUITE.column("functionality")) if name == "ident_neutral_nh"]
    few = {"texts": POSTS.take(range(5)), "suite": SUITE.take([0, 1, 2, *alone[:2]])}
    model = Suited(few["suite"]) if name == "functional" else Scripted("hardened", few["texts"])
    assert run(CHECKS[name], model, tmp_path, few).outcome == "INCONCLUSIVE"
    assert run(CHECKS[name], Scripted("keywords"), tmp_path, few).outcome in ("INCONCLUSIVE", "INVALID")


def test_numbers_that_are_none_are_an_error(name, tmp_path):
    with pytest.raises(tm.SubjectError, match="no finite number for"):
        run(CHECKS[name], Scripted("nan"), tmp_path, GIVEN)


def test_texts_of_one_class_are_undefined_with_the_reason(tmp_path):
    only = POSTS.where("label", "non-hateful")
    model = Scripted("keywords")
    record = run(CHECKS["quality"], model, tmp_path, {"texts": only})
    assert record.outcome == "INCONCLUSIVE"
    assert "no hateful texts" in value(record, "recall").why or "no hateful texts" in record.why
    assert value(record, "f1_hate").value == value(record, "auroc").value == "undefined"
    attacked = run(CHECKS["evasion"], model, tmp_path, {"texts": only})
    assert attacked.outcome == "INCONCLUSIVE" and "no hateful texts to attack" in attacked.why


def test_both_f1_are_reported_by_name(tmp_path):
    record = run(CHECKS["quality"], Scripted("old"), tmp_path, GIVEN)
    assert value(record, "recall").value == 0.5 and value(record, "fpr").value == 0
    assert value(record, "f1_hate").value == pytest.approx(2 / 3)
    assert value(record, "f1_macro").value == pytest.approx((2 / 3 + 0.8) / 2)
    assert value(record, "recall").clusters == 100, "prompts are the clusters where the data have them"
    assert value(record, "recall").examples != "none", "releases can be compared text by text"


def test_a_new_generator_that_is_missed_is_told_by_pairs(tmp_path):
    record = run(CHECKS["generator_drift"], Scripted("old"), tmp_path, GIVEN)
    drop = value(record, "f1_macro_change")
    assert drop.details["design"] == "paired by prompt" and drop.high < -0.1
    assert value(record, "recall_change").value == -1 and value(record, "fpr_change").value == 0
    alone = posts(400).with_columns(prompt_id=[f"own-{i}" for i in range(400)])
    other = run(CHECKS["generator_drift"], Scripted("old"), tmp_path, {"texts": alone}, old="g1", new="g2")
    assert value(other, "f1_macro_change").details["design"] == "independent"
    assert value(other, "f1_macro_change").value == drop.value and other.outcome == "FAIL"


def test_generators_must_be_named(tmp_path):
    bare = tm.Dataset({name: POSTS.column(name) for name in ("text", "label", "generator")})
    model, check = Scripted("keywords"), CHECKS["generator_drift"]
    with pytest.raises(tm.UsageError, match="which generator is the older"):
        run(check, model, tmp_path, {"texts": bare})
    with pytest.raises(tm.UsageError, match="'g1', 'g2'"):
        run(check, model, tmp_path, {"texts": bare}, old="g1", new="gpt")
    with pytest.raises(tm.UsageError, match="same generator"):
        run(check, model, tmp_path, {"texts": bare}, old="g1", new="g1,g2")


def test_the_group_that_is_overlooked_is_named(tmp_path):
    record = run(CHECKS["group_gap"], Scripted("partial"), tmp_path, {"texts": posts(800)})
    gap = value(record, "recall_gap")
    assert gap.value == 1 and gap.details["lowest"] == "Morvians" and gap.low > 0.8
    assert value(record, "fpr_gap").value == 0
    table = next(e for e in record.evidence if e.kind == "table")
    rows = json.loads((tmp_path / "report" / table.path).read_text())["rows"]
    assert table.sensitive
    assert [row[0] for row in rows if row[-1] == "worst" and row[1] == "recall"] == ["Morvians"]
    assert next(row for row in rows if row[:2] == ["Morvians", "recall"])[6] < 1e-10


def test_small_groups_are_insufficient(tmp_path):
    record = run(CHECKS["group_gap"], Scripted("keywords"), tmp_path, {"texts": posts(100)})
    assert record.outcome == "INCONCLUSIVE" and "insufficient: 4" in record.why


def test_two_halves_of_the_functional_tests_hold_each_other(tmp_path):
    """Bad at misspelling fails one, bad at contrast fails the other, and nothing can pass both by one answer."""
    spelling = {n for n in SUITE.column("functionality") if n.startswith("spell_")}
    contrast = {"ident_pos_nh", "negate_neg_nh", "counter_quote_nh", "counter_ref_nh"}
    blind = run(CHECKS["functional"], Suited(SUITE, spelling), tmp_path, GIVEN)
    assert value(blind, "obfuscation_evasion").outcome == "FAIL" and value(blind, "contrast_accuracy").outcome == "PASS"
    harsh = run(CHECKS["functional"], Suited(SUITE, contrast), tmp_path, GIVEN)
    assert value(harsh, "obfuscation_evasion").outcome == "PASS" and value(harsh, "contrast_accuracy").outcome == "FAIL"
    assert value(harsh, "contrast_accuracy").value == 0


def test_one_functionality_that_is_missed_is_enough(tmp_path):
    record = run(CHECKS["functional"], Suited(SUITE, {"threat_dir_h"}), tmp_path, GIVEN)
    worst = value(record, "worst_functionality_accuracy")
    assert worst.value == 0 and worst.outcome == "FAIL"
    assert worst.details["worst_by_the_unfavourable_end"] == "threat_dir_h"
    assert value(record, "macro_accuracy").value == pytest.approx(18 / 19)


def test_a_suite_with_a_lost_reference_is_refused(tmp_path):
    rows = [i for i, name in enumerate(SUITE.column("functionality")) if name != "derog_dehum_h"]
    with pytest.raises(tm.DataError, match="Give the whole suite"):
        run(CHECKS["functional"], Scripted("keywords"), tmp_path, {"suite": SUITE.take(rows)})


def test_an_attack_is_told_with_everything_that_it_depends_on(tmp_path):
    record = run(CHECKS["evasion"], Scripted("keywords"), tmp_path, GIVEN, max_texts=60)
    rate = value(record, "attack_success_rate")
    assert rate.value > 0.9 and rate.n == 60
    for key in ("attack", "max_queries", "max_edit_ratio", "label_only", "seed", "threshold", "queries_success_median"):
        assert key in rate.details
    assert rate.details["accuracy_under_attack"] == pytest.approx(1 - rate.details["total_evasion"])
    assert value(record, "random_edit_rate").value < 0.3 < rate.value, "the search does it, not the typos"
    assert value(record, "robust_evasion_rate").value <= rate.value
    assert value(record, "canonical_success_rate").value != "undefined"


def test_only_true_positives_are_attacked(tmp_path):
    record = run(CHECKS["evasion"], Scripted("old"), tmp_path, GIVEN, max_texts=400)
    rate = value(record, "attack_success_rate")
    assert (rate.n, rate.details["texts_given"], rate.details["texts_missed_anyway"]) == (100, 200, 100)
    assert value(record, "total_evasion").value >= 0.5


def test_the_report_of_an_attack_shows_no_words_unless_asked(tmp_path):
    for show in (False, True):
        folder = tmp_path / str(show)
        record = run(CHECKS["evasion"], Scripted("keywords"), folder, GIVEN, max_texts=40, show_texts=show)
        told = "".join((folder / "report" / e.path).read_text() for e in record.evidence)
        assert any(word in told for word in (*RUDE, "umbrellas")) is show
        assert not any(word in record.why for word in RUDE)
        shown = [e for e in record.evidence if "evade" in e.caption]
        assert shown and all(e.sensitive for e in shown)


def test_labels_alone_are_enough_to_break_keywords(tmp_path):
    record = run(CHECKS["evasion"], Scripted("keywords"), tmp_path, GIVEN, max_texts=40, label_only=True)
    assert "robust_evasion_rate" not in [m.name for m in record.measurements]
    assert value(record, "attack_success_rate").value > 0.2


def test_a_search_that_breaks_nothing_is_no_instrument(tmp_path):
    record = run(CHECKS["evasion"], Scripted("hardened", POSTS), tmp_path, GIVEN, max_texts=40, max_queries=2)
    assert record.outcome == "INVALID" and "too weak" in record.why


def test_the_second_run_asks_nothing(name, tmp_path):
    model = sound(name)
    run(CHECKS[name], model, tmp_path, data_of(name), **SMALL.get(name, {}))
    asked = model.classifier.calls
    assert asked > 0
    run(CHECKS[name], model, tmp_path, data_of(name), **SMALL.get(name, {}))
    assert model.classifier.calls == asked


def test_the_order_of_the_rows_changes_nothing(tmp_path):
    order = np.random.default_rng(0).permutation(len(POSTS))
    for name in ("quality", "evasion"):
        first, second = (
            run(CHECKS[name], Scripted("keywords"), tmp_path, {"texts": data}, **SMALL.get(name, {}))
            for data in (POSTS, POSTS.take(order))
        )
        for one, other in zip(first.measurements, second.measurements, strict=True):
            assert one.value == pytest.approx(other.value), one.name


def test_a_stolen_copy_is_measured_on_posts_that_it_was_not_trained_on(tmp_path):
    record = run(CHECKS["campaign"], Scripted("keywords"), tmp_path, GIVEN, **FEW)
    assert value(record, "surrogate_agreement").n == 200
    assert value(record, "surrogate_kappa").value > 0.8
    assert value(record, "transfer_success_rate").details["budget"] == 100
    assert value(record, "query_saving").value > 1
    own = posts(300).with_columns(text=[f"{text} again" for text in posts(300).column("text")])
    other = run(CHECKS["campaign"], Scripted("keywords"), tmp_path, {**GIVEN, "queries": own}, **FEW)
    assert value(other, "surrogate_agreement").n == len(POSTS)


def test_budgets_that_cannot_be_met_are_told(tmp_path):
    record = run(CHECKS["campaign"], Scripted("keywords"), tmp_path, GIVEN, budgets="1000")
    assert record.outcome == "INCONCLUSIVE" and "200 posts to ask about" in record.why
    with pytest.raises(tm.UsageError, match="budgets"):
        run(CHECKS["campaign"], Scripted("keywords"), tmp_path, GIVEN, budgets="many")


def test_every_page_says_what_it_must(name):
    page = CHECKS[name].page
    for heading in ("What is compared", "What it does not show", "Smallest sensible n", "Controls", "References", "Parameters"):
        assert heading in page, heading
    explained = page.partition("Parameters")[2]
    assert all(option in explained for option in CHECKS[name].options), "every option is explained"
    assert len(CHECKS[name].summary) < 135
