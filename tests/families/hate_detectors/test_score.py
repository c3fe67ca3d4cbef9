"""The formulas: test vectors, and what must hold for any counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builtin_checks.hate_detectors import score
from pytest_trustml.statistics import holm, rate_difference

LABELS = st.integers(1, 40).flatmap(lambda n: st.tuples(*[st.lists(st.booleans(), min_size=n, max_size=n)] * 2))


def test_ten_texts_by_hand():
    counts = score.count(np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0]) == 1, np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 1]) == 1)
    assert counts == (3, 2, 1, 4)
    wanted = {
        "precision": 0.6, "recall": 0.75, "fpr": 1 / 3, "f1_hate": 0.666667, "f1_other": 0.727273, "f1_macro": 0.696970,
        "f1_weighted": 0.703030, "accuracy": 0.7, "balanced_accuracy": 0.708333, "mcc": 0.408248,
    }  # fmt: skip
    assert {name: metric(counts) for name, metric in score.METRICS.items()} == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    ("precision", "recall", "accuracy", "f1_hate", "f1_macro"),
    [(0.724, 0.858, 0.7821, 0.7853, 0.7820), (0.691, 0.760, 0.7306, 0.7239, 0.7305)],
)
def test_the_published_f1_is_the_mean_of_both_classes(precision, recall, accuracy, f1_hate, f1_macro):
    """Two detectors of the paper: their F1 of .782 and .730 is met by the macro mean alone."""
    caught = recall * 3641
    alarms = caught / precision - caught
    counts = score.Counts(caught, alarms, 3641 - caught, 4197 - alarms)
    assert score.accuracy(counts) == pytest.approx(accuracy, abs=1e-4)
    assert score.f1_hate(counts) == pytest.approx(f1_hate, abs=1e-4)
    assert score.f1_macro(counts) == pytest.approx(f1_macro, abs=1e-4)
    assert score.fpr(counts) > 0.28, "what the F1 hides"


@given(LABELS)
def test_counts_add_up_and_samples_have_no_order(pair):
    gold, said = map(np.array, pair)
    counts = score.count(gold, said)
    assert counts.tp + counts.fn == gold.sum() and counts.n == len(gold)
    order = np.random.default_rng(0).permutation(len(gold))
    assert score.count(gold[order], said[order]) == counts


@given(LABELS)
def test_the_macro_mean_does_not_care_which_class_is_called_hateful(pair):
    gold, said = map(np.array, pair)
    forth, back = (score.f1_macro(score.count(g, s)) for g, s in ((gold, said), (~gold, ~said)))
    assert forth == pytest.approx(back, nan_ok=True)
    assert score.f1_hate(score.count(~gold, ~said)) == pytest.approx(score.f1_other(score.count(gold, said)), nan_ok=True)


def test_the_f1_of_one_class_does_care():
    counts = score.Counts(3, 2, 1, 4)
    assert score.f1_hate(counts) != score.f1_hate(counts.flipped)


@given(LABELS, st.integers(2, 4))
def test_recall_of_all_is_the_weighted_mean_of_the_groups(pair, groups):
    gold, said = map(np.array, pair)
    group = np.arange(len(gold)) % groups
    parts = [score.count(gold[group == g], said[group == g]) for g in range(groups)]
    have = [part for part in parts if part.tp + part.fn]
    if not have:
        return
    weights = [part.tp + part.fn for part in have]
    mean = np.average([score.recall(part) for part in have], weights=weights)
    assert mean == pytest.approx(score.recall(score.count(gold, said)))


@given(LABELS)
def test_what_is_undefined_is_a_word_with_n(pair):
    gold, said = map(np.array, pair)
    for name, value in score.named(score.count(gold, said)).items():
        assert isinstance(value, str) == math.isnan(score.METRICS[name](score.count(gold, said)))
        if isinstance(value, str):
            assert value.startswith("undefined: ") and f"(n = {len(gold)})" in value
        else:
            assert -1 <= value <= 1


@pytest.mark.parametrize(
    ("counts", "name", "why"),
    [
        ((0, 0, 0, 0), "recall", "no texts"),
        ((0, 1, 0, 3), "recall", "no hateful texts"),
        ((2, 0, 1, 0), "fpr", "no other texts"),
        ((0, 0, 2, 3), "precision", "nothing is flagged"),
        ((2, 3, 0, 0), "mcc", "everything is flagged"),
    ],
)
def test_the_reason_of_an_undefined_metric(counts, name, why):
    assert why in score.named(score.Counts(*counts))[name]


def test_shares_at_another_prior():
    counts = score.Counts(30, 20, 10, 140)
    even = score.shares(score.recall(counts), score.fpr(counts), 0.5)
    assert score.recall(even) == pytest.approx(0.75) and score.fpr(even) == pytest.approx(0.125)
    assert even.tp + even.fn == pytest.approx(0.5)
    own = score.shares(score.recall(counts), score.fpr(counts), 0.2)
    assert score.f1_macro(own) == pytest.approx(score.f1_macro(counts))


def test_four_rates_of_one_attack():
    assert score.evasion(120, 8, 104) == pytest.approx((0.928571, 0.866667, 0.933333, 0.066667), abs=1e-6)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_rates_of_an_attack_fit_together(given_texts, skipped, won):
    if skipped > given_texts or won > given_texts - skipped:
        with pytest.raises(ValueError, match="do not fit"):
            score.evasion(given_texts, skipped, won)
        return
    found = score.evasion(given_texts, skipped, won)
    if given_texts == skipped:
        assert math.isnan(found.success_rate), "neither 0 nor 1"
        return
    assert 0 <= found.success_rate <= 1
    assert found.total_evasion >= found.successes_of_given
    assert found.total_evasion + found.accuracy_under_attack == pytest.approx(1)


def test_two_groups_and_many_groups():
    gap = rate_difference([1] * 45 + [0] * 5, [1] * 30 + [0] * 20, name="gap", higher_is_safer=False)
    assert (gap.value, gap.interval.low, gap.interval.high) == pytest.approx((0.3, 0.131891, 0.449299), abs=1e-6)
    assert holm([0.0004, 0.01, 0.03, 0.2], family=34).tolist() == pytest.approx([0.0136, 0.33, 0.96, 1])
