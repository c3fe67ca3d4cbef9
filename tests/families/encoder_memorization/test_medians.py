"""UnitMem with the median: the worked numbers, the definition on a matrix, its null level, and the check with it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import pytest_trustml as tm
from builtin_checks.encoder_memorization import observations, unit_excess
from builtin_checks.encoder_memorization.medians import compare_by_median, median_mem
from builtin_checks.encoder_memorization.score import unit_mem
from builtin_checks.encoder_memorization.streaming import random_halves

MU = st.integers(2, 9).flatmap(lambda n: hnp.arrays(np.float64, (n, 3), elements=st.floats(0, 50).map(lambda x: round(x, 1))))


def test_the_worked_numbers():
    mu = np.array([[2, 0, 2, 0], [0, 0, 2, 0], [1, 3, 2, 0], [0.1, 0, 2, 0]])
    assert median_mem(mu) == pytest.approx([0.904762, 1, 0, 0], abs=1e-6)
    more = np.vstack([mu, [0.7, 1, 2, 0]])
    assert median_mem(more) == pytest.approx([0.666667, 1, 0, 0], abs=1e-6)
    with pytest.raises(ValueError, match="found 1"):
        median_mem(mu[:1])


@given(MU, st.floats(0.1, 50), st.randoms(use_true_random=False))
def test_it_is_the_definition_and_does_not_mind_order_and_scale(mu, factor, random):
    found = median_mem(mu)
    assert np.allclose(found, unit_mem(mu, center="median"), atol=1e-12)
    assert ((found >= 0) & (found <= 1)).all()
    order = random.sample(range(len(mu)), len(mu))
    assert np.allclose(median_mem(factor * mu[order][:, [1, 2, 0]]), found[[1, 2, 0]])


@given(MU)
def test_it_is_one_where_fewer_than_half_of_the_rest_are_active(mu):
    assume(len(mu) > 2)
    rest = np.sort(mu, axis=0)[:-1]
    silent = (mu.max(axis=0) > 0) & (np.median(rest, axis=0) == 0)
    assert ((median_mem(mu) == 1) == silent).all()


def compared(mu, seed=0, permutations=99):
    count = len(mu) // 2
    places = np.random.default_rng(seed + 1).permutation(2 * count)
    halves = random_halves(2 * count, permutations, seed)
    return compare_by_median("layer", mu[:count], mu[count:], (places[:count], places[count:]), halves), places, halves


@given(MU)
def test_the_permutation_test_is_that_of_the_definition(mu):
    mu = mu[: 2 * (len(mu) // 2)]
    assume(len(mu) >= 4)
    count = len(mu) // 2
    layer, places, halves = compared(mu, permutations=5)
    by_place = np.empty_like(mu)
    by_place[places] = mu
    one, other = unit_mem(mu[:count], "median"), unit_mem(mu[count:], "median")
    assert layer.excess.value == pytest.approx(float((one - other).mean()), abs=1e-12)
    for half, found in zip(halves, layer.excess.chance, strict=True):
        expected = unit_mem(by_place[half], "median") - unit_mem(by_place[~half], "median")
        assert found == pytest.approx(float(expected.mean()), abs=1e-12)
    assert layer.winners.tolist() == by_place.argmax(axis=0).tolist(), "of equal ones the smallest place"
    assert (layer.alive == (np.ptp(mu, axis=0) > 0)).all()


def test_the_null_level_holds():
    rejected, covered, rounds = 0, 0, 240
    for seed in range(rounds):
        rng = np.random.default_rng(5000 + seed)
        common = rng.normal(size=(80, 3)) @ rng.normal(size=(3, 16))
        layer, _, _ = compared(np.abs(common + rng.normal(size=(80, 16))), seed=seed)
        rejected += layer.excess.p <= 0.05
        low, high = layer.excess.interval(0.95)
        covered += low <= 0 <= high
    assert 2 <= rejected <= 22, "binomial bound of 240 rounds at 5 %"
    assert covered >= rounds - 24


def test_unequal_sets_are_refused():
    with pytest.raises(ValueError, match="2 and 3"):
        compare_by_median("layer", np.ones((2, 1)), np.ones((3, 1)), (np.arange(2), np.arange(3)), random_halves(4, 2, 0))


def test_the_kept_means_are_what_the_sums_are_made_of(encoders):
    subject = tm.open_subject(
        "py:encoders:memorising", name="memorising", device="cpu", root=encoders.__file__.rpartition("/")[0]
    )
    data = tm.Dataset({"image": encoders.SETS["training"][:10], "place": np.arange(10)})
    how = {"layers": ["second.activation"], "views": 2, "augmentation": "crop", "sign": "relu", "seed": 5}
    means = observations.unit_means(subject, data, **how)["second.activation"]
    sums = observations.unit_summary(subject, data, points=10, permutations=3, **how)
    assert means.dtype == np.float32
    assert np.allclose(means.max(axis=0), sums["second.activation|top"][:, 0], rtol=1e-6)
    assert np.allclose(means.sum(axis=0) - means.max(axis=0), sums["second.activation|rest"], atol=1e-5)


def test_the_check_by_the_median_finds_and_passes_the_same(judge, encoders):
    data = {name: {"image": encoders.SETS[name]} for name in ("training", "heldout")}
    how = {"data": data, "augmentation": "none", "views": 1, "center": "median"}
    record = judge(unit_excess, "memorising", **how)
    assert record.outcome == "FAIL", record.why
    details = record.measurements[0].details
    assert (details["center"], details["layer"], details["p"]) == ("median", "second.activation", 0.005)
    assert record.measurements[0].value > 0.9
    assert judge(unit_excess, "ordinary", **how, layers="first.*").outcome == "PASS"
    assert judge(unit_excess, "blank", **how).outcome == "INVALID"
    with pytest.raises(tm.UsageError, match="center.*'mode'.*mean, median"):
        judge(unit_excess, "ordinary", **(how | {"center": "mode"}))
