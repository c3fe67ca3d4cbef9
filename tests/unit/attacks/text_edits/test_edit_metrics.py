"""Test vectors V3 to V5 of the method, and what must hold for any two texts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pytest_trustml as tm
from pytest_trustml.attacks.text_edits.metrics import common_subsequence
from pytest_trustml.errors import DataError

ORIGINAL = "they are awful stupid people"
SHORT = st.text("abc d", max_size=12)
WORDY = st.lists(st.sampled_from(["a", "b", "c", "dd"]), min_size=1, max_size=12).map(" ".join)


@pytest.mark.parametrize(("text", "rate", "characters", "meteor"), [
    ("they are awful st upid people", 0.2, 1, 0.735294),
    ("they are awfuI stupid people", 0.2, 1, 0.75),
    ("they awful stupid people", 0.2, 4, None),
])  # fmt: skip
def test_the_pinned_examples(text: str, rate: float, characters: int, meteor: float | None):
    assert tm.word_modification_rate(ORIGINAL, text) == pytest.approx(rate, abs=1e-12)
    assert tm.levenshtein(ORIGINAL, text) == characters
    if meteor is not None:
        assert tm.meteor(ORIGINAL, text) == pytest.approx(meteor, abs=5e-7)


def test_two_words_of_five_are_lost():
    assert tm.word_modification_rate("a b c d e", "x b c y e") == 0.4


def test_meteor_of_the_cat():
    assert tm.meteor("the cat sat on the mat", "the cat sat on the hat") == pytest.approx(0.83, abs=1e-12)
    assert tm.meteor("the cat sat on the mat", "the cat sat on the mat") == pytest.approx(0.997685, abs=5e-7)
    assert tm.meteor("the cat", "a dog") == 0
    # Reordered halves: all six words match in two runs.
    assert tm.meteor("the cat sat on the mat", "on the mat the cat sat") == pytest.approx(1 - 0.5 * (2 / 6) ** 3)


@pytest.mark.parametrize(("cosine", "similarity"), [(1, 1), (0.8, 0.795167), (0.5, 0.666667), (0, 0.5), (-1, 0)])
def test_angular_similarity(cosine: float, similarity: float):
    found = tm.angular_similarity(np.array([[1.0, 0.0]]), np.array([[3 * cosine, 3 * math.sqrt(1 - cosine**2)]]))
    assert found.tolist() == pytest.approx([similarity], abs=5e-7)


def test_the_limits_of_the_published_recipes_as_cosines():
    for cosine, limit in ((0.877583, 0.840845057), (0.809017, 0.8)):
        [found] = tm.angular_similarity([[1.0, 0.0]], [[cosine, math.sqrt(1 - cosine**2)]])
        assert found == pytest.approx(limit, abs=1e-6)


@given(st.floats(0, math.pi), st.floats(0, math.pi), st.floats(0.1, 10))
def test_angular_similarity_falls_with_the_angle(one: float, other: float, length: float):
    left = np.array([[1.0, 0.0]] * 2)
    right = length * np.array([[math.cos(angle), math.sin(angle)] for angle in (one, other)])
    found = tm.angular_similarity(left, right)
    assert found == pytest.approx(1 - np.array([one, other]) / math.pi, abs=1e-6)
    assert found.tolist() == tm.angular_similarity(right, left).tolist()


@pytest.mark.parametrize("row", [[0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0]])
def test_no_direction_no_similarity(row: list[float]):
    with pytest.raises(DataError, match="no direction"):
        tm.angular_similarity([[1.0, 0.0]], [row])


def slow_levenshtein(one: str, other: str) -> int:
    """The textbook table."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        new = [i]
        for j, b in enumerate(other, 1):
            new.append(min(row[j] + 1, new[-1] + 1, row[j - 1] + (a != b)))
        row = new
    return row[-1]


def slow_subsequence(one: str, other: str) -> int:
    row = [0] * (len(other) + 1)
    for a in one:
        new = [0]
        for j, b in enumerate(other, 1):
            new.append(row[j - 1] + 1 if a == b else max(row[j], new[-1]))
        row = new
    return row[-1]


@given(SHORT, SHORT)
def test_bit_parallel_is_the_table(one: str, other: str):
    assert tm.levenshtein(one, other) == slow_levenshtein(one, other)
    assert common_subsequence(one, other) == slow_subsequence(one, other)


@pytest.mark.parametrize("size", [63, 64, 65, 200, 1000])
def test_long_texts_are_measured_as_well(size: int):
    rng = np.random.default_rng(size)
    one, other = ("".join("abcd"[k] for k in rng.integers(0, 4, size)) for _ in range(2))
    assert tm.levenshtein(one, other) == slow_levenshtein(one, other)
    assert common_subsequence(one, other) == slow_subsequence(one, other)


@given(SHORT, SHORT, SHORT)
def test_levenshtein_is_a_distance(a: str, b: str, c: str):
    assert tm.levenshtein(a, b) == tm.levenshtein(b, a)
    assert (tm.levenshtein(a, b) == 0) == (a == b)
    assert tm.levenshtein(a, c) <= tm.levenshtein(a, b) + tm.levenshtein(b, c)


@given(WORDY, st.text())
def test_the_word_modification_rate_is_a_share(original: str, text: str):
    assert 0 <= tm.word_modification_rate(original, text) <= 1
    assert tm.word_modification_rate(original, original) == 0
    assert tm.word_modification_rate(original, original + " " + text) == 0


@given(WORDY, WORDY)
def test_meteor_lies_below_one_and_matches_all_there_is(one: str, other: str):
    value = tm.meteor(one, other)
    assert 0 <= value < 1
    assert (value == 0) == (not set(one.split()) & set(other.split()))
    if sorted(one.split()) == sorted(other.split()):
        assert value >= 0.5  # all words match; only the order can cost something
    assert tm.meteor(one, one) == pytest.approx(1 - 0.5 / len(one.split()) ** 3)


@pytest.mark.parametrize("measure", [tm.word_modification_rate, tm.meteor])
def test_texts_without_words_are_refused(measure):
    with pytest.raises(DataError, match="words"):
        measure("  ", "stupid")
