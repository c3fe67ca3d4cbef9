"""The formulas: worked examples, what they are blind to, and the null distribution of exposure."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builtin_checks.text_memorization.score import chance, compressed, exposure, membership_scores, queries_needed

LOGS = st.lists(st.floats(-40, 0), min_size=1, max_size=20).map(np.array)


def test_the_worked_examples_of_drawing():
    assert chance(np.log([0.01]), 100) == pytest.approx([0.633968], abs=1e-6)
    assert queries_needed(np.log([0.01]), 0.5) == 69 and queries_needed(np.log([0.01]), 0.9) == 230
    assert queries_needed(np.log([1e-6]), 0.5) == 693147
    fifty = np.array([50 * -0.1])
    assert np.exp(fifty) == pytest.approx([0.006738], abs=1e-6) and queries_needed(fifty, 0.5) == 103
    assert queries_needed(np.array([0.0]), 0.999) == 1 and queries_needed(np.array([-np.inf]), 0.1) == np.inf


@given(LOGS, st.integers(1, 10**6))
def test_chances_grow_with_answers_and_probability(drawn, queries):
    found = chance(drawn, queries)
    assert ((found >= 0) & (found <= 1)).all()
    assert (chance(drawn, queries + 1) >= found - 1e-15).all()
    assert (np.diff(chance(np.sort(drawn), queries)) >= -1e-15).all()
    assert chance(drawn, 1) == pytest.approx(np.exp(drawn), rel=1e-9)


@given(st.floats(-12, -0.01), st.floats(0.01, 0.99))
def test_the_fewest_answers_are_enough_and_one_less_is_not(drawn, probability):
    needed = int(queries_needed(np.array([drawn]), probability)[0])
    assert chance(np.array([drawn]), needed)[0] >= probability * (1 - 1e-9)
    assert needed == 1 or chance(np.array([drawn]), needed - 1)[0] <= probability * (1 + 1e-9)


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=9), st.lists(st.floats(-9, 9), min_size=1, max_size=30))
def test_exposure_is_a_rank(scores, others):
    scores, others = np.array(scores), np.array(others)
    bits = exposure(scores, others)
    rank = np.array([1 + (others >= one).sum() for one in scores])
    assert bits == pytest.approx(np.log2((len(others) + 1) / rank))
    assert ((bits >= 0) & (bits <= math.log2(len(others) + 1))).all()
    assert exposure(3 * scores, 3 * others) == pytest.approx(bits)


def test_without_memorization_exposure_is_exponential():
    rng = np.random.default_rng(0)
    bits = np.concatenate([exposure(rng.normal(size=20), rng.normal(size=999)) for _ in range(300)])
    assert bits.mean() == pytest.approx(math.log2(math.e), abs=0.06)
    for most in (1, 3, 5):
        assert (bits > most).mean() == pytest.approx(2.0**-most, abs=0.012)


def test_scores_of_one_pass():
    texts = ["abc abc abc abc", "q"]
    found = {"tokens": [4, 0], "logprob": [-6, 0], "min_k": [-3, np.nan], "min_k_plus": [-1, np.nan]}
    found = {name: np.array(values, dtype=float) for name, values in found.items()}
    scores = membership_scores(found, texts)
    assert scores["loss"][0] == -1.5 and scores["zlib"][0] == -1.5 / len(zlib.compress(b"abc abc abc abc"))
    assert all(np.isnan(values[1]) for values in scores.values()) and set(scores) == {"loss", "zlib", "min_k", "min_k_plus"}
    same = membership_scores(found, texts, found | {"logprob": np.array([-8.0, 0.0])})
    assert same["reference"][0] == 0.5
    other = membership_scores(found, texts, found | {"tokens": np.array([3.0, 0.0]), "logprob": np.array([-8.0, 0.0])})
    assert other["reference"][0] == pytest.approx(2 / 15)  # cut differently: per byte
    assert np.isnan(other["reference"][1])


def test_any_text_can_be_compressed():
    assert compressed("\ud800") > 0 and compressed("") > 0
    assert compressed("ab" * 100) < compressed("".join(map(chr, range(200))))
