"""Attribute inference: finds what an embedding shows, nothing where there is nothing, and says what is missing."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm


def cloud(count, shift, seed):
    rng = np.random.default_rng(seed)
    group = rng.integers(3, size=count)
    return rng.normal(size=(count, 6)) + shift * np.eye(3, 6)[group], [("red", "green", "blue")[number] for number in group]


def test_an_attribute_that_is_there_is_found():
    known, asked = cloud(300, 4.0, 0), cloud(200, 4.0, 1)
    guesses = tm.infer_attribute(*known, asked[0], seed=0)
    assert np.mean(np.array(guesses.said) == np.array(asked[1])) > 0.9
    assert guesses.classes == ["blue", "green", "red"]
    assert guesses.of(asked[1]) == pytest.approx(
        [row[guesses.classes.index(name)] for row, name in zip(guesses.probabilities, asked[1], strict=True)]
    )
    assert guesses.of(["violet"] * 200).tolist() == [0.0] * 200
    assert guesses.prior == max(known[1].count(name) for name in guesses.classes) / 300


def test_an_attribute_that_is_not_there_is_not_found():
    known, asked = cloud(300, 0.0, 0), cloud(300, 0.0, 1)
    guesses = tm.infer_attribute(*known, asked[0], seed=0)
    assert np.mean(np.array(guesses.said) == np.array(asked[1])) < 0.45


def test_the_same_seed_gives_the_same_guesses():
    known, asked = cloud(60, 1.0, 0), cloud(20, 1.0, 1)
    one, two, other = (tm.infer_attribute(*known, asked[0], seed=seed).probabilities for seed in (1, 1, 2))
    assert (one == two).all()
    assert not (one == other).all()


def test_what_cannot_be_inferred_is_said():
    x = np.zeros((4, 2))
    with pytest.raises(tm.DataError, match="1 different values"):
        tm.infer_attribute(x, ["a"] * 4, x, seed=0)
    with pytest.raises(tm.DataError, match="do not fit"):
        tm.infer_attribute(x, ["a", "b"], x, seed=0)
    with pytest.raises(tm.DataError, match="do not fit"):
        tm.infer_attribute(x, ["a", "b", "a", "b"], np.zeros((4, 3)), seed=0)
