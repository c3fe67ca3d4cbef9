"""Texts made comparable, classes read by name, and style without a model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

import pytest_trustml as tm
from builtin_checks.generated_text import stylometry
from builtin_checks.generated_text.detector import Unresolved, machine_classes
from builtin_checks.generated_text.grammar import letters, sentence
from builtin_checks.generated_text.texts import Sides, comparable, distinct, first_words, split, without_words


@pytest.mark.parametrize(
    ("labels", "named", "expected"),
    [
        (["Fake", "Real"], "", [0]),
        (["Human", "ChatGPT"], "", [1]),
        (["human-written", "gpt2", "llama"], "", [1, 2]),
        (["Real", "AI-generated"], "", [1]),
        (["LABEL_0", "LABEL_1"], "LABEL_1", [1]),
        (["a", "b", "c"], "a, c", [0, 2]),
    ],
)
def test_classes_by_name(labels, named, expected):
    assert machine_classes(labels, named) == expected


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (["LABEL_0", "LABEL_1"], ""),
        (["fake", "generated", "x"], ""),
        ([], ""),
        (["a", "b"], "c"),
        (["a", "b"], "a,b"),
        (["human"], ""),
    ],
)
def test_classes_that_do_not_tell(labels, named):
    with pytest.raises(Unresolved):
        machine_classes(labels, named)


def test_duplicates_are_judged_once():
    data = tm.Dataset({"text": ["A b c", "a  B\nc", "d"]})
    assert len(distinct(data)) == 2
    with pytest.raises(tm.DataError, match="int where a text"):
        distinct(tm.Dataset({"text": [1, 2]}))


def test_the_beginning_that_a_pair_shares_goes():
    human = tm.Dataset({"text": ["once upon a time there was", "other words here"], "pair": ["a", "b"]})
    machine = tm.Dataset({"text": ["once upon a hill it rained", "once there", "all the same"], "pair": ["a", "a", "b"]})
    sides = comparable(human, machine)
    texts = {name: text for side in sides for name, text in zip(side.ids, side.column("text"), strict=True)}
    assert [texts[name] for name in human.ids] == ["time there was", "other words here"]
    assert [texts[name] for name in machine.ids] == ["hill it rained", "there", "all the same"]
    assert comparable(human.take([0]), tm.Dataset({"text": ["once upon a"]})).human.column("text") == [human.column("text")[0]]


@given(st.text(max_size=60), st.integers(0, 8))
def test_words_are_cut_where_they_stand(text, count):
    assert without_words(text, count).split() == text.split()[count:]
    if count:
        assert first_words(text, count).split() == text.split()[:count]


def test_pairs_and_authors_stay_on_one_side():
    pairs = [f"p{i % 40}" for i in range(80)]
    sides = Sides(*(tm.Dataset({"text": [f"{kind} {i}" for i in range(80)], "pair": pairs}) for kind in "hm"))
    first, second = split(sides, 0.4, 0)
    inside, outside = ({pair for side in part for pair in side.column("pair")} for part in (first, second))
    assert not inside & outside and len(inside) == 16
    authors = tm.Dataset({"text": [f"t{i}" for i in range(60)], "author": [f"a{i % 6}" for i in range(60)]})
    alone = Sides(authors, tm.Dataset({"text": [f"m{i}" for i in range(50)]}))
    first, second = split(alone, 0.5, 0)
    assert set(first.human.column("author")).isdisjoint(second.human.column("author")) and len(first.machine) == 25
    shuffled = Sides(alone.human.take(range(59, -1, -1)), alone.machine)
    assert set(split(shuffled, 0.5, 0)[0].human.ids) == set(first.human.ids)
    assert set(split(alone, 0.5, 1)[0].machine.ids) != set(first.machine.ids)


def test_effect_sizes_of_the_comparison():
    found = mannwhitneyu([2.5, 3.5, 4.5, 5.5], [1, 2, 3, 4])
    assert found.statistic == 13 and found.pvalue == pytest.approx(0.2)


LETTERS = st.integers(0, 2**32 - 1).map(lambda seed: letters(1, np.random.default_rng(seed), 30)[0])


@given(LETTERS, st.text(" \n\t", max_size=5))
def test_style_ignores_spaces_at_the_end(text, spaces):
    assert stylometry.features(text + spaces) == pytest.approx(stylometry.features(text))


@given(LETTERS)
def test_style_of_a_text_said_twice(text):
    once, twice = stylometry.features(text), stylometry.features(text + " " + text)
    assert twice[:3] == pytest.approx(once[:3]) and twice[3] == pytest.approx(once[3] / 2)


@given(st.text())
def test_any_text_has_a_style_or_none(text):
    found, portrait = stylometry.features(text), stylometry.portrait(text)
    assert np.isfinite(found).all() == bool(stylometry.words(text)) and len(portrait) == 9
    assume(stylometry.words(text))
    assert 0 < found[3] <= 1 and 0 <= portrait["share of words used once"] <= 1


def test_a_logistic_regression_that_tells():
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.normal(size=200), np.ones(200)])
    model = stylometry.fit_logistic(rows, rows[:, 0] > 0)
    assert ((model(rows) > 0) == (rows[:, 0] > 0)).mean() > 0.95


def test_the_letters_have_variety():
    found = letters(200, np.random.default_rng(0))
    assert len(set(found)) == 200 and min(len(text.split()) for text in found) >= 90
    sentences = {sentence(np.random.default_rng(seed)) for seed in range(300)}
    assert len(sentences) > 250 and not any("{" in one for one in sentences)
