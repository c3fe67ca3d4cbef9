"""low_fpr on classifiers with planted truth and scripted reference models: verdicts, controls, what is asked of whom."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.membership_inference import low_fpr
from builtin_checks.membership_inference.references import halves
from pytest_trustml.reports.evidence import load
from tests.families.membership_inference.scripted import (
    CLASSES,
    Scripted,
    broken,
    records,
    run,
    scripted_references,
    value,
)

SETS = {"members": records(600), "nonmembers": records(1000, 10_000), "population": records(500, 20_000)}
SCRIPT = {"start": "scripted"}


@pytest.fixture
def asked(monkeypatch):
    return scripted_references(monkeypatch)


@pytest.mark.parametrize("attack", ["rmia", "lira", "lira_offline"])
def test_what_was_learnt_by_heart_is_found(asked, tmp_path, attack):
    record = run(low_fpr, Scripted("memorising", SETS["members"]), tmp_path, SETS, attack=attack, references=6, **SCRIPT)
    assert record.outcome == "FAIL", record.why
    assert not broken(record)
    found = value(record, "tpr_at_1_percent_fpr")
    assert found.low > 0.15
    assert found.details["attack"] == attack
    assert value(record, "tpr_at_01_percent_fpr").value > 0.1
    assert value(record, "accuracy_gap").low > 0.15
    assert value(record, "auc_on_references").value > 0.55
    assert len(asked) == 1


@pytest.mark.parametrize("attack", ["rmia", "lira", "lira_offline", "confidence", "modified_entropy", "loss", "entropy"])
def test_what_cannot_have_learnt_anybody_passes(asked, tmp_path, attack):
    record = run(low_fpr, Scripted("careful", SETS["members"]), tmp_path, SETS, attack=attack, **SCRIPT)
    assert record.outcome == "PASS", record.why
    assert value(record, "tpr_at_1_percent_fpr").value < 0.03
    assert len(asked) == (attack in ("rmia", "lira", "lira_offline"))


def test_reference_models_find_what_confidence_does_not(asked, tmp_path):
    model = Scripted("memorising", SETS["members"])
    found = {
        a: value(run(low_fpr, model, tmp_path, SETS, attack=a, **SCRIPT), "tpr_at_1_percent_fpr") for a in ("rmia", "loss")
    }
    assert found["rmia"].low > 5 * found["loss"].value


@pytest.mark.parametrize("style", ["constant", "blank", "random"])
@pytest.mark.parametrize("attack", ["rmia", "confidence", "correctness"])
def test_a_classifier_that_learnt_nothing_is_invalid(asked, tmp_path, style, attack):
    record = run(low_fpr, Scripted(style, SETS["members"]), tmp_path, SETS, attack=attack, **SCRIPT)
    assert record.outcome == "INVALID"
    assert broken(record) == ["the model has learnt"]


def test_weak_reference_models_are_no_comfort(monkeypatch, tmp_path):
    scripted_references(monkeypatch, "weak")
    record = run(low_fpr, Scripted("memorising", SETS["members"]), tmp_path, SETS, **SCRIPT)
    assert (record.outcome, broken(record)) == ("INVALID", ["the reference models have learnt"])
    assert "raise epochs" in record.why


def test_sets_that_differ_without_the_model_are_invalid(asked, tmp_path):
    dated = {**SETS, "nonmembers": records(1000, 10_000, extra=" of 2024")}
    record = run(low_fpr, Scripted("careful", SETS["members"]), tmp_path, dated, **SCRIPT)
    assert (record.outcome, broken(record)) == ("INVALID", ["blind baseline"])
    assert "Divide one pool at random" in record.why


def test_five_records_are_inconclusive_and_nothing_is_trained(asked, tmp_path):
    few = {name: part.take(range(5)) for name, part in SETS.items()}
    record = run(low_fpr, Scripted("memorising", few["members"]), tmp_path, few, **SCRIPT)
    assert record.outcome == "INCONCLUSIVE"
    assert "at least 100 non-members, found 5" in record.why
    assert asked == []


def test_five_members_are_inconclusive(asked, tmp_path):
    few = {**SETS, "members": SETS["members"].take(range(5))}
    record = run(low_fpr, Scripted("memorising", few["members"]), tmp_path, few, attack="loss")
    assert record.outcome == "INCONCLUSIVE", record.why


def test_a_rarer_rate_than_the_records_resolve_is_a_word(asked, tmp_path):
    data = {**SETS, "nonmembers": records(999, 10_000)}
    record = run(low_fpr, Scripted("careful", SETS["members"]), tmp_path, data, attack="loss")
    assert value(record, "tpr_at_01_percent_fpr").value == "undefined"
    assert "needs at least 1000 negatives, found 999" in value(record, "tpr_at_01_percent_fpr").why


def test_the_population_is_set_aside_where_none_is_given(asked, tmp_path):
    two = {name: SETS[name] for name in ("members", "nonmembers")}
    record = run(low_fpr, Scripted("memorising", SETS["members"]), tmp_path, two, population_share=0.4, **SCRIPT)
    assert record.outcome == "FAIL"
    details = value(record, "tpr_at_1_percent_fpr").details
    assert (details["population"], details["non_members"]) == (400, 600)
    trained = np.unique(np.concatenate(asked[0].members))
    assert len(trained) == 1200, "nobody is trained on the population"
    record = run(low_fpr, Scripted("careful", SETS["members"]), tmp_path, two, population_share=0.05, **SCRIPT)
    assert "raise population_share" in record.why


def test_reference_models_are_trained_as_asked(asked, tmp_path, monkeypatch):
    run(
        low_fpr, Scripted("careful", SETS["members"]), tmp_path, SETS,
        start="folder", references=6, epochs=7, batch_size=8, learning_rate=0.01, weight_decay=0.5, max_tokens=99,
    )  # fmt: skip
    one = asked[0]
    assert (one.training.start, one.training.pretrained, one.training.labels) == ("folder", True, CLASSES)
    assert (one.training.epochs, one.training.batch_size, one.training.max_tokens) == (7, 8, 99)
    assert (one.training.learning_rate, one.training.weight_decay) == (0.01, 0.5)
    assert len(one.members) == len(set(one.seeds)) == 6
    sides = np.array([np.bincount(rows, minlength=2100) for rows in one.members])
    assert (sides[:, :1600].sum(0) == 3).all(), "every record is in for half of the models"
    assert not sides[:, 1600:].any(), "the population is in for none"
    for first in range(0, 6, 2):
        assert (sides[first, :1600] + sides[first + 1, :1600] == 1).all()
    run(low_fpr, Scripted("careful", SETS["members"]), tmp_path, SETS, start="linear")
    assert asked[1].training.architecture == "linear"


def test_a_model_without_a_folder_says_what_to_do(asked, tmp_path):
    with pytest.raises(tm.UsageError, match="option start"):
        run(low_fpr, Scripted("careful", SETS["members"]), tmp_path, SETS)


def test_records_in_two_sets_count_in_none(asked, tmp_path):
    twice = tm.Dataset(
        {
            "text": [f" {text.upper()} " for text in SETS["members"].column("text")[:100]] + SETS["nonmembers"].column("text"),
            "label": SETS["members"].column("label")[:100] + SETS["nonmembers"].column("label"),
        }
    )
    record = run(low_fpr, Scripted("memorising", SETS["members"]), tmp_path, {**SETS, "nonmembers": twice}, attack="loss")
    assert value(record, "tpr_at_1_percent_fpr").details["dropped"] == 200
    assert value(record, "tpr_at_1_percent_fpr").n == 500


def test_the_order_of_the_rows_does_not_matter(asked, tmp_path):
    shuffled = {name: part.sample(len(part), np.random.default_rng(1)) for name, part in SETS.items()}
    model = Scripted("memorising", SETS["members"])
    first, second = (run(low_fpr, model, tmp_path, data, **SCRIPT) for data in (SETS, shuffled))
    assert value(first, "tpr_at_1_percent_fpr").value == value(second, "tpr_at_1_percent_fpr").value


def test_what_is_shown_of_the_records_is_sensitive(asked, tmp_path):
    record = run(low_fpr, Scripted("memorising", SETS["members"]), tmp_path, SETS, top=5, **SCRIPT)
    by_caption = {evidence.caption: evidence for evidence in record.evidence}
    exposed = by_caption["Members that are given away most clearly"]
    assert exposed.sensitive
    rows = load(tmp_path / "report", exposed).content["rows"]
    assert len(rows) == 5
    assert {row[0] for row in rows} <= set(SETS["members"].column("text"))
    assert all(f" {row[1]} " not in row[0] for row in rows), "the hard ones, whose label does not follow from the text"
    curve = load(tmp_path / "report", by_caption["Members found against others accused, on logarithmic axes"]).content
    assert curve["log"] == "xy"
    assert {"rmia", "loss", "guessing"} == {series["name"] for series in curve["series"]}


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"attack": "mia"}, "Choose one of rmia"),
        ({"references": 3, **SCRIPT}, "even number"),
        ({"references": 0, **SCRIPT}, "even number"),
        ({"gamma": 0.0, **SCRIPT}, "gamma is 0.0"),
    ],
)
def test_options_that_cannot_be_meant(asked, tmp_path, option, words):
    with pytest.raises(tm.UsageError, match=words):
        run(low_fpr, Scripted("careful", SETS["members"]), tmp_path, SETS, **option)


def test_a_share_that_cannot_be_meant(asked, tmp_path):
    two = {name: SETS[name] for name in ("members", "nonmembers")}
    with pytest.raises(tm.UsageError, match="population_share is 1.5"):
        run(low_fpr, Scripted("careful", SETS["members"]), tmp_path, two, population_share=1.5, **SCRIPT)


def test_records_without_text_or_picture_are_refused(tmp_path):
    nothing = tm.Dataset({"label": ["fig"], "words": ["x"]})
    with pytest.raises(tm.DataError, match="column text or image"):
        run(low_fpr, Scripted("careful", SETS["members"]), tmp_path, {**SETS, "members": nothing})
    paths = tm.Dataset({"label": ["fig"], "image": ["a.png"]})
    with pytest.raises(tm.DataError, match="not pictures"):
        run(
            low_fpr,
            Scripted("careful", SETS["members"]),
            tmp_path,
            {"members": paths, "nonmembers": paths, "population": paths},
        )


def test_halves_depend_on_ids_and_not_on_rows():
    ids, groups = [f"n{number}" for number in range(31)], np.array(["a"] * 20 + ["b"] * 11)
    order = np.random.default_rng(3).permutation(31)
    first = halves(ids, groups, 4, np.random.default_rng(0))
    second = halves([ids[row] for row in order], groups[order], 4, np.random.default_rng(0))
    assert (first[:, order] == second).all()
    assert (first.sum(0) == 2).all()
    assert (first[:, :20].sum(1) == 10).all()
    assert not (first[0] == first[2]).all()


def test_looking_at_the_family_loads_no_heavy_library():
    code = (
        "import sys, json; from builtin_checks import membership_inference as m; "
        "heavy = [n for n in ('torch', 'transformers', 'scipy', 'sklearn', 'PIL', 'matplotlib') if n in sys.modules]; "
        "print(json.dumps([heavy, m.__all__]))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == [[], ["low_fpr", "metric_attacks", "claimed_epsilon"]]


def test_real_reference_models_of_texts(tmp_path):
    """Nothing scripted but the judged model: TF-IDF and logistic regression, trained on halves of the texts."""
    record = run(low_fpr, Scripted("careful", SETS["members"]), tmp_path, SETS, start="linear")
    assert record.outcome == "PASS", record.why
    assert not broken(record)
    assert value(record, "tpr_at_1_percent_fpr").details["reference_models"] == 4


def test_the_rarest_rate_is_told_where_there_are_enough_strangers(tmp_path):
    from builtin_checks.membership_inference.rates import rates
    from tests.families.membership_inference.scripted import make_trust

    trust = make_trust(low_fpr, tmp_path)
    rng = np.random.default_rng(0)
    inside = np.arange(10_500) < 500
    scores = rng.normal(size=10_500) + 6 * inside
    found = {one.name: one for one in rates(trust, scores, inside)}
    assert list(found) == ["tpr_at_1_percent_fpr", "tpr_at_01_percent_fpr", "tpr_at_001_percent_fpr", "attack_auc"]
    assert 0.9 < found["tpr_at_001_percent_fpr"].value <= found["tpr_at_01_percent_fpr"].value
    assert "tpr_at_001_percent_fpr" not in [one.name for one in rates(trust, scores[:-1], inside[:-1])]


def test_offline_a_is_chosen_on_the_reference_models(asked, tmp_path):
    """As the published tool tunes it, but the population's ratios are those of the attacked model, which the tool mixes up."""
    model = Scripted("memorising", SETS["members"])
    how = {"attack": "rmia_offline", "references": 6, **SCRIPT}
    fixed = {a: run(low_fpr, model, tmp_path, SETS, offline_a=a, **how) for a in (0.0, 0.3, 1.0)}
    tuned = run(low_fpr, model, tmp_path, SETS, offline_a=-1.0, **how)
    a = value(tuned, "tpr_at_1_percent_fpr").details["offline_a"]
    assert a in [k / 10 for k in range(11)]
    assert value(fixed[0.3], "tpr_at_1_percent_fpr").details["offline_a"] == 0.3
    best = value(tuned, "auc_on_references").value
    assert all(best >= value(record, "auc_on_references").value - 1e-9 for record in fixed.values())
    assert tuned.outcome != "PASS"
    with pytest.raises(tm.UsageError, match="4 at least"):
        run(low_fpr, model, tmp_path, SETS, offline_a=-1.0, **(how | {"references": 2}))
