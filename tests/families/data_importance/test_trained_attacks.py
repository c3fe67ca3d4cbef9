"""The attacks that train models, through the check: on pictures with planted importance and on a classifier in a folder."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.data_importance import exposure_gap

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(releases, tmp_path_factory):
    """A small ResNet of the transformers library that was trained on the planted members, saved as people save them."""
    path = tmp_path_factory.mktemp("resnet")
    records = releases.strong_sets()["members"]
    network = tm.train_image_network(list(records["image"]), np.array(records["label"]), outputs=3, seed=0, epochs=6)
    tm.save_model(path, network.loaded.model)
    return path


@pytest.fixture
def subject(folder):
    return tm.open_subject(str(folder), device="cpu")


def measured(record):
    return {measurement.name: measurement for measurement in record.measurements}


def test_copies_from_valuable_queries_are_truer_at_a_small_budget(judge, releases, subject):
    record = judge(
        exposure_gap, subject, attack="stealing", queries=60, repeats=2, epochs=60, groups=3, **releases.strong_sets()
    )  # fmt: skip
    found = measured(record)
    assert found["top_success"].value > found["bottom_success"].value
    assert found["exposure_gap"].value > 1
    assert (found["exposure_gap"].details["queries"], found["exposure_gap"].details["rounds"]) == (60, 2)
    assert found["value_score_correlation"].value == "undefined"
    assert found["exposure_gap"].method.endswith("over 2 rounds")


def test_a_backdoor_is_measured_on_other_classes_with_both_accuracies(judge, releases, subject):
    record = judge(
        exposure_gap, subject, attack="backdoor", poisoned=60, trigger=4, target_class=1, repeats=1, epochs=12,
        architecture="own", **releases.strong_sets(),
    )  # fmt: skip
    headline = record.measurements[0]
    others = sum(label != 1 for label in releases.strong_sets()["nonmembers"]["label"])
    assert headline.n == others
    assert headline.details["poisoned"] == 60
    assert min(headline.details["clean_accuracy_top"], headline.details["clean_accuracy_bottom"]) > 0.5
    assert 0 < headline.details["chance"] < 0.3
    assert max(headline.details["top"], headline.details["bottom"]) > headline.details["chance"]


def test_reconstructions_are_drawn_for_both_strata(judge, releases, subject):
    record = judge(
        exposure_gap, subject, attack="reconstruction", repeats=1, epochs=6, steps=15, fpr=0.05, **releases.strong_sets()
    )  # fmt: skip
    headline = record.measurements[0]
    assert headline.value != "undefined", record.why
    assert headline.n == 160
    assert headline.details["recognised"] > 0.5
    for name in ("squared_difference_top", "success_top_without_training", "success_bottom_without_training"):
        assert 0 <= headline.details[name] <= 1
    assert [evidence.kind for evidence in headline.evidence] == ["table", "gallery", "gallery"]
    assert all(evidence.sensitive for evidence in headline.evidence[1:])


def test_penultimate_embeddings_of_a_folder_give_an_attribute_away(judge, releases, subject):
    record = judge(exposure_gap, subject, attack="attribute", attribute="group", **releases.strong_sets())
    assert measured(record)["top_success"].n == 160
    assert record.measurements[0].details["values"] == 2


def test_the_same_seed_gives_the_same_attack(judge, releases, subject):
    how = {"attack": "stealing", "queries": 30, "repeats": 1, "epochs": 2, **releases.strong_sets()}
    one, two = (judge(exposure_gap, subject, **how).measurements[0] for _ in range(2))
    assert (one.value, one.low, one.high) == (two.value, two.low, two.high)


def test_the_distance_to_another_class_is_shown_by_stratum(judge, releases, subject, tmp_path):
    import json

    record = judge(exposure_gap, subject, boundary=8, **releases.strong_sets())
    (piece,) = [one for one in record.measurements[0].evidence if one.caption.startswith("Distance to another class")]
    table = json.loads((tmp_path / piece.path).read_text())
    assert table["columns"] == ["stratum", "records", "changed their class", "median distance"]
    assert [row[:2] for row in table["rows"]] == [[number, 8] for number in range(1, 6)]
    assert all(row[2] == 1 for row in table["rows"])
    assert table["rows"][0][3] < table["rows"][-1][3], "the least important records lie closer to another class"


def test_a_distance_needs_a_folder(judge):
    with pytest.raises(tm.UsageError, match="boundary"):
        judge(exposure_gap, "careful", boundary=5)
    with pytest.raises(tm.UsageError, match="boundary -1"):
        judge(exposure_gap, "careful", boundary=-1)
