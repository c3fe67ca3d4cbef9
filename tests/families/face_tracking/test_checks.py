"""The checks on planted protections: what resembles itself fails, what does not passes, what is broken is never passed."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.face_tracking import dynamic_tracking, static_dynamic_gap
from pytest_trustml.reports.evidence import load
from tests.families.face_tracking.angles import population, unit

CHECKS = (dynamic_tracking, static_dynamic_gap)


def named(record, name):
    return next(m for m in record.measurements if m.name == name)


def control(record, name):
    return next(one for one in record.controls if one.name == name)


def few(columns, count):
    return {name: cells[:count] for name, cells in columns.items()}


def test_pictures_that_are_alike_fail(judge, tmp_path):
    sets = population("alike")
    record = judge(dynamic_tracking, sets)
    assert record.outcome == "FAIL", (record.why, record.controls)
    assert named(record, "dynamic_tracking").value >= 0.95 and named(record, "static_tracking").value < 0.8
    assert named(record, "at_risk").value == 1 and named(record, "dynamic_tracking").clusters == 40
    assert all(one.ok for one in record.controls)
    pieces = {piece.caption: piece for m in record.measurements for piece in m.evidence}
    survival = json.loads((tmp_path / next(p for c, p in pieces.items() if c.startswith("Survival of")).path).read_text())
    series = {one["name"]: one["y"] for one in survival["series"]}
    assert series["protected"][0] == 1 and series["protected"][-1] == pytest.approx(1 - named(record, "dynamic_tracking").value)
    assert series["protected"][1] == pytest.approx(1 - named(record, "static_tracking").value)
    assert (np.diff(series["protected"]) <= 0).all()
    trackers = json.loads((tmp_path / next(p for c, p in pieces.items() if "other trackers" in c).path).read_text())
    names = [row[0] for row in trackers["rows"]]
    assert (
        names[0] == "as judged" and "adds only what is right (published)" in names and "all people at once (published)" in names
    )
    assert any(name.startswith("open set, FAR 0.001") for name in names)
    people = next(piece for caption, piece in pieces.items() if caption.startswith("Each person"))
    assert people.sensitive and len(json.loads((tmp_path / people.path).read_text())["rows"]) == 40
    for piece in pieces.values():
        assert load(tmp_path, piece).problem == ""
    gap = judge(static_dynamic_gap, sets)
    assert gap.outcome == "FAIL", gap.why
    measured = named(gap, "static_dynamic_gap")
    assert measured.value == pytest.approx(named(record, "dynamic_tracking").value - named(record, "static_tracking").value)
    assert measured.details["amplification"] > 1 and named(gap, "mean_cosine").value > 0.7


def test_pictures_that_are_diverse_pass(judge):
    sets = population("diverse")
    for check in CHECKS:
        record = judge(check, sets)
        assert record.outcome == "PASS", (check.id, record.why, record.measurements)
    assert named(record, "mean_cosine").value < 0.1 and named(record, "vendi_share").value > 0.8


def test_pictures_without_protection_fail_and_have_no_gap(judge):
    sets = population("none")
    record = judge(dynamic_tracking, sets)
    assert record.outcome == "FAIL" and named(record, "dynamic_tracking").value == 1
    assert judge(static_dynamic_gap, sets).outcome == "PASS", "all are recognised at once"


def test_five_pictures_decide_nothing(judge):
    for kind in ("alike", "diverse"):
        sets = population(kind)
        sets["protected"] = few(sets["protected"], 5)
        for check in CHECKS:
            record = judge(check, sets)
            assert record.outcome == "INCONCLUSIVE" and "n = 5" in record.why, (kind, check.id, record.why)


def test_four_people_decide_nothing(judge):
    for kind in ("alike", "none"):
        record = judge(dynamic_tracking, population(kind, people=4))
        assert record.outcome == "INCONCLUSIVE" and "4 people" in record.why, record.why


def test_no_picture_tracked_is_no_certainty(judge):
    # The bootstrap over people would give an interval without width; that none of 10 people is tracked bounds it by 0.31.
    sets = population("diverse", people=10)
    strange = np.random.default_rng(1).normal(size=sets["protected"]["embedding"].shape)
    sets["protected"]["embedding"] = unit(strange - (strange * 0).sum())
    record = judge(dynamic_tracking, sets)
    assert named(record, "dynamic_tracking").value <= 0.05
    assert (
        named(record, "dynamic_tracking").high == pytest.approx(1 - 0.025**0.1, abs=1e-6) and record.outcome == "INCONCLUSIVE"
    )


def test_few_impostors_are_invalid(judge):
    sets = population("diverse", others=99)
    for check in CHECKS:
        record = judge(check, sets)
        assert record.outcome == "INVALID" and "holds 99 people" in record.why
    assert judge(dynamic_tracking, sets, impostors=50).outcome == "PASS"


def test_an_extractor_that_follows_nobody_is_invalid(judge):
    sets = population("diverse")
    sets["clean"]["embedding"] = unit(np.random.default_rng(5).normal(size=sets["clean"]["embedding"].shape))
    record = judge(dynamic_tracking, sets)
    assert record.outcome == "INVALID" and not control(record, "clean ceiling").ok
    sets = population("diverse", clean=1)
    record = judge(dynamic_tracking, sets)
    assert record.outcome == "INVALID" and "no clean picture is left" in record.why


def test_a_protected_person_in_the_gallery_under_another_name_is_invalid(judge):
    sets = population("diverse")
    sets["gallery"]["embedding"] = np.concatenate([sets["gallery"]["embedding"], sets["clean"]["embedding"][:1]])
    sets["gallery"]["identity"] = [*sets["gallery"]["identity"], "a pseudonym"]
    record = judge(dynamic_tracking, sets)
    assert record.outcome == "INVALID" and "1 of 320 clean pictures" in record.why


def test_one_picture_for_everybody_is_invalid(judge):
    sets = population("diverse")
    sets["protected"]["embedding"] = np.tile(sets["protected"]["embedding"][:1], (400, 1))
    record = judge(dynamic_tracking, sets)
    assert record.outcome == "INVALID" and not control(record, "people differ").ok


def test_embeddings_without_direction_are_invalid(judge):
    sets = population("diverse")
    sets["protected"]["embedding"][7] = 0
    for check in CHECKS:
        record = judge(check, sets)
        assert record.outcome == "INVALID" and "row 8 has length 0" in record.why
        assert {m.name for m in record.measurements} >= {check.headline}


def test_entries_of_the_gallery_under_a_persons_name_are_what_is_known_of_the_person(judge):
    sets = population("alike")
    first = {name: cells[:8] for name, cells in sets["clean"].items()}
    named_ = {
        "embedding": np.concatenate([sets["gallery"]["embedding"], first["embedding"][:1]]),
        "identity": [*sets["gallery"]["identity"], first["identity"][0]],
    }
    record = judge(dynamic_tracking, {**sets, "gallery": named_})
    assert record.outcome == "FAIL"
    assert named(record, "dynamic_tracking").details["gallery_entries"] == 360, "the person's own entry is no impostor"
    assert named(record, "clean_tracking").n == 40 * 7, "the clean picture that is the entry is left out"


def test_somebody_of_whom_nothing_is_known_is_an_error_that_names_nobody(judge):
    sets = population("alike")
    sets["protected"]["identity"] = ["nobody" if name == "person 3" else name for name in sets["protected"]["identity"]]
    with pytest.raises(tm.DataError, match="Of 1 of 40 protected people") as caught:
        judge(dynamic_tracking, sets)
    assert "nobody" not in str(caught.value)


def test_some_sets_with_embeddings_and_some_without_are_refused(judge, extractors):
    sets = population("alike", width=192)
    sets["clean"] = {"image": extractors.picture(sets["clean"]["embedding"]), "identity": sets["clean"]["identity"]}
    with pytest.raises(tm.DataError, match="gallery has a column embedding and clean has none"):
        judge(dynamic_tracking, sets)
    shorter = population("alike")
    shorter["clean"]["embedding"] = shorter["clean"]["embedding"][:, 1:]
    with pytest.raises(tm.DataError, match="protected 64, gallery 64, clean 63"):
        judge(dynamic_tracking, shorter)
    with pytest.raises(tm.DataError, match="columns identity"):
        judge(dynamic_tracking, {name: {"identity": own["identity"]} for name, own in sets.items() if name != "strangers"})


def test_the_order_of_rows_does_not_matter(judge):
    sets = population("alike", people=12)
    for name, own in sets.items():
        own["id"] = [f"{name} {row}" for row in range(len(own["embedding"]))]
    one = judge(dynamic_tracking, sets)
    order = {name: np.random.default_rng(8).permutation(len(own["embedding"])) for name, own in sets.items()}
    shuffled = {
        name: {column: [cells[row] for row in order[name]] for column, cells in own.items()} for name, own in sets.items()
    }
    other = judge(dynamic_tracking, shuffled)
    for name in ("dynamic_tracking", "static_tracking", "at_risk", "clean_tracking", "false_tracking"):
        pair = named(one, name), named(other, name)
        assert pair[0].value == pair[1].value and pair[0].low == pair[1].low, name


def test_pictures_whose_originals_are_one_picture_count_once(judge):
    sets = population("alike", people=12)
    sets["clean"]["id"] = [f"clean {row}" for row in range(96)]
    sets["clean"]["embedding"][1] = sets["clean"]["embedding"][0]
    sets["protected"]["original"] = [f"clean {8 * (row // 10) + row % 10}" if row % 10 < 6 else "" for row in range(120)]
    record = judge(dynamic_tracking, sets)
    assert named(record, "dynamic_tracking").details["twins_left_out"] == 1
    assert named(record, "dynamic_tracking").n == 119, "two clean pictures of each person have no protected version"
    sets["protected"]["original"][3] = "nowhere"
    with pytest.raises(tm.DataError, match="Row 4 .*original"):
        judge(dynamic_tracking, sets)


def test_the_protected_version_of_an_anchor_is_not_tracked(judge):
    sets = population("alike", people=12, pictures=8)
    sets["clean"]["id"] = [f"clean {row}" for row in range(96)]
    sets["protected"]["original"] = [f"clean {row}" for row in range(96)]
    record = judge(dynamic_tracking, sets)
    assert (
        named(record, "dynamic_tracking").n == 96 - 12 and named(record, "dynamic_tracking").details["dropped_as_anchors"] == 12
    )


def test_pictures_without_a_face_are_not_recognised_and_told(judge):
    sets = population("alike")
    sets["protected"]["detected"] = [row % 20 != 0 for row in range(400)]
    record = judge(dynamic_tracking, sets)
    assert record.outcome == "FAIL" and named(record, "undetected").value == 0.05
    assert named(record, "dynamic_tracking").value <= 0.95
    sets["protected"]["detected"] = [row % 4 != 0 for row in range(400)]
    assert "no face is found on 25.0%" in judge(dynamic_tracking, sets).why


def test_an_open_set_reports_its_threshold(judge):
    record = judge(dynamic_tracking, population("alike"), far=0.001)
    details = named(record, "dynamic_tracking").details
    assert 0 < details["tau"] < 1 and details["pairs"] == 320 * 360
    closed = judge(dynamic_tracking, population("alike"))
    assert named(record, "dynamic_tracking").value <= named(closed, "dynamic_tracking").value
    with pytest.raises(tm.DataError, match="115200 pairs"):
        judge(dynamic_tracking, population("alike"), far=1e-7)


def test_a_logistic_regression_is_tried_on_request(judge, tmp_path):
    record = judge(dynamic_tracking, population("alike", people=6, others=100), logistic=True)
    piece = next(p for m in record.measurements for p in m.evidence if "other trackers" in p.caption)
    last = json.loads((tmp_path / piece.path).read_text())["rows"][-1]
    assert last[0].startswith("logistic regression") and last[3] > last[2] > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"anchors": 0}, "anchors.*0"), ({"top_k": 0}, "top_k.*0"), ({"margin": -0.1}, "margin.*-0.1"),
        ({"far": 1.0}, "far.*1"),
        ({"jpeg_quality": 96}, "jpeg_quality.*96"), ({"scale": 0.0}, "scale.*0"), ({"clean_ceiling": 0.0}, "clean_ceiling"),
        ({"impostors": 0}, "impostors"), ({"likeness": 2.0}, "likeness"), ({"undetected": -1.0}, "undetected"),
        ({"top": -1}, "top"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_meant_are_refused(judge, options, words):
    with pytest.raises(tm.UsageError, match=words):
        judge(dynamic_tracking, population("alike", people=5), **options)
