"""The checks on encoders with planted truth: what memorises fails, what cannot passes, what is broken is never passed."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.encoder_memorization import layer_profile, sample_score, unit_excess
from pytest_trustml.reports.evidence import load

NOISE = {"augmentation": "none", "views": 1}


def units(encoders, count=160, **more):
    return {name: {"image": encoders.SETS[name][:count], **more.get(name, {})} for name in ("training", "heldout")}


def named(record, name):
    return next(m for m in record.measurements if m.name == name)


def test_units_that_store_pictures_fail_and_name_them(judge, encoders, tmp_path):
    labels = {"training": {"label": ["even" if row % 2 == 0 else "odd" for row in range(160)]}}
    record = judge(unit_excess, "memorising", data=units(encoders, **labels), **NOISE)
    assert record.outcome == "FAIL", record.why
    excess = named(record, "unit_excess")
    assert excess.details["layer"] == "second.activation" and excess.details["p"] == 0.005
    assert excess.value > 0.9 and excess.low > 0.5
    # All 48 units of the second layer and about half of the 48 of the first.
    assert named(record, "trained_share").value > 0.65 and named(record, "trained_share").details["p"] == 0.005
    assert all(control.ok for control in record.controls)
    pieces = {piece.caption: piece for m in record.measurements for piece in m.evidence}
    strongest = next(piece for caption, piece in pieces.items() if caption.startswith("The 20 most memorising units"))
    rows = json.loads((tmp_path / strongest.path).read_text())["rows"]
    ids = tm.Dataset(units(encoders, **labels)["training"]).ids
    assert [row[4] for row in rows] == [ids[row[1]] for row in rows], "unit k stored picture k"
    gallery = next(piece for piece in pieces.values() if piece.kind == "gallery")
    assert gallery.sensitive and strongest.sensitive
    table = next(piece for caption, piece in pieces.items() if caption.startswith("Mean UnitMem"))
    layers = json.loads((tmp_path / table.path).read_text())
    by_name = {row[0]: dict(zip(layers["columns"], row, strict=True)) for row in layers["rows"]}
    assert by_name["second.activation"]["UnitMem above ClassMem"] == 0, "one picture alone also decides its class"
    assert by_name["first.activation"]["UnitMem above ClassMem"] == 1
    for piece in pieces.values():
        assert load(tmp_path, piece).problem == ""


def test_units_that_store_nothing_pass(judge, encoders):
    record = judge(unit_excess, "ordinary", data=units(encoders), **NOISE, layers="first.*")
    assert record.outcome == "PASS", (record.why, record.measurements)
    assert named(record, "unit_excess").details["unit_mem_heldout"] > 0.5, "far from 0 although nothing was memorised"


def test_stored_pictures_that_are_in_neither_set_are_no_finding(judge, encoders):
    data = {"training": {"image": encoders.SETS["shared"]}, "heldout": {"image": encoders.SETS["independent"]}}
    assert judge(unit_excess, "memorising", data=data, **NOISE, layers="first.*").outcome == "PASS"


def test_five_pictures_decide_nothing(judge, encoders):
    record = judge(unit_excess, "memorising", data=units(encoders, 5), **NOISE)
    assert record.outcome == "INCONCLUSIVE" and "n = 5" in record.why


def test_a_blank_encoder_is_invalid(judge, encoders):
    record = judge(unit_excess, "blank", data=units(encoders), **NOISE)
    assert record.outcome == "INVALID" and "0 of 96 units" in record.why


def test_an_encoder_without_numbers_is_an_error(judge, encoders):
    with pytest.raises(tm.SubjectError, match=r"first\.activation.*nan"):
        judge(unit_excess, "broken", data=units(encoders), **NOISE)


def test_a_picture_in_both_sets_is_invalid(judge, encoders):
    data = units(encoders)
    data["heldout"]["image"] = np.concatenate([data["heldout"]["image"][1:], data["training"]["image"][:1]])
    record = judge(unit_excess, "memorising", data=data, **NOISE)
    assert record.outcome == "INVALID" and "1 images stand in two sets" in record.why


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"augmentation": "wild"}, "augmentation.*'wild'"),
        ({"views": 0}, "views.*0"),
        ({"sign": "minus"}, "sign.*'minus'"),
        ({"permutations": 9}, "permutations.*9"),
        ({"layers": "third.*"}, "'third.*'.*first.activation"),
        ({"points": 1}, "points.*1"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(judge, encoders, options, words):
    with pytest.raises(tm.UsageError, match=words):
        judge(unit_excess, "ordinary", data=units(encoders), **(NOISE | options))


def test_one_picture_cannot_be_compared(judge, encoders):
    with pytest.raises(tm.DataError, match="1 training and 1 held-out"):
        judge(unit_excess, "ordinary", data=units(encoders, 1), **NOISE)


@pytest.fixture
def soft(encoders):
    """The four sets under the names of the parameters."""
    short = {name: name.removesuffix("_images").replace("candidate", "candidates") for name in encoders.SOFT}
    return {short[name]: {"image": rows} for name, rows in encoders.SOFT.items()}


PAIR = {"augmentation": "crop", "pairs": 1}


def test_a_model_that_recalls_its_pictures_fails(judge, soft, tmp_path):
    record = judge(sample_score, "recalling", "other", data=soft, **PAIR)
    assert record.outcome == "FAIL", (record.why, record.measurements, record.controls)
    assert all(control.ok for control in record.controls)
    assert named(record, "memorised_share").value > 0.3
    record = judge(layer_profile, "recalling", "other", data=soft, **PAIR)
    profile = named(record, "layer_profile")
    assert profile.value > 0.2 and profile.low > 0.1
    assert profile.details["layers"] == ["seen.activation", "recalled.activation", "embedding"]
    piece = next(one for one in profile.evidence if one.caption.startswith("LayerMem of each set"))
    table = json.loads((tmp_path / piece.path).read_text())
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    assert [row["over"] for row in rows][1:] == ["seen.activation", "recalled.activation"]
    assert rows[0]["rise"] == "undefined"
    assert rows[1]["rise"] == pytest.approx(rows[1]["candidate_images"] - rows[0]["candidate_images"])
    assert rows[2]["36 highest candidates"] > rows[2]["candidate_images"] > rows[2]["36 lowest candidates"]


def test_a_model_that_recalls_nothing_passes(judge, soft):
    for check in (layer_profile, sample_score):
        record = judge(check, "plain", "plain_other", data=soft, **PAIR)
        assert record.outcome == "PASS", (check.id, record.why, record.controls)


@pytest.mark.parametrize(
    ("model", "reference", "words"),
    [
        ("recalling", "recalling", "compared with itself"),
        ("recalling", "copy", "copy of itself"),
        ("constant", "other", "answers of the model"),
        ("recalling", "constant", "answers of the reference model"),
        ("other", "recalling", "swapped"),
    ],
)
def test_a_wrong_pair_is_invalid(judge, soft, model, reference, words):
    record = judge(sample_score, model, reference, data=soft, **PAIR)
    assert record.outcome == "INVALID" and words in record.why, record.why


def test_a_reference_that_was_trained_otherwise_is_invalid(judge, soft):
    record = judge(layer_profile, "recalling", "plain_other", data=soft, **PAIR)
    assert record.outcome == "INVALID" and "shared_images" in record.why


def test_few_pictures_decide_nothing(judge, soft):
    few = {name: {"image": columns["image"][:5]} for name, columns in soft.items()}
    record = judge(layer_profile, "plain", "plain_other", data=few, **PAIR)
    assert record.outcome in ("INCONCLUSIVE", "INVALID")


def test_views_that_are_equal_are_refused(judge, soft):
    with pytest.raises(tm.UsageError, match="none.*different views"):
        judge(layer_profile, "plain", "plain_other", data=soft, augmentation="none")


def with_copies(soft, encoders, copies):
    return soft | {"candidates": soft["candidates"] | {"copies": [copies[row % len(copies)] for row in range(110)]}}


def test_canaries_show_that_more_copies_are_remembered_better(judge, soft, encoders):
    data = with_copies(soft, encoders, encoders.COPIES)
    record = judge(layer_profile, "dosed", "dosed_other", data=data, **PAIR)
    canaries = next(control for control in record.controls if control.name == "canaries")
    assert canaries.ok and " for 1, " in canaries.why and canaries.why.endswith(" for 16")
    means = [float(word.split(" for ")[0]) for word in canaries.why.partition(": ")[2].split(", ")]
    assert means == sorted(means)
    record = judge(layer_profile, "upside_down", "dosed_other", data=data, **PAIR)
    assert record.outcome == "INVALID" and "more copies are not remembered better" in record.why
    without = judge(layer_profile, "dosed", "dosed_other", data=soft, **PAIR)
    assert all(control.name != "canaries" for control in without.controls)


@pytest.mark.parametrize(("copies", "words"), [((4,), "All candidates have 4"), ((1, "many"), "'many'"), ((1, 0), "'0'")])
def test_copies_that_say_nothing_are_refused(judge, soft, encoders, copies, words):
    with pytest.raises(tm.DataError, match=words):
        judge(layer_profile, "dosed", "dosed_other", data=with_copies(soft, encoders, copies), **PAIR)
