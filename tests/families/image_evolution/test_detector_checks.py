"""detector_drop and detector_recovery on scripted pipelines, detectors and embeddings."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.image_evolution import detector_drop, detector_recovery
from pytest_trustml.reports.evidence import load
from tests.families.image_evolution.scripted import CLIP, broken, heads, real_pictures, run, scenes, value

REAL = real_pictures(240)
DATA = {"prompts": scenes(150), "reals": REAL}
DROP = {"detector": heads("forensics"), "detector_side": 32, "pictures_per_prompt": 1, "robustness": False}
BOTH = {"detector": heads("forensics"), "tuned_detector": heads("tuned"), "detector_side": 32, "pictures_per_prompt": 1}
TRAINED = {"detector_features": CLIP, "detector_side": 32, "pictures_per_prompt": 1}


def test_the_same_version_twice_passes(tmp_path):
    record = run(detector_drop, tmp_path, DATA, **DROP)
    assert record.outcome == "PASS", record.why
    found = value(record, "detector_drop")
    assert (found.value, found.n) == (0.0, 75)
    assert value(record, "detection_rate").value > 0.95
    assert value(record, "false_alarm_rate").value < 0.05
    assert 0.3 < found.details["threshold"] < 0.7


def test_a_version_that_passes_as_real_fails(tmp_path):
    record = run(detector_drop, tmp_path, DATA, new="stealthy", **DROP)
    assert record.outcome == "FAIL", record.why
    found = value(record, "detector_drop")
    assert found.low > 0.2
    assert found.details["auc_previous"] > 0.99 > found.details["auc_new"]
    assert found.details["balanced_accuracy_new"] < found.details["balanced_accuracy_previous"]
    assert found.details["p_fisher"] < 1e-6
    back = run(detector_drop, tmp_path, DATA, new="old", old="stealthy", **DROP)
    assert value(back, "detector_drop").high < 0


def test_the_threshold_is_that_of_the_previous_version(tmp_path):
    thresholds = {
        new: value(run(detector_drop, tmp_path, DATA, new=new, **DROP), "detector_drop").details["threshold"]
        for new in ("old", "stealthy", "unmarked")
    }
    assert len(set(thresholds.values())) == 1
    given = run(detector_drop, tmp_path, DATA, new="stealthy", threshold_at=0.5, **DROP)
    found = value(given, "detector_drop")
    assert (found.details["threshold"], found.n) == (0.5, 150)
    rate = run(detector_drop, tmp_path, DATA, threshold_rule="fpr", **DROP)
    assert value(rate, "detector_drop").details["threshold_from"] == "fpr"
    few = run(detector_drop, tmp_path, {**DATA, "reals": REAL.take(range(60))}, threshold_rule="fpr", **DROP)
    assert few.outcome == "INCONCLUSIVE"
    assert "at least 100 are needed" in few.why


def test_few_prompts_are_inconclusive(tmp_path):
    record = run(detector_drop, tmp_path, {**DATA, "prompts": scenes(20)}, new="stealthy", **DROP)
    assert record.outcome == "INCONCLUSIVE"
    recovery = run(
        detector_recovery, tmp_path, {"prompts": scenes(20), "reals": REAL.take(range(20))}, new="other_mark", **BOTH
    )
    assert recovery.outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("detector", "control"),
    [("coin", "tells fakes of the previous version"), ("accuser", "tells fakes of the previous version")],
)
def test_a_detector_that_tells_nothing_is_invalid(tmp_path, detector, control):
    record = run(detector_drop, tmp_path, DATA, **DROP | {"detector": heads(detector)})
    assert record.outcome == "INVALID"
    assert any(control in name for name in broken(record))


def test_a_detector_that_accuses_everybody_misses_nothing_and_is_invalid(tmp_path):
    record = run(detector_drop, tmp_path, DATA, threshold_at=0.01, **DROP)
    assert record.outcome == "INVALID"
    assert broken(record) == ["the detector leaves real pictures alone"]


@pytest.mark.parametrize("style", ["blank", "constant"])
def test_a_version_that_draws_nothing_never_passes(tmp_path, style):
    for check, options in ((detector_drop, DROP), (detector_recovery, BOTH), (detector_recovery, TRAINED)):
        record = run(check, tmp_path, DATA, new=style, **options)
        assert record.outcome in ("INVALID", "INCONCLUSIVE"), record.why
        assert any(name.startswith("the new version draws") for name in broken(record))


def test_without_a_detector_nothing_is_decided(tmp_path):
    for check in (detector_drop, detector_recovery):
        record = run(check, tmp_path, DATA)
        assert record.outcome == "INCONCLUSIVE"
        assert "detector" in record.why


def test_other_encodings_stand_in_a_table(tmp_path):
    data = {"prompts": scenes(60), "reals": REAL.take(range(60))}
    record = run(detector_drop, tmp_path, data, **DROP | {"robustness": True})
    shown = next(e for e in record.evidence if e.caption.startswith("The detector under other encodings"))
    rows = load(tmp_path / "report", shown).content["rows"]
    assert [row[0] for row in rows] == ["as judged", "JPEG 70", "JPEG 50", "half size", "blurred"]
    assert rows[0][1] == pytest.approx(value(record, "detector_drop").details["tpr_previous"])


def test_a_detector_that_was_tuned_on_both_versions_passes(tmp_path):
    record = run(detector_recovery, tmp_path, {**DATA, "prompts": scenes(80)}, new="other_mark", **BOTH)
    assert record.outcome == "INCONCLUSIVE", "160 pictures are too few for forgetting; accuracy is certified"
    assert value(record, "recovered_accuracy").low > 0.95
    assert value(record, "forgetting").value == pytest.approx(0, abs=0.01)
    more = run(detector_recovery, tmp_path, DATA, new="other_mark", **BOTH)
    assert more.outcome == "PASS", more.why


def test_a_detector_that_forgot_the_previous_version_fails(tmp_path):
    record = run(detector_recovery, tmp_path, DATA, new="other_mark", **BOTH | {"tuned_detector": heads("forgetful")})
    assert record.outcome == "FAIL"
    assert value(record, "recovered_accuracy").details["largest"] == "the previous version"
    assert value(record, "forgetting").low > 0.3


def test_logistic_regression_on_embeddings_recovers_what_can_be_told(tmp_path):
    data = {"prompts": scenes(290), "reals": real_pictures(290)}
    record = run(detector_recovery, tmp_path, data, new="other_mark", **TRAINED)
    assert record.outcome == "PASS", record.why
    shown = next(e for e in record.evidence if e.caption == "Accuracy of the detector")
    lines = load(tmp_path / "report", shown).content["rows"]
    assert lines[1][2] < 0.7 < 0.95 < lines[1][3], "before it missed the new version's fakes"
    hopeless = run(detector_recovery, tmp_path, data, new="unmarked", **TRAINED)
    assert hopeless.outcome == "FAIL"
    assert value(hopeless, "recovered_accuracy").high < 0.9


def test_the_order_of_prompts_and_pictures_does_not_matter(tmp_path):
    rng = np.random.default_rng(1)
    shuffled = {name: part.sample(len(part), rng) for name, part in DATA.items()}
    for check, name, options in ((detector_drop, "detector_drop", DROP), (detector_recovery, "recovered_accuracy", BOTH)):
        one, other = (value(run(check, tmp_path, data, new="stealthy", **options), name) for data in (DATA, shuffled))
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


@pytest.mark.parametrize(
    ("check", "options", "words"),
    [
        (detector_drop, DROP | {"threshold_rule": "eer"}, "Choose youden or fpr"),
        (detector_drop, DROP | {"calibration_share": 1.5}, "Choose one in 0 to 1"),
        (detector_drop, DROP | {"detector": heads("forensics", "tuned")}, "names 2 detectors"),
        (detector_recovery, BOTH | {"detector_features": CLIP}, "Name one"),
        (detector_recovery, BOTH | {"tuned_detector": heads("forensics")}, "Name them apart"),
    ],
)
def test_options_that_cannot_be_meant(tmp_path, check, options, words):
    few = {"prompts": scenes(6), "reals": REAL.take(range(6))}
    with pytest.raises(tm.UsageError, match=words):
        run(check, tmp_path, few, **options)
