"""Properties of the formulas that hold whatever the numbers, and a simulated interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest

import pytest_trustml as tm
from builtin_checks.image_evolution import authenticity, bias, safety
from pytest_trustml.statistics import auc, paired_share_difference

ABOUT = {"name": "change", "higher_is_safer": False}

tables = arrays(bool, st.tuples(st.integers(1, 8), st.integers(1, 5)))
counts_of = st.integers(2, 5).flatmap(
    lambda k: arrays(np.int64, st.tuples(st.integers(1, 6), st.just(k)), elements=st.integers(0, 9))
)


def with_pictures(counts, fewest):
    return counts[counts.sum(axis=1) >= fewest]


@given(st.data(), tables)
def test_rates_of_several_judges(data, first):
    second, usable = (data.draw(arrays(bool, first.shape)) for _ in range(2))
    rates = [safety.shares(events, usable)[0].mean() for events in (first, second, safety.either([first, second]))]
    assert all(0 <= rate <= 1 for rate in rates)
    assert rates[2] >= max(rates[:2]) - 1e-12
    both = safety.shares(safety.majority([first, second]), usable)[0].mean()
    assert both <= min(rates[:2]) + 1e-12


@given(st.data(), tables)
def test_any_unsafe(data, events):
    usable = np.ones(events.shape, bool)
    anyone = safety.any_share(events, usable)
    assert anyone >= safety.shares(events, usable)[0].mean() - 1e-12
    fewer = data.draw(st.integers(1, events.shape[1]))
    assert safety.any_share(events[:, :fewer], usable[:, :fewer]) <= anyone
    order = data.draw(st.permutations(range(events.shape[1])))
    assert safety.any_share(events[:, order], usable) == anyone


@given(st.data(), st.integers(2, 30))
def test_swapping_versions_mirrors_the_interval(data, n):
    shares = st.lists(st.sampled_from([0, 0.25, 0.5, 0.75, 1]), min_size=n, max_size=n)
    old, new = data.draw(shares), data.draw(shares)
    there, back = paired_share_difference(new, old, **ABOUT), paired_share_difference(old, new, **ABOUT)
    assert back.value == pytest.approx(-there.value)
    assert (back.interval.low, back.interval.high) == pytest.approx((-there.interval.high, -there.interval.low))
    order = data.draw(st.permutations(range(n)))
    again = paired_share_difference(np.array(new)[order], np.array(old)[order], **ABOUT)
    assert (again.interval.low, again.interval.high) == pytest.approx((there.interval.low, there.interval.high))
    same = paired_share_difference(old, old, **ABOUT)
    assert same.value == 0
    assert same.interval.low < 0 < same.interval.high


@given(counts_of)
def test_imbalance(counts):
    counts = with_pictures(counts, 2)
    if not len(counts):
        return
    plain, squared = bias.imbalance(counts), bias.squared_imbalance(counts)
    shares, kinds = counts / counts.sum(axis=1, keepdims=True), counts.shape[1]
    biased = (kinds * (shares**2).sum(axis=1) - 1) / (kinds - 1)
    assert ((plain >= 0) & (plain <= 1 + 1e-12)).all()
    assert (squared <= biased + 1e-12).all()
    if kinds == 2:
        assert biased == pytest.approx(plain**2)
        assert squared.mean() <= (plain**2).mean() + 1e-12 <= plain.mean() + 2e-12
    assert bias.imbalance(counts[:, ::-1]) == pytest.approx(plain)
    assert bias.squared_imbalance(counts[:, ::-1]) == pytest.approx(squared)


@given(st.integers(2, 12), st.floats(0, 1))
def test_the_square_is_estimated_without_bias(n, p):
    women = np.arange(n + 1)
    weights = np.array([math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in women])
    estimates = bias.squared_imbalance(np.stack([women, n - women], axis=1))
    assert weights @ estimates == pytest.approx((2 * p - 1) ** 2, abs=1e-9)


simplex = st.lists(st.floats(0.01, 1), min_size=4, max_size=4).map(lambda row: np.array(row) / sum(row))


@given(simplex, simplex, simplex)
def test_total_variation(one, other, third):
    distance = bias.total_variation(one, other)
    assert 0 <= distance <= 1
    assert distance == bias.total_variation(other, one)
    assert distance <= bias.total_variation(one, third) + bias.total_variation(third, other) + 1e-12
    assert distance <= math.sqrt(float((one * np.log(one / other)).sum()) / 2) + 1e-9
    parts = [abs(one[list(part)].sum() - other[list(part)].sum()) for part in bias.halves(4)]
    assert distance == pytest.approx(max(parts)), "the largest difference of any part of the groups"
    assert np.allclose(bias.lift(one, other), 1) == np.allclose(one, other)


@given(arrays(np.int64, (3, 6), elements=st.integers(0, 2)), st.integers(1, 5))
def test_unknown_pictures_change_no_share(groups, more):
    padded = np.concatenate([groups, np.full((3, more), -1)], axis=1)
    assert (bias.group_counts(padded, 3) == bias.group_counts(groups, 3)).all()


scores = st.lists(st.integers(0, 20), min_size=3, max_size=25).map(lambda row: np.array(row) / 20)


@given(scores, scores, st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.integers(2, 4))
def test_detectors(fakes, reals, theta, times):
    assert (fakes >= theta).mean() >= (fakes >= theta + 0.1).mean()
    plain = authenticity.balanced_accuracy(fakes >= theta, reals >= theta)
    assert authenticity.balanced_accuracy(np.tile(fakes >= theta, times), reals >= theta) == pytest.approx(plain)
    chosen = authenticity.threshold(fakes, reals, "youden")
    every = [authenticity.balanced_accuracy(fakes >= edge, reals >= edge) for edge in np.arange(0, 1.1, 0.05)]
    assert authenticity.balanced_accuracy(fakes >= chosen, reals >= chosen) >= max(every) - 1e-9
    both, truth = np.concatenate([fakes, reals]), np.repeat([True, False], [len(fakes), len(reals)])
    areas = [auc(values, truth, name="auc", higher_is_safer=True).value for values in (both, np.exp(3 * both))]
    assert areas[0] == areas[1]


@given(st.floats(-1, 1), st.floats(0.001, 1), st.floats(0, 0.5), st.floats(0, 0.5))
def test_verdicts_are_total_and_monotone(value, reach, margin, worse):
    def outcome(shift, delta):
        found = tm.Measurement(
            name="change", value=value + shift, n=100, unit="share", higher_is_safer=False,
            interval=tm.Interval(low=value + shift - reach, high=value + shift + reach),
        )  # fmt: skip
        return tm.decide(found, tm.AtMost(delta)).outcome

    order = [tm.Outcome.PASS, tm.Outcome.INCONCLUSIVE, tm.Outcome.FAIL]
    assert order.index(outcome(worse, margin)) >= order.index(outcome(0.0, margin))
    assert order.index(outcome(0.0, margin / 2)) >= order.index(outcome(0.0, margin))


def test_the_interval_over_prompts_covers():
    """Prompts that differ, four pictures each that are alike: the true change lies in the interval 95 times in 100."""
    rng, hits, times, truth = np.random.default_rng(0), 0, 600, 0.05
    for _ in range(times):
        rates = rng.beta(0.6, 1.0, 120) * (1 - truth)
        old, new = rng.random((120, 4)) < rates[:, None], rng.random((120, 4)) < rates[:, None] + truth
        found = paired_share_difference(new.mean(axis=1), old.mean(axis=1), **ABOUT).interval
        hits += found.low <= truth <= found.high
    assert binomtest(hits, times, 0.95, alternative="less").pvalue > 0.01, hits
