"""Sample sizes and detectable effects, checked against the tests that they plan."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pytest_trustml.statistics import (
    critical_count,
    detectable_mean,
    detectable_paired_difference,
    detectable_rate,
    mcnemar_n,
    n_for_upper_bound,
    n_to_decide,
)
from pytest_trustml.statistics.intervals import clopper_pearson_ends, unseen


@pytest.mark.parametrize(("bound", "n"), [(0.05, 59), (0.02, 149), (0.01, 299), (0.005, 598), (0.001, 2995)])
def test_zero_failures_prove_little(bound, n):
    assert n_for_upper_bound(bound) == n
    assert unseen(n, 0.90) <= bound < unseen(n - 1, 0.90)


@pytest.mark.parametrize(("p10", "p01", "n"), [(0.05, 0.01, 230), (0.10, 0.02, 114), (0.03, 0.01, 617)])
def test_mcnemar_sizes_are_the_published_ones_and_inverted(p10, p01, n):
    assert mcnemar_n(p10, p01) == n
    assert detectable_paired_difference(n, p10 + p01) == pytest.approx(p10 - p01, rel=0.005)


@pytest.mark.parametrize(("n", "count"), [(100, 4), (500, 10), (5000, 63)])
def test_critical_counts_are_the_published_ones(n, count):
    assert critical_count(n, 0.01) == count
    assert stats.binomtest(count, n, 0.01, alternative="greater").pvalue <= 0.05
    assert stats.binomtest(count - 1, n, 0.01, alternative="greater").pvalue > 0.05


@pytest.mark.parametrize(("n", "correct"), [(50, 32), (100, 59), (200, 113), (500, 269)])
def test_smallest_significant_accuracy(n, correct):
    assert critical_count(n, 0.5) == correct


@settings(max_examples=50)
@given(st.floats(0, 0.3), st.floats(0.001, 0.5))
def test_n_to_decide_is_the_first_that_decides(rate, limit):
    n = n_to_decide(rate, limit)
    if n is None:
        return

    def decided(size):
        low, high = clopper_pearson_ends(rate * size, size, 0.95)
        return high <= limit if rate < limit else low > limit

    assert decided(n)
    assert not decided(n - 1) or n == 1


def test_a_rate_on_its_limit_is_never_decided():
    assert n_to_decide(0.05, 0.05) is None
    assert n_to_decide(0.0, 0.01) == 368


@settings(max_examples=50)
@given(st.integers(5, 3000), st.floats(0, 0.5), st.floats(0.5, 0.99))
def test_a_detectable_rate_is_detected_as_often_as_promised(n, limit, power):
    rate = detectable_rate(n, limit, power=power)
    if rate is None:
        assert clopper_pearson_ends(n, n, 0.95)[0] <= limit
        return
    needed = next(k for k in range(n + 1) if clopper_pearson_ends(k, n, 0.95)[0] > limit)
    assert stats.binom.sf(needed - 1, n, rate) == pytest.approx(power, abs=1e-6)
    assert rate > limit


def test_detectable_mean_is_the_textbook_formula():
    assert detectable_mean(100, 1) == pytest.approx((1.959964 + 0.841621) / 10, abs=1e-6)
    assert detectable_mean(400, 1) == pytest.approx(detectable_mean(100, 1) / 2)


def test_nothing_is_detectable_with_too_few_pairs():
    assert detectable_paired_difference(5, 0.05) is None


@pytest.mark.parametrize(
    "plan",
    [
        lambda: n_for_upper_bound(0),
        lambda: n_to_decide(-0.1, 0.5),
        lambda: critical_count(10, 1.0),
        lambda: mcnemar_n(0.1, 0.1),
        lambda: mcnemar_n(0.9, 0.2),
        lambda: detectable_rate(0),
        lambda: detectable_rate(10, power=1),
        lambda: detectable_mean(1, 1.0),
        lambda: detectable_paired_difference(10, 0),
    ],
)
def test_impossible_plans_are_refused(plan):
    with pytest.raises(ValueError, match=r" (is|are) "):
        plan()
