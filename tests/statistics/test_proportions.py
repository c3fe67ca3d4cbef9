"""Rates, plain and clustered."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trustml.statistics import proportion, rate_difference
from pytest_trustml.statistics.clusters import effective_size, read_clusters
from pytest_trustml.statistics.intervals import clopper_pearson_ends

LOWER = {"name": "rate", "higher_is_safer": False}
events = st.lists(st.booleans(), min_size=1, max_size=60)
clustered = st.integers(2, 40).flatmap(
    lambda n: st.tuples(st.lists(st.booleans(), min_size=n, max_size=n), st.lists(st.integers(0, 6), min_size=n, max_size=n))
)


def ends(measurement):
    return measurement.interval.low, measurement.interval.high


def test_a_plain_rate_says_everything():
    m = proportion([1, 1, 1] + [0] * 134, **LOWER)
    assert (m.value, m.n, m.unit, m.clusters, m.details) == (3 / 137, 137, "share", None, {"events": 3})
    assert (m.interval.method, m.interval.level, m.interval.shrinks) == ("clopper-pearson", 0.95, 0.5)
    assert proportion([1, 0, 0], method="wilson", **LOWER).interval.method == "wilson"


@pytest.mark.parametrize("event", [0, 1])
def test_a_rate_without_exception_narrows_as_n(event):
    m = proportion([event] * 50, **LOWER)
    assert m.interval.shrinks == 1
    assert m.interval.high - m.interval.low == pytest.approx(0.071122, abs=1e-6)


@given(events, st.randoms())
def test_order_does_not_matter_and_negation_mirrors(happened, random):
    low, high = ends(proportion(happened, **LOWER))
    shuffled = random.sample(happened, len(happened))
    assert ends(proportion(shuffled, **LOWER)) == (low, high)
    assert ends(proportion([not event for event in happened], **LOWER)) == pytest.approx((1 - high, 1 - low))


@given(clustered)
def test_clusters_never_narrow_the_exact_interval_to_a_point(sample):
    happened, labels = sample
    m = proportion(happened, cluster=labels, **LOWER)
    assert m.clusters == len(set(labels))
    if m.clusters < 2:
        assert m.interval is None
        assert m.no_interval == "all samples come from one cluster"
        return
    low, high = ends(m)
    assert 0 <= low <= m.value <= high <= 1
    assert high - low > 0.01
    assert m.details["n_effective"] <= len(happened)


@given(clustered)
def test_seeing_events_proves_no_more_than_seeing_none(sample):
    happened, labels = sample
    groups = len(set(labels))
    if groups > 1:
        low, high = ends(proportion(happened, cluster=labels, **LOWER))
        assert high >= ends(proportion([0] * groups, **LOWER))[1]
        assert low <= ends(proportion([1] * groups, **LOWER))[0]


@given(clustered, st.permutations(range(7)), st.randoms())
def test_cluster_names_and_sample_order_do_not_matter(sample, names, random):
    happened, labels = sample
    if len(set(labels)) < 2:
        return
    order = random.sample(range(len(labels)), len(labels))
    renamed = proportion([happened[i] for i in order], cluster=[f"group {names[labels[i]]}" for i in order], **LOWER)
    assert ends(renamed) == pytest.approx(ends(proportion(happened, cluster=labels, **LOWER)), abs=1e-9)


def test_copying_every_sample_tells_nothing_new():
    happened = np.array([1, 0, 0, 1, 0, 0, 0, 0, 1, 0] * 4, dtype=bool)
    once = proportion(happened, cluster=np.arange(40), **LOWER)
    for copies in (2, 10, 50):
        again = proportion(np.repeat(happened, copies), cluster=np.repeat(np.arange(40), copies), **LOWER)
        assert again.interval.high >= once.interval.high - 0.002
        assert again.interval.low <= once.interval.low + 0.002
        assert again.details["design_effect"] >= copies
    assert ends(once)[1] == pytest.approx(ends(proportion(happened, **LOWER))[1], abs=0.01)


def test_effective_size_is_korn_and_graubards():
    # By hand: 6 clusters of 4 with 0, 1, 1, 2, 3, 1 events; p = 8/24, residuals of sums are s - 4/3.
    sums, rate = np.array([0, 1, 1, 2, 3, 1]), 1 / 3
    happened = np.concatenate([np.arange(4) < s for s in sums])
    variance = 6 / 5 * ((sums - 4 / 3) ** 2).sum() / 24**2
    quantiles = 2.0686576104, 2.5705818366  # t of 23 and of 5 degrees of freedom at 97.5 %, from printed tables
    expected = rate * (1 - rate) / variance * (quantiles[0] / quantiles[1]) ** 2
    found = effective_size(happened, read_clusters(np.repeat(np.arange(6), 4), 24), 0.95)
    assert found == pytest.approx(expected, rel=1e-6)
    m = proportion(happened, cluster=np.repeat(np.arange(6), 4), **LOWER)
    assert ends(m)[1] == pytest.approx(clopper_pearson_ends(found / 3, found, 0.95)[1])


def test_no_event_in_clusters_counts_clusters():
    m = proportion([0] * 300, cluster=[number // 15 for number in range(300)], **LOWER)
    assert ends(m) == pytest.approx((0, 1 - 0.025 ** (1 / 20)))
    assert (m.n, m.clusters, m.interval.shrinks) == (300, 20, 1)


@given(events, events)
def test_swapping_two_groups_negates_the_difference(first, second):
    there, back = rate_difference(first, second, **LOWER), rate_difference(second, first, **LOWER)
    assert there.value == -back.value
    low, high = ends(there)
    assert ends(back) == pytest.approx((-high, -low))
    assert -1 <= low <= there.value <= high <= 1
    assert high > low


def test_a_group_that_is_empty_is_named():
    assert "one of the two groups" in rate_difference([1, 0], [], **LOWER).undefined
