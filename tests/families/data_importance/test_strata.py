"""Strata, ratios with intervals that cover, and permutation tests that keep their level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, fisher_exact, spearmanr

import pytest_trustml as tm
from builtin_checks.data_importance.strata import Counts, correlation_p, dealt_p, rank_correlation, rate_ratio, strata


@given(st.lists(st.integers(0, 4), min_size=5, max_size=40), st.integers(2, 5), st.randoms())
@settings(deadline=None)
def test_strata_are_even_ordered_and_independent_of_the_rows(values, groups, random):
    ids = [f"id{number}" for number in range(len(values))]
    found = strata(values, ids, groups)
    sizes = np.bincount(found, minlength=groups)
    assert sizes.max() - sizes.min() <= 1
    for number in range(groups - 1):
        assert max(np.array(values)[found == number]) <= min(np.array(values)[found == number + 1])
    rows = list(range(len(values)))
    random.shuffle(rows)
    assert strata([values[row] for row in rows], [ids[row] for row in rows], groups).tolist() == found[rows].tolist()


def test_too_few_records_are_said():
    with pytest.raises(tm.UsageError, match="3 records for 5 strata"):
        strata([1, 2, 3], ["a", "b", "c"])


def test_a_ratio_of_nothing_is_one_and_the_ends_are_finite():
    assert rate_ratio(Counts(0, 50), Counts(0, 50), 0.01).value == 1.0
    extreme = rate_ratio(Counts(500, 500), Counts(0, 500), 0.01)
    assert extreme.value == extreme.high == 100
    assert 99 < rate_ratio(Counts(10**6, 10**6), Counts(0, 10**6), 0.01).low <= 100
    with pytest.raises(tm.UsageError, match="chance is 0"):
        rate_ratio(Counts(1, 2), Counts(1, 2), 0.0)


def test_a_task_that_guessing_solves_often_is_corrected_for_chance():
    """Of two classes a copy that is always right is 2 x as often right as a guess: no limit of 3 could ever fail."""
    assert rate_ratio(Counts(200, 200), Counts(100, 200), 0.5).value == 2
    found = rate_ratio(Counts(200, 200), Counts(100, 200), 0.5, corrected=True)
    assert found.value == 20
    assert found.low > 3
    assert rate_ratio(Counts(90, 200), Counts(80, 200), 0.5, corrected=True).value == 1
    with pytest.raises(tm.UsageError, match="chance is 1"):
        rate_ratio(Counts(1, 2), Counts(1, 2), 1.0, corrected=True)


COUNTS = st.integers(1, 300).flatmap(lambda n: st.builds(Counts, st.integers(0, n), st.just(n)))


@given(COUNTS, COUNTS, st.floats(0.001, 1))
@settings(deadline=None)
def test_intervals_of_ratios_hold_the_value_nest_and_mirror(top, bottom, chance):
    wide, narrow = rate_ratio(top, bottom, chance, 0.99), rate_ratio(top, bottom, chance, 0.8)
    assert chance - 1e-12 <= wide.low <= narrow.low <= narrow.value <= narrow.high <= wide.high <= 1 / chance + 1e-9
    mirrored = rate_ratio(bottom, top, chance, 0.99)
    assert (1 / mirrored.high, 1 / mirrored.low) == pytest.approx((wide.low, wide.high))


@pytest.mark.parametrize(("p", "q"), [(0.6, 0.1), (0.05, 0.01), (0.3, 0.3), (0.015, 0.004)])
def test_intervals_of_ratios_cover(p, q):
    rng = np.random.default_rng(7)
    truth, hits = max(p, 0.01) / max(q, 0.01), 0
    for _ in range(600):
        found = rate_ratio(Counts(int(rng.binomial(160, p)), 160), Counts(int(rng.binomial(160, q)), 160), 0.01)
        hits += found.low <= truth <= found.high
    assert binomtest(hits, 600, 0.95, alternative="less").pvalue > 0.01


def test_the_ratio_of_a_harmless_model_hardly_ever_fails():
    """Null level: with equal rates the whole interval lies above 3 in at most 5 % of 200 seeds."""
    rng = np.random.default_rng(11)
    fails = sum(
        rate_ratio(Counts(int(rng.binomial(100, 0.02)), 100), Counts(int(rng.binomial(100, 0.02)), 100), 0.01).low > 3
        for _ in range(200)
    )
    assert fails <= 10


def test_a_real_gap_nearly_always_fails():
    """Power: six of ten against one of twenty, 200 records each, lies above 3 as a whole in 95 % of 200 seeds or more."""
    rng = np.random.default_rng(12)
    fails = sum(
        rate_ratio(Counts(int(rng.binomial(200, 0.6)), 200), Counts(int(rng.binomial(200, 0.05)), 200), 0.05).low > 3
        for _ in range(200)
    )
    assert fails >= 190


@given(COUNTS, COUNTS)
@settings(deadline=None)
def test_dealing_is_fishers_exact_test(top, bottom):
    table = [[top.hits, top.n - top.hits], [bottom.hits, bottom.n - bottom.hits]]
    assert dealt_p(top, bottom) == pytest.approx(fisher_exact(table, alternative="greater").pvalue, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=4, max_size=40))
@settings(deadline=None)
def test_the_rank_correlation_is_scipys(pairs):
    one, other = zip(*pairs, strict=True)
    if len(set(one)) < 2 or len(set(other)) < 2:
        with pytest.raises(tm.UsageError, match="vary"):
            rank_correlation(one, other)
    else:
        assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic, abs=1e-12)


def test_the_permutation_p_keeps_its_level_and_sees_what_is_there():
    rng = np.random.default_rng(5)
    small = sum(correlation_p(rng.normal(size=40), rng.normal(size=40), rng, 199) <= 0.05 for _ in range(200))
    assert binomtest(small, 200, 0.05, alternative="greater").pvalue > 0.01
    x = rng.normal(size=60)
    assert correlation_p(x, x + 0.5 * rng.normal(size=60), rng, 999) == 0.001
