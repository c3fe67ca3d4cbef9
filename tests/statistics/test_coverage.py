"""The test of an interval is how often it covers the truth: exactly where it can be summed up, by simulation elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_trustml.statistics import (
    auc,
    bootstrap,
    cohen_d,
    mean,
    paired_rate_difference,
    proportion,
    rate_difference,
    rogan_gladen,
    share_above,
    sign_flip,
    tpr_at_fpr,
)
from pytest_trustml.statistics.intervals import clopper_pearson_ends, wilson_ends

ABOUT = {"name": "measured", "higher_is_safer": False}
NAT = ABOUT | {"unit": "nat"}


def covered(measurement, truth):
    """A measurement without interval makes no claim, so it is not wrong; the tests below have hardly any."""
    return measurement.interval is None or measurement.interval.low - 1e-12 <= truth <= measurement.interval.high + 1e-12


def judge(hits, at_least):
    """Fail if so few hits would be seen less than once in a thousand at a coverage of ``at_least``."""
    test = stats.binomtest(int(np.sum(hits)), len(hits), at_least, alternative="less")
    assert test.pvalue > 0.001, f"covers {np.mean(hits):.4f} of {len(hits)}, needs {at_least}"


def wald_ends(count, n, level):
    rate = count / n
    reach = stats.norm.ppf((1 + level) / 2) * np.sqrt(rate * (1 - rate) / n)
    return rate - reach, rate + reach


def exact_coverage(ends, n, rate):
    counts = np.arange(n + 1)
    inside = [low <= rate <= high for low, high in (ends(int(count), n, 0.95) for count in counts)]
    return float(stats.binom.pmf(counts, n, rate) @ np.array(inside))


@pytest.mark.parametrize("n", [5, 30, 100])
def test_clopper_pearson_never_covers_too_seldom(n):
    rates = np.linspace(0.001, 0.999, 97)
    each = [exact_coverage(clopper_pearson_ends, n, rate) for rate in rates]
    assert min(each) >= 0.95
    assert np.mean([exact_coverage(wilson_ends, n, rate) for rate in rates]) == pytest.approx(0.95, abs=0.012)


def test_the_judges_can_tell_a_bad_interval():
    assert exact_coverage(wald_ends, 100, 0.01) < 0.65
    rng = np.random.default_rng(0)
    hits = [low <= 0.01 <= high for low, high in (wald_ends(count, 100, 0.95) for count in rng.binomial(100, 0.01, 300))]
    with pytest.raises(AssertionError, match="needs"):
        judge(np.array(hits), 0.93)


@pytest.mark.parametrize("rate", [0.02, 0.2, 0.5])
@pytest.mark.parametrize("icc", [0.0, 0.1, 0.5])
def test_rate_in_clusters(rate, icc):
    rng = np.random.default_rng(int(1000 * rate + 10 * icc))
    sizes = np.arange(30) % 7 + 5
    cluster = np.repeat(np.arange(30), sizes)
    scale = (1 - icc) / icc if icc else None
    hits = []
    for _ in range(600):
        each = np.full(30, rate) if scale is None else rng.beta(rate * scale, (1 - rate) * scale, 30)
        hits.append(covered(proportion(rng.random(len(cluster)) < each[cluster], cluster=cluster, **ABOUT), rate))
    judge(np.array(hits), 0.94)


def test_mean_and_mean_in_clusters():
    rng = np.random.default_rng(0)
    judge(np.array([covered(mean(rng.normal(size=5), **NAT), 0) for _ in range(2000)]), 0.95)
    cluster = np.repeat(np.arange(15), 4)
    samples = rng.normal(size=(1500, 15))[:, cluster] + rng.normal(size=(1500, 60))
    judge(np.array([covered(mean(sample, cluster=cluster, **NAT), 0) for sample in samples]), 0.95)
    naive = np.array([covered(mean(sample, **NAT), 0) for sample in samples])
    assert naive.mean() < 0.85


@pytest.mark.parametrize(("first", "second", "n", "m"), [(0.5, 0.5, 40, 40), (0.02, 0.05, 100, 60), (0.95, 0.6, 30, 50)])
def test_difference_of_rates(first, second, n, m):
    rng = np.random.default_rng(n + m)
    hits = [
        covered(rate_difference(rng.random(n) < first, rng.random(m) < second, **ABOUT), first - second) for _ in range(2000)
    ]
    judge(np.array(hits), 0.94)


@pytest.mark.parametrize(
    ("both", "only_after", "only_before"), [(0.3, 0.1, 0.1), (0.02, 0.06, 0.01), (0.5, 0.01, 0.0), (0.45, 0.01, 0.03)]
)
def test_paired_difference_of_rates(both, only_after, only_before):
    rng = np.random.default_rng(7)
    kinds = np.array([(1, 1), (1, 0), (0, 1), (0, 0)], dtype=bool)
    drawn = rng.choice(4, p=[both, only_after, only_before, 1 - both - only_after - only_before], size=(2000, 80))
    hits = [covered(paired_rate_difference(kinds[row, 0], kinds[row, 1], **ABOUT), only_after - only_before) for row in drawn]
    judge(np.array(hits), 0.94)


@pytest.mark.parametrize("changed", [0.01, 0.3])
def test_paired_difference_in_clusters(changed):
    rng = np.random.default_rng(3)
    cluster, hits = np.repeat(np.arange(40), 5), []
    for _ in range(800):
        before = rng.random(200) < 0.3
        worse = (rng.random(40) < 2 * changed)[cluster] & (rng.random(200) < 0.5) & ~before
        hits.append(covered(paired_rate_difference(before | worse, before, cluster=cluster, **ABOUT), 0.7 * changed))
    judge(np.array(hits), 0.93)


@pytest.mark.parametrize(("area", "n"), [(0.5, 30), (0.8, 30), (0.95, 50), (0.99, 50), (0.999, 50)])
def test_area_under_the_curve(area, n):
    rng = np.random.default_rng(int(area * 1000))
    shift, labels = stats.norm.ppf(area) * np.sqrt(2), np.repeat([1, 0], n)
    scores = rng.normal(size=(1000, 2 * n)) + shift * labels
    judge(np.array([covered(auc(row, labels, **ABOUT), area) for row in scores]), 0.92)


def test_hits_beyond_the_threshold():
    rng = np.random.default_rng(1)
    labels, hits = np.repeat([1, 0], [60, 200]), []
    for _ in range(400):
        scores = rng.normal(size=260) + 1.5 * labels
        blocked = np.sort(scores[60:])[-3]  # two of 200 negatives may lie above
        hits.append(covered(tpr_at_fpr(scores, labels, 0.01, **ABOUT), stats.norm.sf(blocked - 1.5)))
    judge(np.array(hits), 0.95)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.2, 0.5])
@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.95, 0.98), (0.8, 0.95)])
def test_share_behind_a_detector(share, sensitivity, specificity):
    rng = np.random.default_rng(int(100 * share))
    apparent, hits = share * sensitivity + (1 - share) * (1 - specificity), []
    for _ in range(600):
        flagged, cases, others = rng.random(500) < apparent, rng.random(200) < sensitivity, rng.random(200) > specificity
        hits.append(covered(rogan_gladen(flagged, cases, others, **ABOUT), share))
    judge(np.array(hits), 0.94)


@pytest.mark.parametrize(("n", "m"), [(200, 400), (100, 1000), (1000, 150)])
@pytest.mark.parametrize("shift", [0.0, 1.0, 3.0])
def test_share_above_the_true_quantile(n, m, shift):
    rng = np.random.default_rng(n + m)
    truth = stats.norm.sf(stats.norm.ppf(0.99) - shift)
    measured = [share_above(rng.normal(shift, 1, n), rng.normal(size=m), **ABOUT) for _ in range(600)]
    judge(np.array([one.interval.high >= truth for one in measured]), 0.965)
    assert {one.details["reference_encloses_quantile"] for one in measured} == {m >= 368}
    if m >= 368:
        judge(np.array([covered(one, truth) for one in measured]), 0.94)


def test_bootstrap_of_a_skewed_mean():
    rng = np.random.default_rng(11)
    hits = [covered(bootstrap(np.mean, rng.exponential(size=40), rng=rng, resamples=400, **NAT), 1.0) for _ in range(300)]
    judge(np.array(hits), 0.91)


def test_effect_size():
    rng = np.random.default_rng(12)
    hits = [
        covered(cohen_d(rng.normal(0.8, 1, 40), rng.normal(0, 1, 40), rng=rng, resamples=200, **ABOUT), 0.8) for _ in range(150)
    ]
    judge(np.array(hits), 0.91)


def test_sign_flips_keep_their_level():
    rng = np.random.default_rng(13)
    p = np.array([sign_flip(row).p for row in rng.normal(size=(1500, 8))])
    for level in (0.05, 0.2):
        assert stats.binomtest(int((p <= level).sum()), len(p), level, alternative="greater").pvalue > 0.001
