"""Shares from scores, changes of shares, and trends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from pytest_trustml.statistics import adjusted_share, cochran_armitage, likeliest_share, rogan_gladen, share_change

P = [0.9, 0.8, 0.3, 0.2, 0.1, 0.6]
POSTERIORS = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_the_worked_examples():
    found = likeliest_share(P, 0.5)
    assert found.share == pytest.approx(0.454629, abs=1e-6)
    assert found.posteriors == pytest.approx([0.882388, 0.769291, 0.263223, 0.172462, 0.084772, 0.555639], abs=1e-6)
    assert adjusted_share(np.mean(P), 0.82, 0.12) == pytest.approx(0.519048, abs=1e-6)
    assert adjusted_share(0.5, 0.9, 0.05) == pytest.approx(0.529412, abs=1e-6)
    with pytest.raises(ValueError, match="not higher"):
        adjusted_share(0.5, 0.1, 0.1)


@pytest.mark.parametrize(
    ("apparent", "alarms", "expected"),
    [
        (0.3703, 0.0182, (0.399297, 0.366084, 0.358627)),
        (0.3895, 0.0136, (0.424075, 0.388969, 0.381083)),
        (0.0245, 0.0170, (0.008494, 0.007788, 0.007630)),
    ],
)
def test_published_attribution_rates_corrected(apparent, alarms, expected):
    for sensitivity, share in zip((0.90, 0.98, 1.0), expected, strict=True):
        assert adjusted_share(apparent, sensitivity, alarms) == pytest.approx(share, abs=1e-6)


def test_before_there_were_such_machines_the_share_is_nothing():
    early = [(0.0177, 0.0182), (0.0206, 0.0136), (0.0131, 0.0170)]
    assert [adjusted_share(a, 0.98, f) for a, f in early] == pytest.approx([-0.000520, 0.007243, -0.004050], abs=1e-6)


def em(posteriors, prior):
    """As it is published: step by step."""
    p, share = np.array(posteriors), prior
    for _ in range(200_000):
        positive, negative = share / prior * p, (1 - share) / (1 - prior) * (1 - p)
        new = float(np.mean(positive / (positive + negative)))
        if abs(new - share) < 1e-14:
            break
        share = new
    return share


@given(st.lists(st.floats(0.02, 0.98), min_size=2, max_size=20), st.floats(0.1, 0.9))
def test_it_is_where_em_ends(posteriors, prior):
    found = likeliest_share(posteriors, prior)
    steps = em(posteriors, prior)
    p = np.array(posteriors)

    def fit(share):
        return float(np.sum(np.log(share * p / prior + (1 - share) * (1 - p) / (1 - prior))))

    assert fit(found.share) >= fit(steps) - 1e-9
    assert 0 <= found.share <= 1 and found.share == pytest.approx(np.mean(found.posteriors), abs=1e-6)


@given(POSTERIORS, st.floats(0.1, 0.9))
def test_certain_posteriors_are_counted(posteriors, prior):
    certain = np.round(posteriors)
    found = likeliest_share(certain, prior)
    assert found.share == pytest.approx(certain.mean(), abs=1e-9) and found.posteriors == pytest.approx(certain, abs=1e-9)


def test_what_is_no_posterior():
    for bad, words in (([], "empty"), ([0.5, 1.2], r"posteriors\[1\] is 1.2")):
        with pytest.raises(ValueError, match=words):
            likeliest_share(bad, 0.5)
    with pytest.raises(ValueError, match="prior is 0"):
        likeliest_share([0.5], 0)


SE, SP = [1] * 190 + [0] * 10, [1] * 10 + [0] * 490
ABOUT = {"name": "rise", "higher_is_safer": False}


def flags(events, n):
    return [1] * events + [0] * (n - events)


def test_a_change_of_shares():
    found = share_change(flags(25, 1000), flags(13, 1000), SE, SP, **ABOUT)
    assert found.value == pytest.approx(0.012903, abs=1e-6) and found.details["raw"] == found.value
    shares = [rogan_gladen(flags(k, 1000), SE, SP, name="s", higher_is_safer=False).details["raw"] for k in (25, 13)]
    assert found.value == pytest.approx(shares[0] - shares[1])
    turned = share_change(flags(13, 1000), flags(25, 1000), SE, SP, **ABOUT)
    assert (turned.value, turned.interval.low) == pytest.approx((-found.value, -found.interval.high))
    alike = share_change(flags(25, 1000), flags(13, 1000), SE, SP, cluster=(range(1000), range(1000)), **ABOUT)
    assert alike.interval.low == pytest.approx(found.interval.low, abs=1e-4) and alike.clusters == 2000
    few = share_change(flags(25, 1000), flags(13, 1000), SE, SP, cluster=([i // 25 for i in range(1000)], range(1000)), **ABOUT)
    assert few.interval.high > 1.5 * found.interval.high


def test_a_change_that_cannot_be_told():
    coin = share_change(flags(5, 10), flags(2, 10), [1, 0], [1, 0], **ABOUT)
    assert "as often" in coin.undefined
    unsure = share_change(flags(5, 10), flags(2, 10), [1, 1, 0], [1, 0, 0], **ABOUT)
    assert (unsure.interval.low, unsure.interval.high) == (-1, 1)
    assert share_change([], flags(1, 3), SE, SP, **ABOUT).undefined == "no later samples"
    single = share_change(flags(1, 3), flags(1, 3), SE, SP, cluster=("aaa", "abc"), **ABOUT)
    assert "single cluster" in single.undefined


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.05), (0.02, 0.02), (0.1, 0.4)])
def test_the_interval_of_a_change_covers(before, after):
    rng, covered = np.random.default_rng(0), 0
    for _ in range(600):
        rates = [share * 0.9 + (1 - share) * 0.03 for share in (after, before)]
        populations = [rng.random(400) < rate for rate in rates]
        known = rng.random(150) < 0.9, rng.random(300) < 0.03
        found = share_change(*populations, *known, **ABOUT).interval
        covered += found.low <= after - before <= found.high
    assert covered / 600 >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 600)


def test_a_trend():
    found = cochran_armitage([13, 25], [1000, 1000])
    assert found.observed == pytest.approx(1.965418, abs=1e-6) and found.p == pytest.approx(2 * norm.sf(found.observed))
    falls = cochran_armitage([30, 20, 10], [100, 100, 100])
    assert falls.observed == pytest.approx(-cochran_armitage([10, 20, 30], [100, 100, 100]).observed) and falls.observed < -3
    even, uneven = (cochran_armitage([1, 2, 9], [10, 10, 10], places).observed for places in (None, [0, 1, 5]))
    assert even != uneven
    assert cochran_armitage([1, 0, 2], [10, 0, 10]) == cochran_armitage([1, 2], [10, 10], [0, 2])
    for nothing in (([0, 0], [5, 5]), ([5, 5], [5, 5]), ([3], [5]), ([], [])):
        assert cochran_armitage(*nothing).p == 1
    with pytest.raises(ValueError, match="6 of 5"):
        cochran_armitage([6], [5])


def test_p_values_of_a_trend_are_uniform_without_one():
    rng = np.random.default_rng(0)
    found = [cochran_armitage(rng.binomial(200, 0.2, 6), [200] * 6).p for _ in range(1500)]
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.018)
