"""Cohen's kappa: worked numbers, scikit-learn as a witness, symmetry, and how often its interval holds the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.metrics import cohen_kappa_score

from pytest_trustml.statistics import cohen_kappa

pairs = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)


def kappa(first, second):
    return cohen_kappa(first, second, name="kappa", higher_is_safer=False)


def test_worked_numbers():
    found = kappa([1, 1, 0, 1, 0, 0, 1, 0], [1, 0, 0, 1, 0, 1, 1, 0])
    assert found.value == pytest.approx(0.5)
    assert found.details == {"agreement": 0.75, "by_chance": 0.5}


@given(pairs)
def test_agrees_with_scikit_learn_and_is_symmetric(answers):
    first, second = map(list, zip(*answers, strict=True))
    found, turned = kappa(first, second), kappa(second, first)
    assert found == turned
    if len(set(first)) == len(set(second)) == 1 and first == second:
        assert found.undefined is not None
        return
    assert found.value == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)
    assert found.interval.low <= found.value <= found.interval.high


@given(pairs)
def test_one_means_identical_answers_that_vary(answers):
    first, second = map(list, zip(*answers, strict=True))
    found = kappa(first, second)
    assert (found.value == 1) == (first == second and len(set(first)) > 1)


def test_a_rater_who_never_varies_agrees_by_chance_only():
    assert kappa([1, 0, 1, 1], [1, 1, 1, 1]).value == 0
    assert kappa([1, 1], [0, 0]).value == 0
    assert kappa(["a", "a"], ["a", "a"]).undefined == "both always give the same one answer, so all agreement may be chance"
    assert kappa([], []).undefined == "no samples"


def test_answers_belong_together():
    with pytest.raises(ValueError, match="there are 2 and 1"):
        kappa([1, 0], [1])


@pytest.mark.parametrize("shares", [(0.45, 0.05, 0.05, 0.45), (0.1, 0.05, 0.05, 0.8), (0.2, 0.4, 0.1, 0.3)])
def test_the_interval_holds_the_truth_as_often_as_it_says(shares):
    rng, runs, n = np.random.default_rng(7), 400, 80
    first_yes, second_yes = shares[0] + shares[1], shares[0] + shares[2]
    chance = first_yes * second_yes + (1 - first_yes) * (1 - second_yes)
    truth = (shares[0] + shares[3] - chance) / (1 - chance)
    held = 0
    for _ in range(runs):
        kinds = rng.choice(4, size=n, p=shares)
        found = kappa((kinds < 2).tolist(), np.isin(kinds, (0, 2)).tolist())
        held += found.interval.low <= truth <= found.interval.high
    assert held >= binom.ppf(0.001, runs, 0.95)
