"""The bootstrap against scipy's, and where it must not pretend."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_trustml.statistics import bootstrap, resampling

ABOUT = {"name": "statistic", "unit": "nat", "higher_is_safer": False}


def ends(measurement):
    return measurement.interval.low, measurement.interval.high


def fresh(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("method", ["bca", "percentile"])
@pytest.mark.parametrize("statistic", [np.mean, np.std, np.median])
def test_one_sample_agrees_with_scipy_draw_by_draw(method, statistic):
    sample = fresh(1).exponential(size=60)
    theirs = stats.bootstrap((sample,), statistic, n_resamples=999, vectorized=False, method=method, rng=fresh(2))
    ours = bootstrap(statistic, sample, rng=fresh(2), method=method, resamples=999, **ABOUT)
    assert ours.value == pytest.approx(statistic(sample))
    assert ends(ours) == pytest.approx(theirs.confidence_interval, rel=1e-9)
    assert ours.details["standard_error"] == pytest.approx(theirs.standard_error, rel=1e-9)


def test_paired_samples_agree_with_scipy_draw_by_draw():
    x = fresh(1).normal(size=50)
    y = x + fresh(2).normal(size=50)

    def correlation(a, b):
        return np.corrcoef(a, b)[0, 1]

    theirs = stats.bootstrap((x, y), correlation, n_resamples=499, vectorized=False, paired=True, rng=fresh(3))
    ours = bootstrap(correlation, x, y, rng=fresh(3), paired=True, resamples=499, **ABOUT)
    assert ends(ours) == pytest.approx(theirs.confidence_interval, rel=1e-9)
    assert ours.n == 50


def test_independent_samples_are_drawn_independently():
    one, two = fresh(1).exponential(size=80), fresh(2).exponential(size=40)

    def ratio(a, b):
        return a.mean() / b.mean()

    theirs = stats.bootstrap((one, two), ratio, n_resamples=4000, vectorized=False, rng=fresh(3)).confidence_interval
    ours = bootstrap(ratio, one, two, rng=fresh(3), resamples=4000, **ABOUT)
    assert ends(ours) == pytest.approx(theirs, rel=0.05)
    assert ours.n == 120


def test_clusters_are_drawn_whole():
    effects = fresh(1).normal(size=40)
    sample, cluster = np.repeat(effects, 6), np.repeat(np.arange(40), 6)
    clustered = bootstrap(np.mean, sample, cluster=cluster, rng=fresh(2), **ABOUT)
    plain = bootstrap(np.mean, effects, rng=fresh(2), **ABOUT)
    assert ends(clustered) == pytest.approx(ends(plain))
    assert (clustered.n, clustered.clusters) == (240, 40)
    two = bootstrap(
        lambda a, b: a.mean() - b.mean(), sample, sample, cluster=[cluster, None], rng=fresh(2), resamples=200, **ABOUT
    )
    assert two.clusters == 280


def test_the_seed_decides_and_the_order_of_rows_of_a_table_is_kept():
    table = fresh(1).normal(size=(30, 4))

    def spread(rows):
        return float(np.linalg.norm(rows.mean(axis=0)))

    first = bootstrap(spread, table, rng=fresh(5), resamples=200, **ABOUT)
    assert first == bootstrap(spread, table, rng=fresh(5), resamples=200, **ABOUT)
    assert first != bootstrap(spread, table, rng=fresh(6), resamples=200, **ABOUT)


def test_levels_are_nested():
    sample = fresh(1).gamma(2, size=50)
    wide, narrow = (ends(bootstrap(np.mean, sample, rng=fresh(2), level=level, **ABOUT)) for level in (0.99, 0.8))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_grouped_jackknife_is_close_to_the_full_one(monkeypatch):
    sample = fresh(1).exponential(size=400)
    full = ends(bootstrap(np.mean, sample, rng=fresh(2), **ABOUT))
    monkeypatch.setattr(resampling, "_JACKKNIFE_GROUPS", 100)
    assert ends(bootstrap(np.mean, sample, rng=fresh(2), **ABOUT)) == pytest.approx(full, rel=0.01)


def test_degenerate_cases_say_why_instead_of_a_narrow_interval():
    rng = fresh()
    assert "all resamples agree" in bootstrap(np.mean, np.full(30, 0.7), rng=rng, **ABOUT).no_interval
    assert "at least 10 independent units" in bootstrap(np.mean, np.arange(9.0), rng=rng, **ABOUT).no_interval
    few = bootstrap(np.mean, np.arange(60.0), cluster=np.arange(60) // 10, rng=rng, **ABOUT)
    assert few.no_interval.endswith("found 6")
    undefined = bootstrap(lambda a: float("nan"), np.arange(20.0), rng=rng, **ABOUT)
    assert undefined.value is None
    assert "no finite number" in undefined.undefined

    def rare(a):
        return 1 / a.sum() if a.any() else float("inf")

    some = bootstrap(rare, np.r_[np.ones(1), np.zeros(19)], rng=rng, **ABOUT)
    assert some.value == 1
    assert "resamples" in some.no_interval
    outside = bootstrap(np.max, np.arange(20.0), rng=rng, **ABOUT)
    assert outside.interval is None or outside.interval.high <= 19


def test_mistakes_are_named():
    rng = fresh()
    with pytest.raises(ValueError, match="nothing to resample"):
        bootstrap(np.mean, rng=rng, **ABOUT)
    with pytest.raises(ValueError, match="same length, found 20 and 21"):
        bootstrap(np.mean, np.zeros(20), np.zeros(21), paired=True, rng=rng, **ABOUT)
    table = np.zeros((20, 2))
    table[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"Sample 0 holds nan at \(3, 1\)"):
        bootstrap(np.mean, table, rng=rng, **ABOUT)
    with pytest.raises(ValueError, match="3 entries for 2 samples"):
        bootstrap(np.mean, np.zeros(20), np.zeros(20), cluster=[None, None, None], rng=rng, **ABOUT)
    with pytest.raises(ValueError, match="single value"):
        bootstrap(np.mean, 3.0, rng=rng, **ABOUT)
