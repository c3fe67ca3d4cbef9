"""Effect sizes and tails."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trustml.statistics import cohen_d, share_above

ABOUT = {"name": "effect", "higher_is_safer": False}


def fresh(seed=0):
    return np.random.default_rng(seed)


def test_cohen_d_by_hand():
    # Means 4 and 2, variances 2.5 and 2.5, so d = 2 / sqrt(2.5).
    m = cohen_d([2, 3, 4, 5, 6] * 4, [0, 1, 2, 3, 4] * 4, rng=fresh(), **ABOUT)
    pooled = np.sqrt(np.var([2, 3, 4, 5, 6] * 4, ddof=1))
    assert m.value == pytest.approx(2 / pooled)
    assert m.interval.low < m.value < m.interval.high
    assert (m.n, m.details["n_first"], m.details["mean_first"]) == (40, 20, 4.0)


def test_cohen_d_turns_its_sign_with_the_groups_and_ignores_the_scale():
    one, two = fresh(1).normal(1, 1, 50), fresh(2).normal(0, 2, 60)
    m = cohen_d(one, two, rng=fresh(), **ABOUT)
    assert cohen_d(two, one, rng=fresh(), **ABOUT).value == pytest.approx(-m.value)
    moved = cohen_d(one * 3 + 5, two * 3 + 5, rng=fresh(), **ABOUT)
    assert moved.value == pytest.approx(m.value)
    assert moved.interval.low == pytest.approx(m.interval.low)


def test_cohen_d_without_spread_is_undefined():
    assert cohen_d([1] * 20, [2] * 20, rng=fresh(), **ABOUT).undefined == "neither group varies"
    assert "two samples" in cohen_d([1], [2, 3], rng=fresh(), **ABOUT).undefined


def test_a_reference_that_is_too_small_has_no_tail():
    m = share_above(np.zeros(50), np.arange(98), **ABOUT)
    assert m.undefined == "the 0.99 quantile needs at least 99 reference values, found 98"
    assert share_above(np.zeros(50), np.arange(99), **ABOUT).details["threshold"] == 98
    assert share_above(np.zeros(50), np.arange(9), quantile=0.9, **ABOUT).value == 0
    assert share_above(np.zeros(50), np.arange(8), quantile=0.9, **ABOUT).undefined.startswith("the 0.9 quantile needs")
    with pytest.raises(ValueError, match="quantile is 1"):
        share_above([1], [1], quantile=1, **ABOUT)


@pytest.mark.parametrize(("m", "quantile", "threshold"), [(99, 0.99, 99), (199, 0.99, 198), (500, 0.99, 496), (19, 0.95, 19)])
def test_the_threshold_is_the_conformal_order_statistic(m, quantile, threshold):
    assert share_above([0.0], np.arange(1, m + 1), quantile=quantile, **ABOUT).details["threshold"] == threshold


@given(st.lists(st.integers(0, 130), min_size=1, max_size=60), st.randoms())
def test_bounds_monotonicity_and_order(values, random):
    reference = np.arange(120)
    m = share_above(values, reference, **ABOUT)
    low, high = m.interval.low, m.interval.high
    assert 0 <= low <= m.value <= high <= 1
    assert low <= m.details["share_given_threshold_low"] + 1e-12
    assert high >= m.details["share_given_threshold_high"] - 1e-12
    assert share_above(random.sample(values, len(values)), reference, **ABOUT).interval == m.interval
    higher = share_above([value + 5 for value in values], reference, **ABOUT)
    assert higher.value >= m.value
    # The two uncertainties are added as squares, so only the part that is given the threshold is strictly monotone.
    assert higher.details["share_given_threshold_high"] >= m.details["share_given_threshold_high"] - 1e-12


def test_clear_cases_are_clear():
    reference = fresh(0).normal(size=300)
    memorised = share_above(fresh(1).normal(4, 1, 200), reference, **ABOUT)
    assert memorised.interval.low > 0.5
    alike = share_above(fresh(2).normal(size=400), fresh(3).normal(size=400), **ABOUT)
    assert alike.interval.low < 0.01 < alike.interval.high < 0.06
