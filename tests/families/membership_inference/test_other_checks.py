"""metric_attacks and claimed_epsilon on classifiers with planted truth."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.membership_inference import claimed_epsilon, metric_attacks
from builtin_checks.membership_inference.checks.metric_attacks import highest
from tests.families.membership_inference.scripted import (
    Scripted,
    Sure,
    broken,
    make_trust,
    noise,
    records,
    run,
    value,
)

SETS = {"members": records(800), "nonmembers": records(1600, 10_000)}


def test_confidence_alone_gives_away_a_model_that_is_too_sure(tmp_path):
    record = run(metric_attacks, Sure(SETS["members"]), tmp_path, SETS)
    assert record.outcome == "FAIL", record.why
    found = value(record, "highest_tpr_at_1_percent_fpr")
    assert found.low > 0.5
    assert found.details["attack"] in ("confidence", "modified_entropy", "entropy")
    assert value(record, "advantage").low > 0.5
    assert value(record, "attack_auc").low > 0.9


def test_a_model_that_learnt_nobody_passes(tmp_path):
    record = run(metric_attacks, Scripted("careful", SETS["members"]), tmp_path, SETS)
    assert record.outcome == "PASS", record.why
    gain = value(record, "advantage")
    assert gain.low < 0 < gain.high
    assert gain.details["advantage_where_learnt"] > 0, "which is why it is judged on the other half"


def test_hard_records_learnt_by_heart_hide_behind_easy_ones(tmp_path):
    """A PASS that low_fpr takes back: the memorising model gives every record the confidence of an easy one."""
    record = run(metric_attacks, Scripted("memorising", SETS["members"]), tmp_path, SETS)
    assert record.outcome == "PASS"
    assert value(record, "accuracy_gap").low > 0.15
    assert value(record, "advantage").low > 0.1


@pytest.mark.parametrize("style", ["constant", "blank", "random"])
def test_a_classifier_that_learnt_nothing_is_invalid(tmp_path, style):
    record = run(metric_attacks, Scripted(style, SETS["members"]), tmp_path, SETS)
    assert (record.outcome, broken(record)) == ("INVALID", ["the model has learnt"])


@pytest.mark.parametrize("count", [2, 5])
def test_a_handful_of_records_is_inconclusive(tmp_path, count):
    few = {name: part.take(range(count)) for name, part in SETS.items()}
    record = run(metric_attacks, Scripted("memorising", few["members"]), tmp_path, few)
    assert record.outcome == "INCONCLUSIVE", record.why


def test_a_single_member_leaves_nothing_to_learn_a_threshold_from(tmp_path):
    few = {"members": SETS["members"].take([0]), "nonmembers": SETS["nonmembers"].take(range(200))}
    record = run(metric_attacks, Scripted("memorising", few["members"]), tmp_path, few)
    assert value(record, "advantage").value == "undefined"
    assert record.outcome in ("INCONCLUSIVE", "INVALID")


def test_picking_the_largest_of_four_is_paid_for(tmp_path):
    """200 simulations of four useless attacks: the interval holds for the largest share, and it is wider than that of one."""
    trust = make_trust(metric_attacks, tmp_path)
    rng, inside, wrong = np.random.default_rng(0), np.arange(900) < 400, 0
    for _ in range(200):
        found = highest(trust, {name: rng.normal(size=900) for name in "abcd"}, inside)
        wrong += not found.interval.low <= 0.01 <= found.interval.high
    assert wrong <= 10
    one = tm.members_caught(np.arange(900.0), inside, 0.01, name="x").interval
    four = highest(trust, dict.fromkeys("abcd", np.arange(900.0)), inside).interval
    assert four.high > one.high


def canaries(count, seed=0):
    data = records(count, 30_000)
    included = np.random.default_rng(seed).random(count) < 0.5
    labels = np.random.default_rng(seed + 1).permutation(data.column("label"))  # nobody can know them without learning them
    return data.with_columns(included=included, label=labels.tolist())


def learnt(data, share=1.0, seed=0):
    """A model that learnt this share of the included canaries."""
    kept = np.random.default_rng(seed).random(len(data)) < share
    rows = np.flatnonzero(np.array(data.column("included")) & kept)
    return Scripted("memorising", data.take(rows.tolist()))


def test_a_claim_that_the_canaries_refute_fails(tmp_path):
    data = canaries(600)
    record = run(claimed_epsilon, learnt(data), tmp_path, {"canaries": data}, claimed_epsilon=1.0, guess_share=0.5)
    assert record.outcome == "FAIL", record.why
    assert not broken(record)
    found = value(record, "evidence_against_claim")
    assert (found.low, found.high) == (found.value, 1.0)
    assert value(record, "epsilon_lower_bound").value > 1.0
    assert value(record, "right_guesses").low > 0.7


@pytest.mark.parametrize("share", [0.0, 0.05])
def test_what_refutes_nothing_is_never_a_pass(tmp_path, share):
    data = canaries(600)
    for claim in (0.5, 8.0):
        record = run(claimed_epsilon, learnt(data, share), tmp_path, {"canaries": data}, claimed_epsilon=claim)
        assert record.outcome == "INCONCLUSIVE"
        assert "can prove a claim wrong, never right" in record.why
        found = value(record, "evidence_against_claim")
        for limit in (0.0, 0.5, 0.95, 1.0, 100.0):
            measured = tm.Measurement(
                name="evidence_against_claim", value=found.value, n=found.n, unit="probability", higher_is_safer=False,
                no_interval=found.why,
            )  # fmt: skip
            assert tm.decide(measured, tm.AtMost(limit)).outcome is tm.Outcome.INCONCLUSIVE


def test_fail_and_the_lower_bound_say_the_same(tmp_path):
    data = canaries(600)
    model = learnt(data, 0.5)
    bound = value(run(claimed_epsilon, model, tmp_path, {"canaries": data}), "epsilon_lower_bound").value
    assert bound > 0.2
    outcomes = [
        run(claimed_epsilon, model, tmp_path, {"canaries": data}, claimed_epsilon=bound + d).outcome for d in (-1e-4, 1e-4)
    ]
    assert outcomes == ["FAIL", "INCONCLUSIVE"]


def test_without_a_claim_only_the_bound_is_reported(tmp_path):
    data = canaries(400)
    record = run(claimed_epsilon, learnt(data), tmp_path, {"canaries": data})
    assert record.outcome == "INCONCLUSIVE"
    assert "set the option claimed_epsilon" in record.why
    assert value(record, "epsilon_lower_bound").value > 0


def test_a_model_that_answers_all_alike_gives_no_evidence(tmp_path):
    """Ties are dealt at random: the order of the rows, in which the included come first, tells nothing."""
    data = canaries(600)
    order = np.argsort(~np.array(data.column("included")), kind="stable")
    data = data.take(order.tolist())
    for style in ("constant", "blank"):
        record = run(claimed_epsilon, Scripted(style, data), tmp_path, {"canaries": data}, claimed_epsilon=0.01)
        assert record.outcome == "INCONCLUSIVE"


def test_honest_training_is_hardly_ever_accused(tmp_path):
    """20 tosses of the coin, a model that learnt none of it: FAIL in 5 % at most."""
    data, failed = canaries(200), 0
    for seed in range(20):
        tossed = data.with_columns(included=np.random.default_rng(seed).random(200) < 0.5)
        record = run(
            claimed_epsilon, Scripted("careful", SETS["members"]), tmp_path, {"canaries": tossed}, claimed_epsilon=0.01
        )
        failed += record.outcome == "FAIL"
    assert failed <= 3


class Moody(Scripted):
    """Each text makes it sure or unsure of everything, and every model of the kind alike."""

    def __init__(self, style, members):
        super().__init__(style, members)
        self.fingerprint += "-moody"
        plain = self.classifier.logits
        self.classifier.logits = lambda texts: plain(texts) + np.array([6 * noise("mood", text) for text in texts], np.float32)


def test_a_reference_model_sharpens_the_audit(tmp_path):
    data = canaries(600)
    included = data.take(np.flatnonzero(data.column("included")).tolist())
    model, reference = Moody("memorising", included), Moody("careful", SETS["members"])
    alone, compared = (
        value(run(claimed_epsilon, model, tmp_path, {"canaries": data}, companions=c, guess_share=0.3), "right_guesses")
        for c in ({}, {"reference": reference})
    )
    assert compared.low > alone.value


def test_a_coin_that_is_not_fair_is_invalid(tmp_path):
    data = canaries(600)
    data = data.with_columns(included=np.arange(600) < 400)
    record = run(claimed_epsilon, learnt(data), tmp_path, {"canaries": data}, claimed_epsilon=1.0)
    assert (record.outcome, broken(record)) == ("INVALID", ["a fair coin"])


def test_canaries_that_are_told_apart_blindly_are_invalid(tmp_path):
    data = canaries(600)
    marked = [
        text + (" marked" if inside else "") for text, inside in zip(data.column("text"), data.column("included"), strict=True)
    ]
    data = data.with_columns(text=marked)
    record = run(claimed_epsilon, learnt(data), tmp_path, {"canaries": data}, claimed_epsilon=1.0)
    assert (record.outcome, broken(record)) == ("INVALID", ["blind baseline"])


def test_five_canaries_are_inconclusive(tmp_path):
    data = canaries(600).take(range(5))
    record = run(claimed_epsilon, learnt(data), tmp_path, {"canaries": data}, claimed_epsilon=1.0, guess_share=1.0)
    assert record.outcome == "INCONCLUSIVE"
    record = run(claimed_epsilon, learnt(data), tmp_path, {"canaries": data}, claimed_epsilon=1.0)
    assert "5 canaries allow no two guesses" in record.why


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"claimed_epsilon": -1.0}, "claimed_epsilon is -1.0"),
        ({"delta": 0.01}, "below 1 / 400"),
        ({"guess_share": 0.0}, "guess_share is 0.0"),
    ],
)
def test_options_that_cannot_be_meant(tmp_path, options, words):
    data = canaries(400)
    with pytest.raises(tm.UsageError, match=words):
        run(claimed_epsilon, learnt(data), tmp_path, {"canaries": data}, **options)


def test_a_column_that_says_neither_in_nor_out_is_refused(tmp_path):
    data = canaries(200).with_columns(included=["perhaps"] * 200)
    with pytest.raises(tm.DataError, match="'perhaps'"):
        run(claimed_epsilon, Scripted("careful", SETS["members"]), tmp_path, {"canaries": data})
    words = canaries(200)
    words = words.with_columns(included=["1.0" if inside else "no" for inside in words.column("included")])
    assert run(claimed_epsilon, Scripted("careful", SETS["members"]), tmp_path, {"canaries": words}).outcome == "INCONCLUSIVE"
