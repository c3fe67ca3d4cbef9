"""ROC curves with ties, DeLong, and the smallest false positive rate that data can resolve."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from pytest_trustml.statistics import auc, roc, tpr_at_fpr
from pytest_trustml.statistics.intervals import clopper_pearson_ends

ATTACK = {"name": "attack", "higher_is_safer": False}
MEMBERS, OTHERS = [0.9, 0.8, 0.7, 0.7, 0.4], [0.85, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0]
SCORES, LABELS = MEMBERS + OTHERS, [1] * 5 + [0] * 8
groups = st.tuples(st.lists(st.integers(0, 8), min_size=2, max_size=25), st.lists(st.integers(0, 8), min_size=2, max_size=25))


def ends(measurement):
    return measurement.interval.low, measurement.interval.high


def joined(sample):
    members, others = sample
    return members + others, [1] * len(members) + [0] * len(others)


def test_the_worked_example():
    assert auc(SCORES, LABELS, **ATTACK).value == pytest.approx(0.825)
    curve = roc(SCORES, LABELS)
    assert np.max((curve.tpr + 1 - curve.fpr) / 2) == pytest.approx(0.8125)
    assert np.max(curve.tpr - curve.fpr) == pytest.approx(0.625)
    for fpr, tpr in ((0.125, 0.4), (0.2, 0.4), (0.25, 0.8), (1.0, 1.0)):
        assert tpr_at_fpr(SCORES, LABELS, fpr, **ATTACK).value == pytest.approx(tpr)


def test_more_published_areas():
    repeat = [0.95, 0.90, 0.40, 0.97, 0.88], [0.35, 0.55, 0.30, 0.85, 0.60]
    brainwash = [9, 7, 10, 3, 8], [2, 4, 1, 5, 2]
    assert auc(*joined(repeat), **ATTACK).value == pytest.approx(0.88)
    assert auc(*joined(brainwash), **ATTACK).value == pytest.approx(0.92)
    assert auc(*joined(([2.5, 3.5, 4.5, 5.5], [1, 2, 3, 4])), **ATTACK).value == pytest.approx(0.8125)


def by_definition(members, others, level_z=1.959963984540054):
    """DeLong's interval straight from the matrix of comparisons."""
    wins = np.array([[(x > y) + (x == y) / 2 for y in others] for x in members])
    error = math.sqrt(wins.mean(axis=1).var(ddof=1) / len(members) + wins.mean(axis=0).var(ddof=1) / len(others))
    return wins.mean(), error, max(0, wins.mean() - level_z * error), min(1, wins.mean() + level_z * error)


@given(groups)
def test_delong_agrees_with_its_definition(sample):
    m = auc(*joined(sample), **ATTACK)
    value, error, low, high = by_definition(*sample)
    assert m.value == pytest.approx(value)
    assert m.value == pytest.approx(roc_auc_score(*reversed(joined(sample))))
    if m.interval is not None:
        assert m.details["standard_error"] == pytest.approx(error)
        if m.interval.method == "delong":
            assert ends(m) == pytest.approx((low, high))
        else:
            assert m.interval.low <= low + 1e-12
            assert m.interval.high >= high - 1e-12
        assert m.interval.high - m.interval.low > 1e-6


@given(groups, st.randoms())
def test_area_is_symmetric_and_blind_to_order_and_to_increasing_maps(sample, random):
    scores, labels = joined(sample)
    m = auc(scores, labels, **ATTACK)
    order = random.sample(range(len(scores)), len(scores))
    # Doubling is exact: a map that rounds could make two scores equal that were not.
    moved = auc([2 * scores[i] for i in order], [labels[i] for i in order], **ATTACK)
    flipped = auc([-s for s in scores], labels, **ATTACK)
    relabelled = auc(scores, [1 - label for label in labels], **ATTACK)
    assert moved.value == pytest.approx(m.value)
    assert flipped.value == pytest.approx(1 - m.value)
    assert relabelled.value == pytest.approx(1 - m.value)
    if m.interval is not None:
        low, high = ends(m)
        assert ends(moved) == pytest.approx((low, high))
        assert ends(flipped) == pytest.approx((1 - high, 1 - low))
        assert ends(relabelled) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize("n", [2, 20, 50, 1000])
def test_perfect_separation_is_not_certainty(n):
    m = auc(np.arange(2 * n), np.arange(2 * n) >= n, **ATTACK)
    assert m.value == 1
    assert ends(m) == pytest.approx((0.025 ** (1 / n), 1))
    worst = auc(-np.arange(2 * n), np.arange(2 * n) >= n, **ATTACK)
    assert ends(worst) == pytest.approx((0, 1 - 0.025 ** (1 / n)))


def test_one_swap_proves_no_more_than_perfection():
    scores = np.arange(100.0)
    scores[49], scores[50] = 50.0, 49.0
    m = auc(scores, np.arange(100) >= 50, **ATTACK)
    assert m.value == pytest.approx(0.9996)
    assert m.interval.low <= 0.025 ** (1 / 50)


def test_a_constant_score_has_no_interval_and_a_single_member_neither():
    assert auc([1] * 20, [1, 0] * 10, **ATTACK).no_interval == "all scores are the same"
    assert "single positive" in auc([1, 2, 3], [1, 0, 0], **ATTACK).no_interval


def test_a_missing_group_is_named():
    assert auc([1, 2], [1, 1], **ATTACK).undefined == "no negatives"
    assert tpr_at_fpr([1, 2], [0, 0], 0.5, **ATTACK).undefined == "no positives"
    with pytest.raises(ValueError, match="0 positives and 2 negatives"):
        roc([1, 2], [0, 0])


def test_rates_below_the_resolution_are_refused():
    scores, labels = np.arange(1499) % 997, np.arange(1499) < 500
    m = tpr_at_fpr(scores, labels, 0.001, **ATTACK)
    assert m.value is None
    assert m.undefined == "a false positive rate of 0.001 needs at least 1000 negatives, found 999"
    assert tpr_at_fpr(np.r_[scores, 0], np.r_[labels, False], 0.001, **ATTACK).value is not None
    assert "cannot be observed" in tpr_at_fpr(scores, labels, 0.0, **ATTACK).undefined
    with pytest.raises(ValueError, match=r"fpr is 1\.5"):
        tpr_at_fpr(scores, labels, 1.5, **ATTACK)


def test_all_tied_scores_catch_nobody_at_a_low_rate():
    m = tpr_at_fpr([1.0] * 300, [1] * 100 + [0] * 200, 0.01, **ATTACK)
    assert m.value == 0
    assert m.details["threshold"] == "above every score"
    assert ends(m) == pytest.approx((0, 1 - 0.025**0.01))


@given(groups, st.integers(50, 1000).map(lambda thousandths: thousandths / 1000))
def test_hits_at_a_rate_by_brute_force(sample, fpr):
    members, others = sample
    m = tpr_at_fpr(*joined(sample), fpr, **ATTACK)
    if fpr * len(others) < 1:
        assert m.value is None
        return
    thresholds = [t for t in range(11) if np.mean(np.array(others) >= t) <= fpr]
    best = max(np.mean(np.array(members) >= t) for t in thresholds)
    assert m.value == pytest.approx(best)
    assert m.details["fpr_achieved"] <= fpr
    assert ends(m) == pytest.approx(clopper_pearson_ends(round(m.value * len(members)), len(members), 0.95))
    assert tpr_at_fpr(*joined(sample), min(1.0, fpr + 0.2), **ATTACK).value >= m.value


@given(groups)
def test_the_curve_steps_over_ties_and_its_points_can_be_drawn(sample):
    scores, labels = joined(sample)
    curve = roc(scores, labels)
    assert len(curve.thresholds) == len(set(scores)) + 1
    assert (curve.false_positives[0], curve.true_positives[0]) == (0, 0)
    assert (curve.fpr[-1], curve.tpr[-1]) == (1, 1)
    assert np.trapezoid(curve.tpr, curve.fpr) == pytest.approx(auc(scores, labels, **ATTACK).value)
    fpr, tpr = curve.log_points(8)
    assert fpr[0] >= 1 / curve.n_negative - 1e-12
    assert (tpr > 0).all()
    assert (np.diff(tpr) >= 0).all()
    for x, y in zip(fpr, tpr, strict=True):
        assert y == tpr_at_fpr(scores, labels, min(1.0, x * (1 + 1e-12)), **ATTACK).value
