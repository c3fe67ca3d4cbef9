"""Means against statsmodels, and what is said where no spread shows."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from pytest_trustml.statistics import mean

NAT = {"name": "shift", "unit": "nat", "higher_is_safer": False}
values = st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=2, max_size=40)


def ends(measurement):
    return measurement.interval.low, measurement.interval.high


@given(values, st.floats(0.5, 0.99))
def test_agrees_with_statsmodels(sample, level):
    m = mean(sample, level=level, **NAT)
    if len(set(sample)) == 1:
        assert m.interval is None
        assert "all values are equal" in m.no_interval
    else:
        assert m.value == pytest.approx(np.mean(sample), abs=1e-9)
        assert ends(m) == pytest.approx(DescrStatsW(sample).tconfint_mean(1 - level), rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("seed", range(5))
def test_clustered_interval_agrees_with_statsmodels(seed):
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, 12, 80)
    sample = rng.normal(size=12)[cluster] + rng.normal(size=80)
    fit = sm.OLS(sample, np.ones(80)).fit(cov_type="cluster", cov_kwds={"groups": cluster}, use_t=True)
    m = mean(sample, cluster=cluster, **NAT)
    assert ends(m) == pytest.approx(fit.conf_int()[0], rel=1e-9)
    assert m.details["standard_error"] == pytest.approx(fit.bse[0], rel=1e-9)
    assert (m.n, m.clusters) == (80, len(set(cluster.tolist())))


def test_worked_example_of_five_prompts_with_four_images():
    old = [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 0]]
    new = [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 1], [0, 0, 1, 0]]
    differences = (np.array(new) - np.array(old)).ravel()
    m = mean(differences, cluster=np.repeat(np.arange(5), 4), **NAT)
    assert m.value == pytest.approx(-0.15)
    assert m.details["standard_error"] == pytest.approx(0.061237, abs=1e-6)
    assert ends(m) == pytest.approx((-0.320022, 0.020022), abs=1e-6)
    assert mean(differences, **NAT).details["standard_error"] == pytest.approx(0.109424, abs=1e-6)


def test_copying_every_sample_leaves_the_clustered_interval_and_narrows_the_naive_one():
    sample = np.random.default_rng(0).normal(size=30)
    once, cluster = mean(sample, **NAT), np.repeat(np.arange(30), 8)
    again = mean(np.repeat(sample, 8), cluster=cluster, **NAT)
    assert ends(again) == pytest.approx(ends(once))
    naive = mean(np.repeat(sample, 8), **NAT)
    assert ends(naive)[1] - ends(naive)[0] < 0.4 * (ends(once)[1] - ends(once)[0])


@given(values, st.floats(-50, 50), st.floats(0.1, 10))
def test_shifting_and_scaling_move_the_interval_along(sample, shift, scale):
    m, moved = mean(sample, **NAT), mean(np.array(sample) * scale + shift, **NAT)
    if m.interval is not None and np.ptp(sample) > 0.01:
        assert ends(moved) == pytest.approx([end * scale + shift for end in ends(m)], rel=1e-6, abs=1e-6)


@given(values, st.randoms())
def test_order_does_not_matter_and_sign_mirrors(sample, random):
    m = mean(sample, **NAT)
    if m.interval is None:
        return
    assert ends(mean(random.sample(sample, len(sample)), **NAT)) == pytest.approx(ends(m), abs=1e-9)
    assert ends(mean([-x for x in sample], **NAT)) == pytest.approx((-m.interval.high, -m.interval.low), abs=1e-9)


def test_one_sample_or_one_cluster_has_no_interval():
    assert mean([3.0], **NAT).no_interval == "a single sample shows no spread"
    assert mean([3.0, 4.0], cluster=["a", "a"], **NAT).no_interval == "a single cluster shows no spread"


@pytest.mark.parametrize("constant", [0.0, 0.1, -7.3])
def test_equal_values_are_not_certainty(constant):
    m = mean([constant] * 50, **NAT)
    assert m.value == constant
    assert m.interval is None
    assert mean([1.0, 3.0, 2.0, 2.0], cluster=[0, 0, 1, 1], **NAT).no_interval.startswith("all clusters have the same mean")


def test_equal_values_between_bounds_have_the_exact_bound_of_the_unseen_share():
    m = mean([0.0] * 59, bounds=(0, 1), level=0.9, **NAT)
    assert ends(m) == pytest.approx((0.0, stats.beta.ppf(0.95, 1, 59)))
    assert m.interval.shrinks == 1
    by_cluster = mean([0.0] * 100, bounds=(-1, 2), cluster=np.arange(100) // 10, **NAT)
    assert ends(by_cluster) == pytest.approx((-(1 - 0.025**0.1), 2 * (1 - 0.025**0.1)))


def test_bounds_are_kept_and_checked():
    m = mean([0.0, 0.0, 1.0], bounds=(0, 1), **NAT)
    assert ends(m) == (0.0, 1.0)
    with pytest.raises(ValueError, match=r"values\[1\] is 1\.5, outside of bounds=\(0, 1\)"):
        mean([0.5, 1.5], bounds=(0, 1), **NAT)
    with pytest.raises(ValueError, match="lowest and the highest"):
        mean([0.5], bounds=(1, 0), **NAT)
