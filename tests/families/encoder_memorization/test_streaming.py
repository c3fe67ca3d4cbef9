"""One pass over the points gives what the whole matrix gives, in any batches, any order and any tree of merges."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from builtin_checks.encoder_memorization.excess import against_chance, compare, largest_excess, trained_share
from builtin_checks.encoder_memorization.score import selectivity, unit_mem
from builtin_checks.encoder_memorization.streaming import KEPT, first_summary, merge, random_halves

VALUES = st.integers(4, 80).flatmap(
    lambda n: hnp.arrays(np.float64, (2 * (n // 2), 3), elements=st.floats(0, 50).map(lambda x: round(x, 1)))
)


def summary(mu, rows, permutations=5, seed=0):
    halves = random_halves(len(mu), permutations, seed)
    return first_summary(mu[rows], np.asarray(rows), halves[:, rows])


def same(one, other):
    assert one.keys() == other.keys()
    for name in ("count", "top", "who"):
        assert (one[name] == other[name]).all(), name
    for name in ("rest", "halves"):
        assert np.allclose(one[name], other[name], rtol=1e-12, atol=1e-12), name


@given(VALUES, st.randoms(use_true_random=False))
def test_any_division_into_batches_gives_the_same_summary(mu, random):
    whole = summary(mu, list(range(len(mu))))
    order = random.sample(range(len(mu)), len(mu))
    cuts = sorted(random.sample(range(1, len(mu)), min(3, len(mu) - 1)))
    parts = [summary(mu, order[a:b]) for a, b in zip([0, *cuts], [*cuts, len(mu)], strict=True)]
    same(functools.reduce(merge, parts), whole)
    while len(parts) > 1:  # another tree, other way round
        parts = [merge(parts[-1], parts[0]), *parts[1:-1]]
    same(parts[0], whole)


@given(VALUES)
def test_the_summary_gives_unit_mem_of_the_matrix(mu):
    found = summary(mu, list(range(len(mu))))
    assert np.allclose(selectivity(found["top"][:, 0], found["rest"] / (len(mu) - 1)), unit_mem(mu), atol=1e-9)
    assert (found["who"][:, 0] == mu.argmax(axis=0)).all(), "of equal ones the smallest place"
    assert found["top"].shape == (3, KEPT) and found["count"].tolist() == [len(mu)]


def test_no_cancellation_where_one_point_outshines_all():
    mu = np.full((1000, 1), 1e-9)
    mu[17] = 1e9
    found = summary(mu, list(range(1000)))
    assert found["rest"][0] == pytest.approx(999e-9, rel=1e-12)


def test_random_halves_are_halves_and_depend_on_the_seed():
    halves = random_halves(50, 30, 4)
    assert (halves.sum(axis=1) == 25).all()
    assert (halves == random_halves(50, 30, 4)).all() and (halves != random_halves(50, 30, 5)).any()
    assert len({row.tobytes() for row in halves}) == 30
    with pytest.raises(ValueError, match="7 points"):
        random_halves(7, 2, 0)


def compared(mu, count, permutations=199, seed=0, name="layer"):
    """A layer of which the first ``count`` points are training points, numbered at random as the check does."""
    places = np.random.default_rng(seed + 1).permutation(2 * count)
    halves = random_halves(2 * count, permutations, seed)
    member = np.zeros(2 * count, dtype=bool)
    member[places[:count]] = True
    parts = [
        first_summary(mu[start : start + count], places[start : start + count], halves[:, places[start : start + count]])
        for start in (0, count)
    ]
    return compare(name, *parts, member, halves), places, halves


@given(VALUES)
def test_the_permutation_test_without_the_matrix_is_that_with_it(mu):
    count = len(mu) // 2
    layer, places, halves = compared(mu, count, permutations=7)
    by_place = np.empty_like(mu)
    by_place[places] = mu
    assert layer.excess.value == pytest.approx(float((unit_mem(mu[:count]) - unit_mem(mu[count:])).mean()), abs=1e-9)
    for half, found in zip(halves, layer.excess.chance, strict=True):
        assert found == pytest.approx(float((unit_mem(by_place[half]) - unit_mem(by_place[~half])).mean()), abs=1e-9)


def memorising(rng, count, units, strength):
    """Units that answer to all points alike; each of the first half of them stores one training point on top."""
    mu = np.abs(rng.normal(size=(2 * count, units))) + 0.2
    chosen = rng.integers(count, size=units // 2)
    mu[chosen, np.arange(units // 2)] += strength
    return mu


def test_memorised_points_are_found_and_named():
    rng = np.random.default_rng(3)
    mu = memorising(rng, 200, 100, 20.0)
    layer, places, _ = compared(mu, 200)
    name, found, (most, _) = largest_excess({"layer": layer})
    assert name == "layer" and found.p == 0.005 and found.value - np.quantile(most, 0.975) > 0.05
    share, units = trained_share({"layer": layer})
    assert units == 100 and share.value > 0.7 and share.p == 0.005
    winners = np.flatnonzero(np.isin(places, layer.winners[:50]))
    assert (winners < 200).all(), "every planted unit fires for a training point"


def test_the_largest_of_many_layers_is_tested_as_such():
    rng = np.random.default_rng(8)
    layers = {f"l{k}": compared(np.abs(rng.normal(size=(120, 4))), 60, name=f"l{k}")[0] for k in range(20)}
    name, found, _ = largest_excess(layers)
    assert layers[name].excess.p < found.p, "alone it would look rarer than it is among twenty"
    assert found.p > 0.05


def test_the_null_level_holds():
    """Without memorization both p-values are below 0.05 in about one of twenty sets, and the intervals cover."""
    rejected, ranked, covered, rounds = 0, 0, 0, 240
    for seed in range(rounds):
        rng = np.random.default_rng(1000 + seed)
        common = rng.normal(size=(80, 3)) @ rng.normal(size=(3, 24))  # units of one network depend on each other
        mu = np.maximum(common + rng.normal(size=(80, 24)), 0)
        layer, _, _ = compared(mu, 40, permutations=99, seed=seed)
        rejected += layer.excess.p <= 0.05
        ranked += trained_share({"layer": layer})[0].p <= 0.05
        low, high = layer.excess.interval(0.95)
        covered += low <= 0 <= high
    # Binomial bounds of 240 rounds at 5 %: up to 22 with probability 0.999. Ranks are discrete, so their test rejects less.
    assert rejected <= 22 and ranked <= 22 and rejected >= 2
    assert covered >= rounds - 24


def test_dead_and_constant_units_are_not_alive():
    mu = np.column_stack([np.zeros(40), np.full(40, 3.0), np.arange(40.0), np.r_[np.zeros(39), 1.0]])
    layer, _, _ = compared(mu, 20)
    assert layer.alive.tolist() == [False, False, True, True]
    share, units = trained_share({"layer": layer})
    assert units == 2 and share.value == 0.0
    assert trained_share({"layer": compared(np.zeros((40, 2)), 20)[0]})[1] == 0


def test_unequal_sets_are_refused():
    mu = np.ones((6, 1))
    halves = random_halves(6, 2, 0)
    one, other = (first_summary(mu[:k], np.arange(k), halves[:, :k]) for k in (2, 4))
    with pytest.raises(ValueError, match="2 and 4"):
        compare("layer", one, other, np.zeros(6, dtype=bool), halves)


def test_p_is_never_zero():
    assert against_chance(5.0, np.zeros(19)).p == 0.05
