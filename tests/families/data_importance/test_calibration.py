"""Sample-specific thresholds: the worked example, what must hold, and the false positive rate that they keep."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import pytest_trustml as tm
from builtin_checks.data_importance.calibration import (
    bin_edges,
    bin_thresholds,
    importance_bins,
    new_threshold,
    predicted_quantile,
    sample_threshold,
    standardised,
)
from pytest_trustml.statistics import conformal_threshold

NON = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9])
MEMBERS = np.array([0.35, 0.45, 0.5, 0.25, 0.85, 0.95, 0.97, 0.65])
BINS = np.repeat([0, 1], 4)


def test_calibrating_doubles_the_hits_of_the_worked_example():
    pooled = sample_threshold(NON, 0.25)
    assert pooled == 0.7
    assert (MEMBERS > pooled).mean() == 0.375
    thresholds = bin_thresholds(NON, BINS, 0.25, count=2, new=False)
    assert thresholds.tolist() == [0.3, 0.8]
    assert (MEMBERS > thresholds[BINS]).mean() == 0.75
    assert (NON > thresholds[BINS]).mean() == 0.25
    truth = np.repeat([1, 0], 8)
    assert roc_auc_score(truth, np.concatenate([MEMBERS, NON])) == 0.640625
    scores = [standardised(each, BINS, NON, BINS) for each in (MEMBERS, NON)]
    assert roc_auc_score(truth, np.concatenate(scores)) == 0.78125


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60), st.floats(0.01, 0.99))
@settings(deadline=None)
def test_no_more_than_the_share_exceeds_the_threshold_and_none_lower_would_do(scores, fpr):
    found = sample_threshold(scores, fpr)
    array = np.array(scores)
    assert (array > found).mean() <= fpr + 1e-9
    lower = array[array < found]
    assert not len(lower) or (array > lower.max()).mean() > fpr - 1e-9


@given(st.lists(st.integers(0, 20), min_size=19, max_size=60), st.floats(0.05, 0.95))
@settings(deadline=None)
def test_the_threshold_for_new_records_is_the_conformal_one(scores, fpr):
    assert new_threshold(scores, fpr) == conformal_threshold(scores, fpr)


@given(st.lists(st.integers(0, 9), min_size=6, max_size=60), st.integers(1, 6))
@settings(deadline=None)
def test_bins_are_ordered_and_even_where_no_value_repeats(values, bins):
    found = importance_bins(values, bin_edges(values, bins))
    assert 0 <= found.min() and found.max() < bins
    assert (np.diff(found[np.argsort(values, kind="stable")]) >= 0).all()
    distinct = np.random.default_rng(0).permutation(len(values))
    sizes = np.bincount(importance_bins(distinct, bin_edges(distinct, bins)), minlength=bins)
    assert sizes.max() - sizes.min() <= 1


def test_new_records_of_every_bin_exceed_their_threshold_no_more_often_than_promised():
    rng = np.random.default_rng(3)
    rates = []
    for _ in range(300):
        thresholds = bin_thresholds(
            np.concatenate([rng.normal(size=30), 5 + 3 * rng.normal(size=30)]), np.repeat([0, 1], 30), 0.1, count=2
        )
        rates.append(np.concatenate([rng.normal(size=50) > thresholds[0], 5 + 3 * rng.normal(size=50) > thresholds[1]]).mean())
    assert np.mean(rates) <= 0.1 + 3 * np.std(rates) / math.sqrt(300)
    assert np.mean(rates) > 0.07


def test_a_bin_with_too_few_non_members_flags_nobody():
    thresholds = bin_thresholds(np.arange(22.0), np.array([0] * 20 + [1] * 2), 0.05, count=2)
    assert (np.isfinite(thresholds)).tolist() == [True, False]


def test_a_spread_that_cannot_be_told_is_said():
    with pytest.raises(tm.DataError, match="Bin 1 has 1 non-members"):
        standardised(np.zeros(2), np.array([0, 1]), np.array([0.0, 1.0, 2.0]), np.array([0, 0, 1]))


def test_the_predicted_quantile_follows_what_the_score_depends_on():
    rng = np.random.default_rng(0)
    value = rng.uniform(-1, 1, size=(800, 1))
    score = 3 * value[:, 0] + rng.normal(size=800)
    predicted = predicted_quantile(value[400:], value[:400], score[:400], 0.1)
    excess = score[400:] > predicted
    assert 0.05 < excess.mean() < 0.16
    assert abs(excess[value[400:, 0] > 0].mean() - excess[value[400:, 0] <= 0].mean()) < 0.08
    assert np.corrcoef(predicted, value[400:, 0])[0, 1] > 0.99
