"""The checks on towers with planted truth: what memorises fails, what cannot passes, what is broken is neither."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.clip_memorization import effect_size, mean_score, tail_rate
from pytest_trustml.reports.evidence import load

CHECKS = [tail_rate, effect_size, mean_score]


def controls(record):
    return {control.name: control for control in record.controls}


def broken(record):
    return [control.name for control in record.controls if not control.ok]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_model_that_memorises_fails(judge, check):
    record = judge(check)
    assert record.outcome == "FAIL", record.why
    assert not broken(record)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_model_that_cannot_have_memorised_passes(judge, check):
    record = judge(check, "careful")
    assert record.outcome == "PASS", record.why
    assert not broken(record)


def test_wrong_captions_are_memorised_most_and_shown_first(judge, towers, tmp_path):
    record = judge(tail_rate, top=25)
    gallery, table, curve, drift = record.measurements[0].evidence
    assert (gallery.kind, table.kind, curve.kind, drift.kind) == ("gallery", "table", "curve", "table")
    assert gallery.sensitive
    assert table.sensitive
    shown = load(tmp_path, table).content
    wrong = set(towers.SETS["candidates"]["caption"][:40])
    assert sum(row[1] in wrong for row in shown["rows"]) == 25
    scores = [row[2] for row in shown["rows"]]
    assert scores == sorted(scores, reverse=True)
    assert max(abs(row[3]) for row in shown["rows"]) <= 1
    assert shown["rows"][0][3] == pytest.approx(1)  # no independent pair is as far below zero
    # The score is what the terms say, and the terms are cosines.
    for row in shown["rows"]:
        f, g = row[4:7], row[7:10]
        assert row[2] == pytest.approx((f[0] - f[1] - f[2]) - (g[0] - g[1] - g[2]), abs=1e-9)
        assert max(map(abs, f + g)) <= 1 + 1e-9
    assert {s["name"] for s in load(tmp_path, curve).content["series"]} == {"candidates", "shared", "independent", "external"}


def test_sets_are_ordered_by_what_the_models_saw(judge, tmp_path):
    means = {row[0]: row[2] for row in load(tmp_path, judge(tail_rate).measurements[0].evidence[3]).content["rows"]}
    wrong_only = judge(mean_score, candidates={k: v[:40] for k, v in _sets(judge)["candidates"].items()})
    assert wrong_only.measurements[0].value > means["candidates"] > means["external"] > means["independent"]


def _sets(judge):
    import towers

    return towers.SETS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_swapped_models_are_invalid(judge, check):
    record = judge(check, "reference", "memorising")
    assert record.outcome == "INVALID"
    assert "mean of candidates" in broken(record)
    assert "swapped" in record.why


@pytest.mark.parametrize("model", ["blank", "constant", "echo", "untrained"])
@pytest.mark.parametrize("side", ["model", "reference"])
def test_an_encoder_that_sees_nothing_is_invalid(judge, model, side):
    pair = (model, "reference") if side == "model" else ("memorising", model)
    record = judge(tail_rate, *pair)
    assert record.outcome == "INVALID"
    words = "embeddings of the" if model == "blank" else "competence of the"
    assert broken(record)[0].startswith(words)
    assert record.measurements[0].value == "undefined"


def test_a_model_compared_with_itself_is_invalid(judge):
    record = judge(tail_rate, "reference", "reference")
    assert (record.outcome, broken(record)) == ("INVALID", ["two models"])
    record = judge(tail_rate, "reference", "copy")
    assert (record.outcome, broken(record)) == ("INVALID", ["two functions"])


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_five_pairs_are_inconclusive(judge, towers, check):
    few = {name: towers.take(pairs, 5) for name, pairs in towers.SETS.items()}
    record = judge(check, "careful", **few)
    assert record.outcome == "INCONCLUSIVE", record.why


def test_too_few_external_pairs_leave_the_threshold_undefined(judge, towers):
    record = judge(tail_rate, external=towers.take(towers.SETS["external"], 190))
    assert record.outcome == "INCONCLUSIVE"
    assert "99" in record.measurements[0].why


@pytest.mark.parametrize(
    ("name", "other"),
    [("candidates", "shared"), ("candidates", "independent"), ("external", "candidates"), ("shared", "heldout")],
)
def test_a_pair_in_two_sets_is_invalid(judge, towers, name, other):
    sets = dict(towers.SETS, heldout=towers.make_pairs(50, 8))
    leaked = {k: v[:1] for k, v in sets[other].items()}
    leaked["caption"] = ["a caption of its own"]
    record = judge(tail_rate, **{**sets, name: towers.join(sets[name], leaked)})
    assert (record.outcome, broken(record)) == ("INVALID", ["separate sets"])
    assert "same picture" in record.why
    assert any(evidence.caption == "Pairs in two sets" for evidence in record.evidence)


def test_a_reference_that_was_trained_on_too_little_is_invalid(judge, towers, monkeypatch):
    """A twin that never learnt as much drifts on the shared pairs."""
    short = towers.train(towers.join(towers.SETS["shared"], towers.SETS["independent"]), steps=6)
    monkeypatch.setattr(towers, "copy", lambda: towers.Towers(short))
    record = judge(tail_rate, "careful", "copy")
    assert record.outcome == "INVALID"
    assert "mean of shared" in broken(record)


def test_the_choices_stand_beside_the_number(judge):
    details = judge(tail_rate, neg_weight=0.5).measurements[0].details
    assert details["neg_weight"] == 0.5
    assert details["view_pairing"] == "cross"
    assert (details["views"], details["training_seeds"], details["scored_external"], details["heldout"]) == (2, 1, 150, 150)


def test_without_negatives_all_external_pairs_are_scored(judge):
    record = judge(tail_rate, neg_weight=0.0)
    assert record.outcome == "FAIL"
    assert (record.measurements[0].details["scored_external"], record.measurements[0].details["heldout"]) == (300, 0)


def test_given_heldout_pairs_leave_all_external_pairs_to_be_scored(judge, towers):
    details = judge(tail_rate, heldout=towers.make_pairs(50, 8)).measurements[0].details
    assert (details["scored_external"], details["heldout"]) == (300, 50)


def test_candidates_that_share_a_picture_widen_the_interval(judge, towers):
    first = towers.take(towers.SETS["candidates"], 40)
    other = dict(first, caption=[caption + " word1" for caption in first["caption"]])
    doubled = towers.join(towers.SETS["candidates"], other)
    measured = judge(tail_rate, candidates=doubled).measurements[0]
    assert (measured.n, measured.clusters) == (200, 160)
    assert "clustered" in measured.method


def test_paired_views_need_as_many_captions_as_crops(judge, towers):
    listed = {name: dict(pairs, captions=[[c, c + " word3"] for c in pairs["caption"]]) for name, pairs in towers.SETS.items()}
    assert judge(tail_rate, view_pairing="paired", **listed).outcome == "FAIL"
    with pytest.raises(tm.DataError, match="views = 2"):
        judge(tail_rate, view_pairing="paired", views=3, **listed)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("views", 0),
        ("neg_weight", 0.7),
        ("view_pairing", "diagonal"),
        ("crop", 0.0),
        ("control_pairs", 1),
        ("drift_margin", -1.0),
    ],
)
def test_options_that_cannot_be_meant_are_named(judge, option, value):
    with pytest.raises(tm.UsageError, match=option):
        judge(tail_rate, **{option: value})


def test_too_little_data_is_said(judge, towers):
    with pytest.raises(tm.DataError, match="external has 3"):
        judge(tail_rate, external=towers.take(towers.SETS["external"], 3))
    with pytest.raises(tm.DataError, match="heldout has 1"):
        judge(tail_rate, heldout=towers.make_pairs(1, 8))


def test_the_same_seed_gives_the_same_number(judge):
    first, second = (judge(effect_size).measurements[0] for _ in range(2))
    assert (first.value, first.low, first.high) == (second.value, second.low, second.high)


def test_the_family_loads_no_model_library():
    code = (
        "import sys, json; from builtin_checks import clip_memorization as c; "
        "print(json.dumps([m for m in ('torch', 'transformers', 'scipy', 'PIL', 'matplotlib', 'sklearn') if m in sys.modules]))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == []


def test_pages_say_what_a_page_must_say():
    for check in CHECKS:
        for section in ("What is compared", "What a high value means", "What it does not show", "Smallest n", "References"):
            assert section in check.page
        assert check.page.count("\n") > 15
        assert np.isfinite(check.limits[check.headline].bound)
