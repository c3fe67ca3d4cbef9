"""How often the interval of the tracking rate holds the truth, with people whose pictures are tracked all or hardly at all."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from pytest_trustml.result.verdict import AtMost, Outcome, decide
from pytest_trustml.statistics import proportion

RUNS = 400
PICTURES = 10


def draw(rng, people, chained, leak):
    """Tracked pictures of people of whom a share ``chained`` is given away by a chain, the others picture by picture."""
    chains = rng.random(people) < chained
    tracked = rng.random((people, PICTURES)) < np.where(chains, 0.95, leak)[:, None]
    return tracked.ravel(), np.repeat(np.arange(people), PICTURES)


@pytest.mark.parametrize(("chained", "leak"), [(0.0, 0.02), (0.1, 0.02), (0.5, 0.1), (0.9, 0.3)])
@pytest.mark.parametrize("people", [12, 40])
def test_the_interval_holds_the_truth(chained, leak, people):
    rng = np.random.default_rng(people)
    truth = chained * 0.95 + (1 - chained) * leak
    held = 0
    for _ in range(RUNS):
        events, who = draw(rng, people, chained, leak)
        interval = proportion(events, name="dynamic_tracking", higher_is_safer=False, cluster=who).interval
        held += interval.low <= truth <= interval.high
    assert binom.cdf(held, RUNS, 0.95) > 1e-3, f"{held} of {RUNS}"


def test_no_picture_tracked_bounds_the_rate():
    """One-sided at 95 %: 1 - 0.05 ** (1 / n), which the two-sided interval at 90 % has as its upper end."""
    found = proportion(np.zeros(60, bool), name="dynamic_tracking", higher_is_safer=False, level=0.9)
    assert found.interval.high == pytest.approx(1 - 0.05 ** (1 / 60)) == pytest.approx(0.0487, abs=5e-5)


def test_a_protection_just_above_the_limit_seldom_passes():
    rng = np.random.default_rng(7)
    outcomes = []
    for _ in range(RUNS):
        events, who = draw(rng, 40, 0.2 / 0.95, 0.0)
        found = proportion(events, name="dynamic_tracking", higher_is_safer=False, cluster=who)
        outcomes.append(decide(found, AtMost(0.2), 20).outcome)
    passed, failed = outcomes.count(Outcome.PASS), outcomes.count(Outcome.FAIL)
    assert binom.sf(passed - 1, RUNS, 0.025) > 1e-3 and binom.sf(failed - 1, RUNS, 0.025) > 1e-3, (passed, failed)
