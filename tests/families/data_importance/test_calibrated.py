"""Sample-specific criteria on drawn scores: they keep the false positive rate, find more where levels differ, and repeat B1."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from builtin_checks.data_importance.calibrated import CRITERIA, Flagged, Records, flag_calibrated, flag_plain
from pytest_trustml.statistics import paired_rate_difference


def draw(rng, count, *, lift=0.0, level=0.0):
    """Scores that follow importance by ``level`` and lie ``lift`` above it."""
    values, labels = rng.normal(size=count), rng.integers(3, size=count)
    return Records(level * values + lift + rng.normal(size=count), values, labels, rng.normal(size=count))


def flagged(rng, criterion, **how):
    members = draw(rng, 300, **how)
    known, others = (draw(rng, count, level=how.get("level", 0.0)) for count in (300, 200))
    found = flag_calibrated(members, known, others, 0.1, criterion=criterion, bins=3, classes=3)
    assert isinstance(found, Flagged), found
    return flag_plain(members, known, others, 0.1), found


@pytest.mark.parametrize("criterion", CRITERIA)
def test_without_a_leak_no_more_than_the_rate_is_flagged_and_the_gate_holds(criterion):
    seeds = 40 if criterion == "quantile" else 200
    rng = np.random.default_rng(4)
    rates, kept, fails = [], 0, 0
    for _ in range(seeds):
        plain, found = flagged(rng, criterion, level=1.0)
        rates += [found.members.mean(), found.others.mean()]
        kept += found.keeps(0.1)
        gain = paired_rate_difference(found.members, plain.members, name="gain", higher_is_safer=False)
        fails += gain.interval.low > 0.05
    assert np.mean(rates) <= 0.1 + 3 * np.std(rates) / np.sqrt(len(rates))
    assert np.mean(rates) > 0.08
    assert kept >= 0.98 * seeds
    assert binomtest(fails, seeds, 0.05, alternative="greater").pvalue > 0.01


@pytest.mark.parametrize("criterion", CRITERIA)
def test_with_a_leak_below_the_level_of_the_typical_the_gain_is_surely_above_the_limit(criterion):
    seeds = 20 if criterion == "quantile" else 60
    rng = np.random.default_rng(5)
    sure = 0
    for _ in range(seeds):
        plain, found = flagged(rng, criterion, lift=4.0, level=4.0)
        gain = paired_rate_difference(found.members, plain.members, name="gain", higher_is_safer=False)
        sure += gain.interval.low > 0.05
    assert sure >= 0.9 * seeds


def test_a_criterion_that_flags_too_many_is_told():
    many = Flagged(np.ones(5, bool), np.repeat([True, False], [40, 160]), 300)
    few = Flagged(np.ones(5, bool), np.repeat([True, False], [25, 175]), 300)
    assert (many.keeps(0.1), few.keeps(0.1)) == (False, True)


def test_what_is_missing_is_said():
    rng = np.random.default_rng(0)
    members, known, others = draw(rng, 50), draw(rng, 30), draw(rng, 50)
    assert "19 known non-members in each of 3 bins" in flag_calibrated(
        members, known, others, 0.05, criterion="bins", bins=3, classes=3
    )
    assert "fewer than the 19" in flag_calibrated(members, known, others, 0.05, criterion="quantile", bins=3, classes=3)
    flat = known._replace(scores=np.zeros(30))
    assert "of the same score" in flag_calibrated(members, flat, others, 0.1, criterion="standardised", bins=2, classes=3)


def test_the_reference_loss_is_one_of_the_features():
    records = draw(np.random.default_rng(0), 6)
    assert records.features(3).shape == (6, 5)
    assert records._replace(reference=None).features(3).shape == (6, 4)
    assert (records.take(np.array([2, 0])).features(3) == records.features(3)[[2, 0]]).all()
