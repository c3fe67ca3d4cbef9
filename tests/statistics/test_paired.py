"""Before and after on the same samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as by_statsmodels

from pytest_trustml.statistics import mcnemar, mean, paired_mean_difference, paired_rate_difference

WORSE_UP = {"name": "increase", "higher_is_safer": False}
pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=50)


def ends(measurement):
    return measurement.interval.low, measurement.interval.high


def table(both, b, c, none):
    """Two columns of events with these cells."""
    after = [1] * both + [1] * b + [0] * c + [0] * none
    before = [1] * both + [0] * b + [1] * c + [0] * none
    return after, before


@pytest.mark.parametrize(
    ("b", "c", "two_sided", "one_sided", "mid_p"),
    [
        (8, 1, 0.039062, 0.019531, 0.010742),
        (5, 0, 0.0625, 0.03125, 0.015625),
        (12, 3, 0.035156, 0.017578, 0.010635),
        (3, 3, 1, 0.65625, 0.5),
        (1, 4, 0.375, 0.96875, 0.890625),
        (0, 0, 1, 1, 1),
    ],
)
def test_mcnemar_gives_the_published_numbers(b, c, two_sided, one_sided, mid_p):
    test = mcnemar(b, c)
    assert (test.two_sided, test.one_sided, test.mid_p) == pytest.approx((two_sided, one_sided, mid_p), abs=6e-7)


@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar_agrees_with_statsmodels_and_is_symmetric(b, c):
    test = mcnemar(b, c)
    if b + c:
        assert test.two_sided == pytest.approx(by_statsmodels([[1, b], [c, 1]], exact=True).pvalue, rel=1e-9)
    assert test.two_sided == mcnemar(c, b).two_sided
    assert 0 < test.mid_p <= test.one_sided <= 1
    assert mcnemar(b + 1, c).one_sided <= test.one_sided + 1e-12


def test_mcnemar_refuses_what_counts_nothing():
    with pytest.raises(ValueError, match=r"b is -1\. It counts pairs"):
        mcnemar(-1, 2)
    with pytest.raises(ValueError, match=r"c is 1\.5"):
        mcnemar(1, 1.5)


def test_newcombe_gives_the_published_interval():
    m = paired_rate_difference(*table(2, 8, 1, 126), **WORSE_UP)
    assert m.value == pytest.approx(0.051095, abs=6e-7)
    assert ends(m) == pytest.approx((0.005634, 0.105536), abs=6e-7)
    assert m.details == pytest.approx(
        {
            "b": 8, "c": 1, "n_both": 2, "n_none": 126, "rate_after": 10 / 137, "rate_before": 3 / 137,
            "p_mcnemar": 20 / 512, "p_mcnemar_one_sided": 10 / 512, "p_mcnemar_mid": 5.5 / 512,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    # Newcombe 1998, Statistics in Medicine 17, 2635-2650, method 10: both, only after, only before, none. The second row is
    # Wilson's upper end for 0 of 54, by hand: 3.8415 / 57.8415.
    ("cells", "low", "high"),
    [((36, 12, 2, 0), 0.0569, 0.3404), ((54, 0, 0, 0), -0.0664, 0.0664)],
)
def test_newcombe_beside_the_original_paper(cells, low, high):
    assert ends(paired_rate_difference(*table(*cells), **WORSE_UP)) == pytest.approx((low, high), abs=6e-5)


def test_the_one_sided_test_asks_for_a_change_for_the_worse():
    after, before = table(100, 1, 8, 10)
    fall = paired_rate_difference(after, before, name="refusal_change", higher_is_safer=True)
    rise = paired_rate_difference(before, after, **WORSE_UP)
    assert fall.details["p_mcnemar_one_sided"] == rise.details["p_mcnemar_one_sided"] == pytest.approx(10 / 512)


@given(pairs, st.randoms())
def test_swapping_negates_and_order_does_not_matter(sample, random):
    after, before = zip(*sample, strict=True)
    there, back = paired_rate_difference(after, before, **WORSE_UP), paired_rate_difference(before, after, **WORSE_UP)
    low, high = ends(there)
    assert there.value == -back.value
    assert ends(back) == pytest.approx((-high, -low))
    assert (there.details["b"], there.details["c"]) == (back.details["c"], back.details["b"])
    assert -1 <= low <= there.value <= high <= 1
    mixed = random.sample(sample, len(sample))
    assert ends(paired_rate_difference(*zip(*mixed, strict=True), **WORSE_UP)) == (low, high)


@given(pairs, st.floats(0.5, 0.99), st.floats(0.5, 0.99))
def test_levels_are_nested(sample, one, other):
    after, before = zip(*sample, strict=True)
    inner, outer = (ends(paired_rate_difference(after, before, level=level, **WORSE_UP)) for level in sorted((one, other)))
    assert outer[0] <= inner[0] + 1e-12
    assert inner[1] <= outer[1] + 1e-12


@given(st.integers(1, 200), st.integers(0, 200))
def test_agreement_on_every_sample_is_not_proof_of_sameness(both, none):
    n = both + none
    m = paired_rate_difference(*table(both, 0, 0, none), **WORSE_UP)
    assert m.value == 0
    assert m.interval.high >= 1 - 0.025 ** (1 / n) - 1e-12
    assert m.interval.low <= -(1 - 0.025 ** (1 / n)) + 1e-12
    assert m.interval.shrinks == 1
    one_worse = paired_rate_difference(*table(both, 1, 0, none), **WORSE_UP)
    assert one_worse.interval.high > m.interval.high - 1 / n


def test_clustered_pairs_use_the_robust_t_interval_and_count_unseen_clusters():
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(200), 5)
    before = rng.random(1000) < np.repeat(rng.random(200), 5)
    after = before ^ (rng.random(1000) < np.repeat(rng.random(200) * 0.6, 5))
    m = paired_rate_difference(after, before, cluster=cluster, **WORSE_UP)
    plain = mean(after.astype(float) - before, name="a", unit="b", higher_is_safer=False, cluster=cluster)
    assert (m.n, m.clusters, m.interval.method) == (1000, 200, "student-t (clustered)")
    assert ends(m) == pytest.approx(ends(plain))
    same = paired_rate_difference(before, before, cluster=cluster, **WORSE_UP)
    assert ends(same) == pytest.approx((-(1 - 0.025 ** (1 / 200)), 1 - 0.025 ** (1 / 200)))
    single = paired_rate_difference(after, before, cluster=np.zeros(1000), **WORSE_UP)
    assert single.no_interval == "all pairs come from one cluster"


def test_mean_difference_of_the_worked_example():
    base, adapted = [3, 2.5, 4, 1, 2, 3.5], [2, 2.4, 1, -0.5, 1.8, 3.6]
    m = paired_mean_difference(adapted, base, name="shift", unit="nat", higher_is_safer=True)
    assert m.value == pytest.approx(-0.95)
    assert m.details["p_wilcoxon_one_sided"] == pytest.approx(0.046875)
    assert m.details["mean_after"] - m.details["mean_before"] == pytest.approx(m.value)
    other = paired_mean_difference(base, adapted, name="shift", unit="nat", higher_is_safer=False)
    assert ends(other) == pytest.approx((-m.interval.high, -m.interval.low))
    assert other.details["p_wilcoxon_one_sided"] == pytest.approx(0.046875)
    assert ends(m) == pytest.approx(stats.ttest_rel(adapted, base).confidence_interval())


def test_a_model_compared_with_itself_has_no_spread_without_bounds():
    same = np.linspace(0, 1, 300)
    m = paired_mean_difference(same, same, name="shift", unit="nat", higher_is_safer=True)
    assert m.value == 0
    assert m.interval is None
    bounded = paired_mean_difference(same, same, name="shift", unit="cosine", higher_is_safer=True, bounds=(-2, 2))
    assert bounded.interval.high == pytest.approx(2 * -math.expm1(math.log(0.025) / 300))
