"""The checks on models whose memory is planted: who recites fails, who cannot passes, useless models prove nothing."""

from __future__ import annotations

import numpy as np
import pytest

import builtin_checks.text_memorization as family
import pytest_trustml as tm
from builtin_checks.text_memorization.checks.canaries import read_inserted
from pytest_trustml.checks.bound import BoundCheck, set_limits
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.result.record import encode
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress
from tests.families.text_memorization.scripted import Scripted, Talker, Text, texts

CHECKS = {name: getattr(family, name) for name in family.__all__}
MEMBERS, HELD_OUT = texts(500, 1), texts(500, 2)
KNOWN = MEMBERS.column("text")
SHORT = {"prefix": 5, "suffix": 7}


def run(name, text, folder, *, companions=None, seed=0, limits=None, **given):
    check = CHECKS[name]
    options = {key: value for key, value in given.items() if key in check.options}
    data = {"members": MEMBERS, "heldout": HELD_OUT} | given
    trust = tm.Trust(
        name=check.id, seed=seed, level=0.95, cache=Cache(folder / "cache", "off"), store=EvidenceStore(folder / "report"),
        progress=Progress(),
    )  # fmt: skip
    with trust._cache:
        bound = BoundCheck(
            check=check, model=text if hasattr(text, "fingerprint") else Scripted(text), companions=companions or {},
            data={key: data[key] for key in check.data}, options={**check.options, **options},
            limits=set_limits(check, limits or {}),
        )  # fmt: skip
        record, _ = bound.run(trust)
    assert encode(record), "everything in it is plain"
    return record


def value(record, name):
    return next(m for m in record.measurements if m.name == name)


def broken(record):
    return {control.name for control in record.controls if not control.ok}


def test_a_model_that_recites_its_training_texts_fails(tmp_path):
    record = run("extraction_rate", Text(heart=KNOWN[:100]), tmp_path, **SHORT)
    assert record.outcome == "FAIL"
    found = value(record, "extraction_above_control")
    assert found.value == 0.2 and found.details["extracted"] == 100 and found.details["unit"] == "tokens"
    assert value(record, "extraction_rate").value == 0.2


def test_a_model_that_knows_nothing_by_heart_passes(tmp_path):
    record = run("extraction_rate", Text(), tmp_path, **SHORT)
    assert record.outcome == "PASS", (record.why, record.controls)
    assert 0 < value(record, "extraction_above_control").high < 0.01


def test_nearly_right_counts_as_approximate(tmp_path):
    record = run("extraction_rate", Text(half=KNOWN[:100]), tmp_path, **SHORT, max_distance=0.3)
    assert value(record, "extraction_above_control").value == 0
    assert value(record, "approximate_above_control").value == 0.2
    assert record.outcome == "FAIL" and "approximate_above_control" in record.why


def test_boilerplate_does_not_count(tmp_path):
    """What comes back for texts that the model never saw, too, is no memory of the training data."""
    guessable = Text(heart=[*KNOWN[:150], *HELD_OUT.column("text")[:150]])
    record = run("extraction_rate", guessable, tmp_path, **SHORT)
    assert value(record, "extraction_above_control").value == 0 and value(record, "extraction_rate").value == 0.3
    assert record.outcome == "INCONCLUSIVE"  # as much by guessing: 500 texts cannot tell a difference of 1 % from none


def test_few_texts_decide_nothing(tmp_path):
    few = {"members": MEMBERS.take(range(5)), "heldout": HELD_OUT.take(range(5))}
    assert run("extraction_rate", Text(), tmp_path, **SHORT, **few).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("name", ["extraction_rate", "probabilistic_extraction", "membership_leak"])
def test_a_model_that_takes_no_notice_of_the_order_proves_nothing(name, tmp_path):
    given = {} if name == "membership_leak" else SHORT
    record = run(name, Text(blind=True), tmp_path, **given)
    assert record.outcome == "INVALID" and "the model reads the language" in broken(record)


def test_texts_that_are_too_short_are_a_word(tmp_path):
    record = run("extraction_rate", Text(), tmp_path)
    assert record.outcome == "INCONCLUSIVE" and "no training text has 100 tokens" in record.why


def test_repeated_texts_are_shown_by_number(tmp_path):
    counts = [1] * 400 + [8] * 100
    record = run("extraction_rate", Text(heart=KNOWN[400:]), tmp_path, **SHORT, members=MEMBERS.with_columns(duplicates=counts))
    captions = [one.caption for one in record.evidence]
    assert any("by duplicates in training" in caption for caption in captions)
    assert any(one.sensitive for one in record.evidence if "come back" in one.caption)
    with pytest.raises(tm.DataError, match="holds 'often'"):
        run("extraction_rate", Text(), tmp_path, **SHORT, members=MEMBERS.with_columns(duplicates=["often"] * 500))


def test_one_text_per_document(tmp_path):
    record = run(
        "extraction_rate", Text(), tmp_path, **SHORT, members=MEMBERS.with_columns(document=[f"d{i // 2}" for i in range(500)])
    )
    assert value(record, "extraction_rate").n == 250


def test_what_this_training_added(tmp_path):
    base = Scripted(Text(heart=KNOWN[:60]), "base")
    record = run("extraction_rate", Text(heart=KNOWN[:100]), tmp_path, **SHORT, companions={"base": base})
    added = value(record, "added_by_training")
    assert added.value == pytest.approx(0.08) and added.n == 500
    again = run("probabilistic_extraction", Text(heart=KNOWN[:100]), tmp_path, **SHORT, companions={"base": base})
    assert value(again, "added_by_training").value == pytest.approx(0.08)


@pytest.mark.parametrize(("style", "outcome"), [("honest", "FAIL"), ("blank", "PASS"), ("echo", "PASS")])
def test_a_model_that_only_answers_is_asked_by_words(style, outcome, tmp_path):
    record = run("extraction_rate", Talker(KNOWN[:100], style), tmp_path, **SHORT)
    found = value(record, "extraction_above_control")
    assert found.details["unit"] == "words" and (found.value > 0.18) == (style == "honest")
    if style == "honest":
        assert record.outcome == outcome
    else:  # an endpoint that says nothing, or repeats, proves nothing
        assert record.outcome == "INVALID" and "the model answers" in broken(record)


def test_sampling_often_enough_brings_out_more_than_greedy_decoding(tmp_path):
    text = Text(half=KNOWN[:100])
    assert run("extraction_rate", text, tmp_path, **SHORT, max_distance=0.0).outcome == "PASS"
    record = run("probabilistic_extraction", text, tmp_path, **SHORT, queries=100)
    assert record.outcome == "FAIL" and value(record, "extractable_above_control").value == 0.2
    assert value(record, "extractable_above_control").details["fewest_queries"] == 6
    once = run("probabilistic_extraction", text, tmp_path, **SHORT, queries=1)
    assert once.outcome == "PASS" and value(once, "extractable_above_control").value == 0


def test_what_cannot_be_asked_of_a_model_that_only_answers(tmp_path):
    with pytest.raises(tm.Unsupported, match="does not say how likely a text is"):
        run("probabilistic_extraction", Talker(), tmp_path, **SHORT)


@pytest.mark.parametrize(("gain", "outcome"), [(1.5, "FAIL"), (0.0, "PASS")])
def test_membership_is_told_by_the_best_attack(gain, outcome, tmp_path):
    members, heldout = texts(1500, 5), texts(1500, 6)
    text = Text(heart=members.column("text"), gain=gain)
    record = run("membership_leak", text, tmp_path, members=members, heldout=heldout)
    assert record.outcome == outcome, (record.why, record.controls)
    found = value(record, "best_attack_auc")
    assert found.details["attack"] in ("loss", "zlib", "min_k", "min_k_plus")
    assert "bonferroni over 4 attacks" in found.method
    assert (found.low > 0.9) == (gain > 1) and value(record, "best_attack_tpr").n == 1500


def test_a_reference_model_is_an_attack_of_its_own(tmp_path):
    text, plain = Text(heart=KNOWN, gain=0.5), Scripted(Text(), "plain")
    record = run("membership_leak", text, tmp_path, companions={"reference": plain})
    assert value(record, "best_attack_auc").details["attack"] == "reference"
    assert value(record, "best_attack_auc").value > 0.99


def test_a_split_that_the_texts_themselves_tell_is_none(tmp_path):
    dated = tm.Dataset({"text": [f"{text} yesterday" for text in KNOWN]})
    record = run("membership_leak", Text(), tmp_path, members=dated)
    assert record.outcome == "INVALID" and "texts alone do not tell" in broken(record)


def test_too_few_other_texts_for_a_false_positive_rate(tmp_path):
    few = {"members": MEMBERS.take(range(60)), "heldout": HELD_OUT.take(range(60))}
    record = run("membership_leak", Text(), tmp_path, **few)
    assert record.outcome == "INCONCLUSIVE"
    assert "needs at least 100 negatives" in value(record, "best_attack_tpr").why


def canaries(planted=60, others=500, *, form="code", seed=3):
    rng = np.random.default_rng(seed)
    rows = [f"{form} " + " ".join(str(digit) for digit in rng.integers(0, 10, 8)) for _ in range(planted + others)]
    return tm.Dataset(
        {"text": rows, "inserted": [True] * planted + [False] * others, "repeats": [1 + i % 4 for i in range(planted + others)]}
    )


def test_planted_canaries_that_are_known_fail_and_others_pass(tmp_path):
    data = canaries()
    known = Text(heart=data.column("text")[:60], gain=3.0)
    record = run("canary_exposure", known, tmp_path, canaries=data)
    found = value(record, "mean_exposure")
    assert record.outcome == "FAIL" and found.value > 8 and found.details["saturated"] > 0
    safe = run("canary_exposure", Text(), tmp_path, canaries=data)
    assert safe.outcome == "PASS", (safe.why, safe.controls)
    assert 0.8 < value(safe, "mean_exposure").value < 2.2


def test_canaries_that_cannot_be_compared(tmp_path):
    assert run("canary_exposure", Text(), tmp_path, canaries=canaries(60, 10)).outcome == "INVALID"
    rows = canaries()
    longer = tm.Dataset(
        {"text": [f"{t} x" if i else t for t, i in zip(rows.column("text"), rows.column("inserted"), strict=True)],
         "inserted": rows.column("inserted")}
    )  # fmt: skip
    assert "canaries are of one form" in broken(run("canary_exposure", Text(), tmp_path, canaries=longer))
    assert run("canary_exposure", Text(), tmp_path, canaries=canaries(5)).outcome == "INCONCLUSIVE"
    none = tm.Dataset({"text": [f"a {i}" for i in range(99)], "inserted": [False] * 99})
    assert "no canary was planted" in value(run("canary_exposure", Text(), tmp_path, canaries=none), "mean_exposure").why


def test_whether_a_canary_was_planted_is_read_strictly():
    data = tm.Dataset({"text": ["a", "b", "c"], "inserted": ["True", "no", 1]})
    assert read_inserted(data).tolist() == [True, False, True]
    with pytest.raises(tm.DataError, match="holds 'maybe'"):
        read_inserted(tm.Dataset({"text": ["a"], "inserted": ["maybe"]}))


@pytest.mark.parametrize("options", [{"max_distance": 1.0}, {"max_distance": -0.1}])
def test_options_that_cannot_be_meant(options, tmp_path):
    with pytest.raises(tm.UsageError, match="max_distance is"):
        run("extraction_rate", Text(), tmp_path, **SHORT, **options)
    with pytest.raises(tm.UsageError, match="queries is 0"):
        run("probabilistic_extraction", Text(), tmp_path, **SHORT, queries=0)


def test_every_page_is_complete():
    for check in CHECKS.values():
        for heading in ("What it measures", "What a high value means", "What it does not show", "Smallest sensible n", "Cost",
                        "Controls", "References"):  # fmt: skip
            assert heading in check.page, (check.id, heading)
