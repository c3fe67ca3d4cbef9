"""Sign flips, ranks and permutations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_trustml.statistics import permutation_test, sign_flip, significance, wilcoxon

SHIFTS = [-1, -0.1, -3, -1.5, -0.2, 0.1]
few = st.lists(st.integers(-20, 20), min_size=1, max_size=9)


def test_worked_numbers():
    assert sign_flip([-0.25, -0.25, 0, -0.25, 0], alternative="two-sided").p == 0.25
    assert sign_flip(SHIFTS, alternative="less").p == 0.046875
    assert wilcoxon(SHIFTS, "less").p == 0.046875


def test_mann_whitney_of_the_worked_example():
    def ranks(a, b):
        return sum((x > y) + (x == y) / 2 for x in a for y in b)

    found = permutation_test(ranks, [2.5, 3.5, 4.5, 5.5], [1, 2, 3, 4], rng=np.random.default_rng(0), alternative="two-sided")
    assert (found.observed, found.p, found.arrangements) == (13, pytest.approx(0.2), 70)


@given(few, st.sampled_from(["greater", "less", "two-sided"]))
def test_exact_sign_flip_agrees_with_scipy(differences, alternative):
    differences = [*differences, 0]  # scipy wants two or more
    theirs = stats.permutation_test(
        (np.array(differences, dtype=float),), np.mean, permutation_type="samples", alternative=alternative, n_resamples=np.inf
    )
    assert sign_flip(differences, alternative=alternative).p == pytest.approx(theirs.pvalue)


@given(few)
def test_sign_flip_is_antisymmetric_and_monotone(differences):
    up, down = sign_flip(differences), sign_flip([-d for d in differences], alternative="less")
    assert up.p == down.p
    assert up.observed == pytest.approx(-down.observed)
    assert sign_flip([d + 30 for d in differences]).p == 0.5 ** len(differences)
    assert 0 < up.p <= 1


def test_random_sign_flips_agree_with_the_normal_law_and_never_say_zero():
    rng = np.random.default_rng(0)
    differences = rng.normal(0.15, 1, 400)
    found = sign_flip(differences, rng)
    z = differences.sum() / np.sqrt((differences**2).sum())
    assert found.p == pytest.approx(stats.norm.sf(z), rel=0.3)
    assert found.method == "permutation, random"
    assert sign_flip(np.ones(100), rng, resamples=99).p == 0.01


def test_random_sign_flips_do_not_depend_on_the_chunk(monkeypatch):
    differences = np.random.default_rng(1).normal(size=100)
    whole = sign_flip(differences, np.random.default_rng(2), resamples=500)
    monkeypatch.setattr(significance, "_CHUNK", 700)
    assert sign_flip(differences, np.random.default_rng(2), resamples=500) == whole


def test_clusters_flip_together():
    assert sign_flip([1, 1, 1, 1], cluster=["a", "a", "b", "b"]).p == 0.25
    assert sign_flip([1, 1, 1, 1]).p == 0.0625


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match="give an rng"):
        sign_flip(np.ones(17))
    with pytest.raises(ValueError, match="differences is empty"):
        sign_flip([])
    with pytest.raises(ValueError, match="0 and 2 samples"):
        permutation_test(lambda a, b: 0, [], [1, 2], rng=np.random.default_rng(0))


@given(st.lists(st.floats(-5, 5).filter(bool), min_size=1, max_size=12, unique_by=abs))
def test_wilcoxon_without_ties_agrees_with_scipy(differences):
    for alternative in ("greater", "less", "two-sided"):
        theirs = stats.wilcoxon(differences, alternative=alternative, method="exact")
        assert wilcoxon(differences, alternative).p == pytest.approx(theirs.pvalue)


def test_wilcoxon_of_many_and_of_none():
    differences = np.random.default_rng(0).normal(0.3, 1, 200)
    assert wilcoxon(differences).p == pytest.approx(stats.wilcoxon(differences, alternative="greater").pvalue)
    assert wilcoxon([0, 0, 0]).p == 1


def test_random_permutations_agree_with_scipy():
    rng = np.random.default_rng(0)
    one, two = rng.normal(0.5, 1, 40), rng.normal(0, 1, 30)

    def above(a, b):
        return a.mean() - b.mean()

    found = permutation_test(above, one, two, rng=rng, resamples=4999)
    assert found.p == pytest.approx(stats.ttest_ind(one, two, alternative="greater").pvalue, abs=0.01)
    assert permutation_test(above, one, two, rng=np.random.default_rng(5), resamples=99) == permutation_test(
        above, one, two, rng=np.random.default_rng(5), resamples=99
    )
