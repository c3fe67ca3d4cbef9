"""Areas under the curve with clusters, and differences of two scores on the same samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from pytest_trustml.statistics import auc, auc_difference, clustered_auc
from pytest_trustml.statistics.placements import influences

ABOUT = {"name": "auroc", "higher_is_safer": True}
SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed, m=20, n=25, ties=True):
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.normal(0.7, 1, m), rng.normal(0, 1, n)])
    return (np.round(scores, 1) if ties else scores), np.repeat([True, False], [m, n])


@given(SEEDS)
def test_clusters_of_one_are_no_clusters(seed):
    scores, labels = drawn(seed)
    plain, clustered = auc(scores, labels, **ABOUT), clustered_auc(scores, labels, range(45), **ABOUT)
    assert clustered.value == plain.value
    assert clustered.details["standard_error"] == pytest.approx(plain.details["standard_error"], rel=0.03)


@given(SEEDS)
def test_influences_are_derivatives_of_the_area(seed):
    scores, labels = drawn(seed)
    parts = influences(scores, labels)
    assert parts.sum() == pytest.approx(0, abs=1e-12)
    value = auc(scores, labels, **ABOUT).value
    without = auc(scores[1:], labels[1:], **ABOUT).value
    assert value - without == pytest.approx(parts[0] * 20 / 19, abs=1e-12)  # exact: the area is linear in each sample


@given(SEEDS)
def test_a_difference_is_that_of_the_areas_and_turns_with_its_sides(seed):
    first, labels = drawn(seed)
    second, _ = drawn(seed + 1)
    found, turned = auc_difference(first, second, labels, **ABOUT), auc_difference(second, first, labels, **ABOUT)
    assert found.value == pytest.approx(auc(first, labels, **ABOUT).value - auc(second, labels, **ABOUT).value)
    assert (turned.value, turned.interval.low) == pytest.approx((-found.value, -found.interval.high))
    same = auc_difference(first, 3 * first + 1, labels, **ABOUT)
    assert same.value == 0 and same.interval.low < 0 < same.interval.high  # equal on these samples is not equal


def test_intervals_cover():
    """Normal scores of pairs that share a part: the areas are Phi of the shift over the root of twice the variance."""
    shift, pairs = 1.28, list(range(40)) * 2
    labels = np.repeat([True, False], [40, 40])
    first, second = (norm.cdf(shift / np.sqrt(2 * variance)) for variance in (1.64, 2.64))
    hits = np.zeros(2)
    for seed in range(400):
        rng = np.random.default_rng(seed)
        scores = rng.normal(size=80) + 0.8 * np.tile(rng.normal(size=40), 2) + shift * labels
        area = clustered_auc(scores, labels, pairs, **ABOUT).interval
        gap = auc_difference(scores, scores + rng.normal(size=80), labels, cluster=pairs, **ABOUT).interval
        hits += [area.low <= first <= area.high, gap.low <= first - second <= gap.high]
    assert (hits / 400 >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 400)).all() and hits[0] / 400 < 0.995


def test_paired_samples_make_a_difference_surer_than_apart():
    rng = np.random.default_rng(0)
    labels = np.repeat([True, False], [150, 150])
    first = rng.normal(size=300) + labels
    second = first + 0.3 * rng.normal(size=300)
    found = auc_difference(first, second, labels, **ABOUT)
    apart = [auc(scores, labels, **ABOUT).interval for scores in (first, second)]
    assert found.interval.high - found.interval.low < (apart[0].high - apart[0].low) / 2


def test_what_cannot_be_told():
    assert clustered_auc([1, 2, 3, 4], [0, 0, 1, 1], "aaaa", **ABOUT).no_interval == "all samples come from one cluster"
    assert auc_difference([1, 2, 3, 4], [1, 2, 3, 4], [0, 0, 1, 1], cluster="aaaa", **ABOUT).interval is None
    assert auc_difference([1, 2], [1, 2], [0, 0], **ABOUT).undefined == "no positives"
    assert "single" in auc_difference([1, 2, 3], [1, 2, 3], [0, 0, 1], **ABOUT).no_interval
    assert clustered_auc([1, 1, 1, 1], [0, 0, 1, 1], "abcd", **ABOUT).interval is None
    perfect = clustered_auc(range(40), [0] * 20 + [1] * 20, list(range(20)) * 2, **ABOUT)
    assert perfect.value == 1 and 0.8 < perfect.interval.low < 0.9 and "exact pairs" in perfect.interval.method
    with pytest.raises(ValueError, match="belong together"):
        auc_difference([1, 2], [1], [0, 1], **ABOUT)
