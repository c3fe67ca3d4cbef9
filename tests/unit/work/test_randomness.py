from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_trustml.errors import UsageError
from pytest_trustml.work.randomness import generator

words = st.lists(st.text(max_size=4) | st.integers(0, 9), max_size=3)


def test_known_numbers():
    """The same on every machine and in every version: a changed stream changes every sampled result."""
    assert generator(0).integers(2**32, size=3).tolist() == KNOWN_0
    assert generator(-7, "clip.tail", 3).integers(2**32, size=3).tolist() == KNOWN_7


@given(seed=st.integers(), one=words, other=words)
def test_streams_are_equal_only_for_equal_words(seed, one, other):
    first, second = generator(seed, *one).integers(2**63, size=4), generator(seed, *other).integers(2**63, size=4)
    assert (first == second).all() == (one == other)


def test_words_do_not_run_together():
    streams = [
        generator(0, "ab", "c"),
        generator(0, "a", "bc"),
        generator(0, "abc"),
        generator(0, "a", "b", "c"),
        generator(1, "abc"),
    ]
    assert len({stream.integers(2**63) for stream in streams}) == len(streams)
    assert generator(0, 1).integers(2**63) != generator(0, "1").integers(2**63)


def test_neighbouring_streams_are_independent():
    draws = np.array([generator(seed, "x").random(200) for seed in range(50)])
    assert stats.kstest(draws.ravel(), "uniform").pvalue > 1e-4
    correlations = np.corrcoef(draws)[np.triu_indices(50, 1)]
    assert np.abs(correlations).max() < 0.35
    assert abs(correlations.mean()) < 0.01


def test_the_global_generators_are_left_alone():
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist()
    generator(0, "a").random(10)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


@pytest.mark.parametrize("seed", [True, 1.0, "1", None])
def test_seeds_are_whole_numbers(seed):
    with pytest.raises(UsageError, match=r"The seed is .* must be a whole number"):
        generator(seed)


def test_words_are_text_or_numbers():
    with pytest.raises(UsageError, match=r"1.5 is a float. Words must be"):
        generator(0, 1.5)


KNOWN_0 = [1651975464, 730447421, 3454238587]
KNOWN_7 = [350662680, 3398763827, 2124926345]
