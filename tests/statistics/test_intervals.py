"""Binomial intervals against their definition, statsmodels, and published numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from pytest_trustml.statistics.intervals import clopper_pearson_ends, newcombe_ends, t_ends, unseen, wilson_ends, z_value

ENDS = {"beta": clopper_pearson_ends, "wilson": wilson_ends}
counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
levels = st.floats(0.5, 0.999)


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        (3, 137, 0.004539, 0.062660),
        (33, 137, 0.171975, 0.321318),
        (0, 1000, 0.0, 0.003682),
        (1, 1000, 0.000025, 0.005559),
        (10, 10000, 0.000480, 0.001838),
        (84, 1000, 0.067553, 0.102943),
        (50, 50, 0.928878, 1.0),
        (87, 100, 0.787959, 0.928927),
        (17, 20, 0.621073, 0.967929),
    ],
)
def test_clopper_pearson_gives_the_published_ends(count, n, low, high):
    assert clopper_pearson_ends(count, n, 0.95) == pytest.approx((low, high), abs=6e-7)


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        (3, 137, 0.007475, 0.062401),
        (104, 112, 0.865355, 0.963364),
        (116, 120, 0.917420, 0.986962),
        (87, 100, 0.790196, 0.922428),
        (60, 1000, 0.046896, 0.076471),
    ],
)
def test_wilson_gives_the_published_ends(count, n, low, high):
    assert wilson_ends(count, n, 0.95) == pytest.approx((low, high), abs=6e-7)


def test_one_sided_bound_of_no_event():
    assert clopper_pearson_ends(0, 137, 0.90)[1] == pytest.approx(0.021629, abs=6e-7)
    assert clopper_pearson_ends(0, 1000, 0.90)[1] == pytest.approx(0.002991, abs=6e-7)


@given(counts, levels, st.sampled_from(sorted(ENDS)))
def test_agrees_with_statsmodels(sample, level, method):
    count, n = sample
    assert ENDS[method](count, n, level) == pytest.approx(proportion_confint(count, n, 1 - level, method=method), abs=1e-9)


@given(counts, levels)
def test_exact_ends_put_back_into_the_binomial_give_the_tail(sample, level):
    count, n = sample
    low, high = clopper_pearson_ends(count, n, level)
    if count > 0:
        assert binom.sf(count - 1, n, low) == pytest.approx((1 - level) / 2, rel=1e-9)
    if count < n:
        assert binom.cdf(count, n, high) == pytest.approx((1 - level) / 2, rel=1e-9)


@given(counts, levels)
def test_wilson_ends_solve_the_score_equation(sample, level):
    count, n = sample
    for end in wilson_ends(count, n, level):
        if 0 < end < 1:
            assert abs(count / n - end) == pytest.approx(z_value(level) * math.sqrt(end * (1 - end) / n), rel=1e-6, abs=1e-9)


@given(counts, levels, levels, st.sampled_from(sorted(ENDS)))
def test_bounds_symmetry_and_nesting(sample, level, other, method):
    count, n = sample
    low, high = ENDS[method](count, n, level)
    assert 0 <= low <= count / n <= high <= 1
    assert low < high
    assert ENDS[method](n - count, n, level) == pytest.approx((1 - high, 1 - low), abs=1e-9)
    inner, outer = sorted((level, other))
    assert ENDS[method](count, n, outer)[0] <= ENDS[method](count, n, inner)[0] + 1e-12
    assert ENDS[method](count, n, outer)[1] >= ENDS[method](count, n, inner)[1] - 1e-12


@given(st.integers(1, 300), st.data(), st.sampled_from(sorted(ENDS)))
def test_one_more_event_moves_both_ends_up(n, data, method):
    count = data.draw(st.integers(0, n - 1))
    fewer, more = ENDS[method](count, n, 0.95), ENDS[method](count + 1, n, 0.95)
    assert fewer[0] <= more[0]
    assert fewer[1] <= more[1]


@given(st.integers(1, 10**6), levels)
def test_unseen_is_the_exact_upper_end_of_no_event(n, level):
    assert unseen(n, level) == pytest.approx(clopper_pearson_ends(0, n, level)[1], rel=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((45, 50), (30, 50), 0.131891, 0.449299),
        ((244, 250), (6, 250), 0.913304, 0.970322),
        ((30, 50), (25, 50), -0.092177, 0.282187),
        ((26, 50), (24, 50), -0.150753, 0.226717),
    ],
)
def test_newcombe_gives_the_published_ends(first, second, low, high):
    assert newcombe_ends(first, second, 0.95) == pytest.approx((low, high), abs=6e-7)


@given(counts, counts)
def test_newcombe_agrees_with_statsmodels(first, second):
    theirs = confint_proportions_2indep(*first, *second, method="newcomb", compare="diff", correction=False)
    assert newcombe_ends(first, second, 0.95) == pytest.approx(theirs, abs=1e-9)


@given(counts, counts, st.floats(-1, 1))
def test_swapping_the_groups_mirrors_the_interval(first, second, phi):
    low, high = newcombe_ends(first, second, 0.95, phi)
    assert newcombe_ends(second, first, 0.95, phi) == pytest.approx((-high, -low), abs=1e-12)


def test_t_interval_of_the_worked_example():
    assert t_ends(-0.15, 0.0612372, 4, 0.95) == pytest.approx((-0.320022, 0.020022), abs=1e-6)


@pytest.mark.parametrize("level", [0, 1, 95, -0.1, float("nan")])
def test_a_level_that_is_none_is_named(level):
    with pytest.raises(ValueError, match=f"confidence level is {level}"):
        clopper_pearson_ends(1, 10, level)
