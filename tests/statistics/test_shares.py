"""paired_share_difference: what it refuses, what it says of little data, and how often its interval covers."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.stats import binomtest

from pytest_trustml.statistics import paired_share_difference

ABOUT = {"name": "change", "higher_is_safer": False}


@pytest.mark.parametrize(
    ("after", "before", "words"),
    [
        ([0.5, 1.5], [0, 0], "after[1] is 1.5. A share lies between 0 and 1"),
        ([0.5], [-0.1], "before[0] is -0.1"),
        ([float("nan")], [0], "after[0] is nan"),
        ([0.5], [0.5, 0.5], "after and before"),
    ],
)
def test_what_is_no_share_is_refused(after, before, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        paired_share_difference(after, before, **ABOUT)


def test_little_data():
    assert paired_share_difference([], [], **ABOUT).undefined == "no samples"
    one = paired_share_difference([1], [0], **ABOUT)
    assert (one.value, one.interval) == (1.0, None)
    two = paired_share_difference([1, 1], [0, 0], **ABOUT)
    assert two.interval.high == 1.0
    assert two.interval.low < 0.2, "two units that agree have not shown much"


def test_a_higher_level_is_wider_and_more_units_are_narrower():
    rng = np.random.default_rng(0)
    old, new = rng.random(40), rng.random(40)
    ends = [paired_share_difference(new, old, level=level, **ABOUT).interval for level in (0.8, 0.95, 0.99)]
    assert ends[2].low < ends[1].low < ends[0].low <= ends[0].high < ends[1].high < ends[2].high
    more = paired_share_difference(np.tile(new, 4), np.tile(old, 4), **ABOUT).interval
    assert more.high - more.low < 0.6 * (ends[1].high - ends[1].low)


@pytest.mark.parametrize(("units", "rare"), [(40, 0.5), (60, 0.02), (200, 0.004)])
def test_the_interval_covers_also_where_hardly_anything_changes(units, rare):
    """Student's interval alone does not: of few changes it often sees none, and then it is a point."""
    rng, times, hits = np.random.default_rng(units), 800, 0
    for _ in range(times):
        changed = rng.random(units) < rare
        before = np.round(rng.random(units) * 4) / 4 * (1 - changed)
        found = paired_share_difference(np.where(changed, 1.0, before), before, **ABOUT).interval
        hits += found.low <= rare <= found.high
    assert binomtest(hits, times, 0.95, alternative="less").pvalue > 0.01, hits
