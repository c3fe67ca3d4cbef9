"""The checks on planted models: what exposes the valuable records fails, what cannot passes, what is broken is neither."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.data_importance import calibrated_membership, exposure_gap
from pytest_trustml.reports.evidence import load

CHECKS = [exposure_gap, calibrated_membership]


def broken(record):
    return [control.name for control in record.controls if not control.ok]


def measured(record):
    return {measurement.name: measurement for measurement in record.measurements}


@pytest.mark.parametrize("threshold", ["matched", "common"])
def test_a_model_that_learnt_the_valuable_records_by_heart_fails(judge, threshold):
    record = judge(exposure_gap, "exposed", threshold=threshold)
    assert record.outcome == "FAIL", record.why
    assert not broken(record)
    details = record.measurements[0].details
    assert details["permutation_p"] < 1e-6
    assert (details["groups"], details["features"], details["validation"]) == (5, "pixels at 16 x 16", 400)
    found = measured(record)
    assert found["top_success"].value - found["bottom_success"].value == pytest.approx(found["exposure_difference"].value)
    assert found["value_score_correlation"].value > 0.3
    assert found["value_score_correlation"].details["permutation_p"] == 0.001
    assert found["top_accuracy"].value > found["bottom_accuracy"].value


@pytest.mark.parametrize("threshold", ["matched", "common"])
def test_a_model_that_never_saw_a_member_passes(judge, threshold):
    record = judge(exposure_gap, "careful", threshold=threshold)
    assert record.outcome == "PASS", record.why
    assert not broken(record)


@pytest.mark.slow
def test_difficulty_alone_never_fails_at_a_common_threshold(judge, releases):
    """Records that show their class strongly are flagged more often by a model that saw none of them."""
    sets = releases.strong_sets()
    record = judge(exposure_gap, "careful", threshold="common", fpr=0.05, **sets)
    assert record.measurements[0].details["common_low"] > 1
    assert record.outcome != "FAIL"
    few = judge(
        exposure_gap, "careful", threshold="common", **{**sets, "nonmembers": releases.take(sets["nonmembers"], range(60))}
    )
    assert "19 equally important" in few.measurements[0].details["matched_gap"]
    assert few.measurements[0].low <= 1


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
@pytest.mark.parametrize("model", ["constant", "blank"])
def test_a_model_that_says_nothing_is_invalid(judge, check, model):
    record = judge(check, model)
    assert (record.outcome, broken(record)) == ("INVALID", ["the classifier works"])
    assert record.measurements[0].value == "undefined"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
@pytest.mark.parametrize("model", ["exposed", "careful"])
def test_five_records_are_inconclusive(judge, releases, check, model):
    five = {name: releases.take(releases.SETS[name], releases.known_rows(name)) for name in ("members", "nonmembers")}
    record = judge(check, model, population=None, **five)
    assert record.outcome == "INCONCLUSIVE", record.why


def test_importance_that_comes_from_the_judged_model_is_invalid(judge):
    record = judge(exposure_gap, "exposed", "exposed")
    assert (record.outcome, broken(record)) == ("INVALID", ["importance without the model"])


@pytest.mark.slow
def test_an_encoder_may_value_the_records(judge):
    record = judge(exposure_gap, "exposed", "careful")
    assert not broken(record)
    assert record.measurements[0].details["features"] == "embeddings of the reference model"
    assert (
        judge(exposure_gap, "exposed", "careful", features="content").measurements[0].details["features"].startswith("pixels")
    )


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_an_encoder_without_classes_is_not_judged(judge, check):
    record = judge(check, "encoder_only")
    assert record.outcome == "INCONCLUSIVE"
    assert "classifier" in record.why


def test_embeddings_that_do_not_vary_are_invalid(judge):
    record = judge(exposure_gap, "exposed", "dead")
    assert (record.outcome, broken(record)) == ("INVALID", ["embeddings vary"])


def test_embeddings_that_say_nothing_about_the_classes_are_invalid(judge):
    record = judge(exposure_gap, "exposed", "upside_down")
    assert record.outcome == "INVALID"
    assert broken(record) == ["importance works"]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_member_among_the_others_is_invalid(judge, releases, check):
    leaked = releases.take(releases.SETS["nonmembers"], range(400))
    leaked["image"] = leaked["image"].copy()
    leaked["image"][7] = releases.SETS["members"]["image"][3]
    record = judge(check, "careful", nonmembers=leaked)
    assert (record.outcome, broken(record)) == ("INVALID", ["separate sets"])
    assert "1 records stand in two sets" in record.why


def test_half_of_the_nonmembers_value_where_there_is_no_population(judge):
    details = judge(exposure_gap, "careful", population=None).measurements[0].details
    assert (details["validation"], details["heldout"]) == (600, 600)


@pytest.mark.slow
def test_the_order_of_the_rows_does_not_matter(judge, releases):
    rows = np.random.default_rng(0).permutation(1000)
    data = tm.Dataset(releases.SETS["members"])
    one, other = (judge(exposure_gap, "exposed", members=each).measurements[0] for each in (data, data.take(rows)))
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


def test_an_attribute_that_the_embeddings_show_is_inferred_in_both_strata(judge):
    record = judge(exposure_gap, "careful", attack="attribute", attribute="group")
    found = measured(record)
    assert record.outcome == "PASS", record.why
    assert found["exposure_gap"].details["chance"] == pytest.approx(0.5, abs=0.05)
    assert min(found["top_success"].value, found["bottom_success"].value) > 0.6
    with pytest.raises(tm.UsageError, match="needs the option attribute"):
        judge(exposure_gap, "careful", attack="attribute")


@pytest.mark.parametrize("criterion", ["bins", "standardised", "quantile"])
def test_knowing_the_importance_helps_where_levels_differ(judge, releases, criterion):
    record = judge(calibrated_membership, "levelled", criterion=criterion, fpr=0.1, **releases.strong_sets())
    assert record.outcome == "FAIL", record.why
    found = measured(record)
    assert found["calibrated_tpr"].value > found["plain_tpr"].value + 0.1
    assert found["calibrated_fpr"].value < 0.16
    assert not broken(record)


@pytest.mark.parametrize("criterion", ["bins", "standardised", "quantile"])
def test_nothing_is_gained_from_a_model_that_never_saw_a_member(judge, tmp_path, criterion):
    record = judge(calibrated_membership, "careful", criterion=criterion)
    assert record.outcome == "PASS", record.why
    (table,) = record.measurements[0].evidence
    rows = load(tmp_path, table).content["rows"]
    assert [row[0] for row in rows] == ["one threshold", "bins", "standardised", "quantile"]


def test_bins_without_enough_records_are_undefined(judge):
    record = judge(calibrated_membership, "careful", fpr=0.01, bins=20)
    assert record.outcome == "INCONCLUSIVE"
    assert "99 known non-members" in record.why


def test_records_are_shown_and_folded_away(judge, tmp_path):
    strata, curve, gallery = judge(exposure_gap, "exposed", top=3).measurements[0].evidence
    assert (strata.kind, curve.kind, gallery.kind) == ("table", "curve", "gallery")
    assert gallery.sensitive
    rows = load(tmp_path, strata).content["rows"]
    assert [row[1] for row in rows] == [200] * 5
    importance = [row[2] for row in rows]
    assert importance == sorted(importance)
    assert judge(exposure_gap, "exposed", top=0).measurements[0].evidence[-1].kind == "curve"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("attack", "hypnosis"),
        ("features", "smell"),
        ("distance", "manhattan"),
        ("utility", "medium"),
        ("neighbours", 0),
        ("validation_share", 1.0),
        ("signal", "gut"),
        ("fpr", 0.0),
        ("threshold", "none"),
        ("groups", 1),
        ("repeats", 0),
        ("architecture", "huge"),
    ],
)
def test_options_that_cannot_be_meant_are_named(judge, option, value):
    with pytest.raises(tm.UsageError, match=option):
        judge(exposure_gap, "careful", **{option: value})


def test_an_attack_that_looks_at_pictures_refuses_texts(judge, releases):
    with pytest.raises(tm.UsageError, match="image classifiers"):
        judge(exposure_gap, "reader", attack="backdoor", **releases.TEXTS)


def test_texts_are_valued_by_their_words(judge, releases):
    record = judge(exposure_gap, "reader", **releases.TEXTS)
    assert not broken(record)
    assert record.outcome == "PASS", record.why
    assert record.measurements[0].details["features"].startswith("TF-IDF")
    table = record.measurements[0].evidence[-1]
    assert (table.kind, table.sensitive) == ("table", True)


def test_inputs_that_cannot_be_told_are_named(judge, releases):
    both = {**releases.SETS["members"], "text": ["a"] * 1000}
    with pytest.raises(tm.DataError, match="Exactly one"):
        judge(exposure_gap, "careful", members=both)
    paths = {"image": ["a.png"] * 3, "label": [0, 1, 2]}
    with pytest.raises(tm.DataError, match="must hold pictures"):
        judge(exposure_gap, "careful", members=paths)
    with pytest.raises(tm.UsageError, match="no reference model"):
        judge(exposure_gap, "careful", features="encoder")


def test_the_family_loads_no_model_library():
    code = (
        "import sys, json; from builtin_checks import data_importance as c; "
        "print(json.dumps([m for m in ('torch', 'transformers', 'scipy', 'PIL', 'matplotlib', 'sklearn') if m in sys.modules]))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == []


def test_pages_say_what_a_page_must_say():
    for check in CHECKS:
        for section in ("What is compared", "What a high value means", "What it does not show", "Smallest n", "References"):
            assert section in check.page
        for option in check.options:
            assert option in check.page
