"""Searching for counterexamples: what is found, how small, how cheaply, and what must never pass."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pytest_trustml as tm
from pytest_trustml.checks.answers import key
from tests.unit.checks.bag_of_words import ABUSE, INVISIBLE, Detector, sentences


@pytest.mark.parametrize("seed", range(8))
def test_a_brittle_detector_is_falsified_by_one_edit(seed):
    brittle = Detector()
    found = tm.falsify(tm.strategies.text_edits(sentences()), brittle.still, name="evasion", seed=seed)
    assert found.falsified and not found.broken
    case = found.counterexample
    [edit] = case.edits
    assert edit.before in ABUSE and edit.family == "swap_inner"  # the first family that hides the word from it
    assert brittle.flags([case.original, case.text]) == [True, False]
    assert case.text.split()[edit.word] == edit.after


def test_it_needs_few_calls_of_the_model():
    brittle = Detector()
    found = tm.falsify(tm.strategies.text_edits(sentences(insults=2)), brittle.still, name="evasion", seed=1)
    assert found.falsified and len(found.counterexample.edits) == 2
    assert found.calls == len(brittle.batches) <= 8
    careful = Detector(tm.canonicalise)
    tm.falsify(tm.strategies.text_edits(sentences(), families=INVISIBLE), careful.still, name="evasion", seed=1, batch_size=50)
    assert 150 <= sum(careful.batches) <= 200 and len(careful.batches) == 4


def test_two_insults_need_two_edits_and_no_single_one_is_enough():
    brittle = Detector()
    found = tm.falsify(tm.strategies.text_edits(sentences(insults=2)), brittle.still, name="evasion", seed=0)
    assert [edit.before in ABUSE for edit in found.counterexample.edits] == [True, True]
    assert all(brittle.still(found.counterexample.simpler()))


def test_a_detector_that_reads_canonical_text_stands():
    careful = Detector(tm.canonicalise)
    found = tm.falsify(
        tm.strategies.text_edits(sentences(), families=INVISIBLE), careful.still, given=careful.before, name="evasion", seed=0
    )
    assert not found.falsified and found.counterexample is None and found.unmet == 0
    assert found.tries >= 150
    assert found.words == f"not falsified in {found.tries} tries (a search: no rate can be inferred)"


def test_the_same_seed_finds_the_same_and_other_seeds_search_elsewhere():
    runs = [tm.falsify(tm.strategies.text_edits(sentences()), Detector().still, name="x", seed=seed) for seed in (5, 5, 6)]
    assert runs[0].counterexample == runs[1].counterexample and runs[0].tries == runs[1].tries
    assert runs[0].counterexample != runs[2].counterexample


def test_the_same_seed_finds_the_same_in_another_process_whatever_is_loaded(tmp_path):
    (tmp_path / "strange.py").write_text("VALUES = [70, 100, 101, 117, 119, 250, 1000]\n")
    code = (
        "import numpy, {extra}, pytest_trustml as tm\n"
        "texts = [f'you stupid muppet number {{n}}' for n in range(120)]\n"
        "ask = lambda cases: ['stupid' in c.text or 'muppet' in c.text for c in cases]\n"
        "found = tm.falsify(tm.strategies.text_edits(texts), ask, name='x', seed=4)\n"
        "print(found.tries, ascii(found.counterexample.revealed()))\n"
    )
    said = set()
    for extra in ("json", "strange"):
        done = subprocess.run(
            [sys.executable, "-c", code.format(extra=extra)], capture_output=True, text=True, check=True, cwd=tmp_path
        )
        assert done.stderr == ""
        said.add(done.stdout)
    assert len(said) == 1 and "edit" in said.pop()


def test_a_detector_that_flags_everything_is_seen_through_by_what_is_known():
    harmless = [tm.strategies.made("people think together", (), 0, ())]

    def always(cases):
        return [True for case in cases]

    strategy = tm.strategies.text_edits(sentences())
    assert not tm.falsify(strategy, always, name="evasion", seed=0).broken
    seen_through = tm.falsify(strategy, always, known_false=harmless, name="evasion", seed=0)
    assert "can tell nothing apart" in seen_through.broken
    assert tm.decide(seen_through.measurement(), tm.AtMost(0)).outcome is tm.Outcome.INVALID
    good = Detector(tm.canonicalise)
    allowed = tm.strategies.text_edits(sentences(), families=INVISIBLE)
    assert not tm.falsify(allowed, good.still, known_false=harmless, name="evasion", seed=0).broken


def test_a_strategy_without_values_is_never_a_pass():
    found = tm.falsify(st.integers().filter(lambda value: False), lambda values: [True] * len(values), name="x", seed=0)
    assert found.broken == "the strategy drew no input at all, so the property was never tried"


def test_answers_that_change_are_seen():
    rng = np.random.default_rng(0)
    moody = {"calls": 0}

    def ask(values):
        moody["calls"] += 1
        return [moody["calls"] > 1 or value < 50 for value in values]

    assert "change between calls" in tm.falsify(st.integers(0, 99), ask, name="x", seed=int(rng.integers(9))).broken


def test_any_strategy_is_shrunk():
    found = tm.falsify(st.lists(st.integers(0, 50)), lambda values: [sum(v) < 60 for v in values], name="x", seed=0)
    assert sum(found.counterexample) == 60 and len(found.counterexample) == 2
    arrays = st.integers(0, 2000).map(lambda size: np.zeros(size))
    big = tm.falsify(arrays, lambda values: [len(v) < 1500 for v in values], name="x", seed=0)
    assert len(big.counterexample) == 1500


def test_shrinking_keeps_to_its_budget():
    asked = []

    def ask(values):
        asked.extend(values)
        return [sum(value) < 60 for value in values]

    found = tm.falsify(st.lists(st.integers(0, 50)), ask, name="x", seed=0, max_shrinks=5)
    assert found.falsified and len(asked) <= 200 + 5 + 1


@given(st.sets(st.integers(0, 40)), st.integers(0, 1000))
@settings(max_examples=15, suppress_health_check=[HealthCheck.nested_given])
def test_a_finite_property_is_decided_like_by_trying_everything(bad, seed):
    """Inside a test of hypothesis, too, if that allows it."""
    found = tm.falsify(
        st.integers(0, 40), lambda values: [value not in bad for value in values], name="x", seed=seed, max_examples=300
    )
    assert found.falsified == bool(bad)
    if bad:
        assert found.counterexample in bad
    else:
        assert found.tries == 41


def test_global_random_numbers_go_on_as_if_nothing_had_been_drawn():
    import random

    random.seed(1)
    np.random.seed(1)
    expected = (random.random(), np.random.random())
    random.seed(1)
    np.random.seed(1)
    tm.falsify(st.integers(0, 9), lambda values: [value < 5 for value in values], name="x", seed=0)
    assert (random.random(), np.random.random()) == expected


def test_hypothesis_is_loaded_only_when_it_is_used():
    code = "import pytest_trustml as tm, sys; tm.falsify, tm.strategies.text_edits, tm.Trust.holds; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"hypothesis", "torch", "transformers", "sklearn"} & set(done.stdout.split())


@pytest.mark.parametrize("said", [[True], True, [1, 0, 1], ["a"] * 200, None])
def test_a_property_answers_for_every_value(said):
    with pytest.raises(tm.UsageError, match="one True or False for each value"):
        tm.falsify(st.integers(), lambda values: said, name="x", seed=0)


def test_numpy_answers_are_answers():
    assert tm.falsify(st.integers(0, 9), lambda values: np.asarray(values) < 10, name="x", seed=0).tries == 10
    assert tm.falsify(st.integers(0, 9), lambda values: [np.bool_(True)] * len(values), name="x", seed=0).tries == 10


def test_an_error_of_the_property_comes_through_while_shrinking():
    def ask(values):
        if len(values) == 1:
            raise ZeroDivisionError("the endpoint is gone")
        return [value < 50 for value in values]

    with pytest.raises(ZeroDivisionError, match="endpoint"):
        tm.falsify(st.integers(0, 99), ask, name="x", seed=0)


@pytest.mark.parametrize("wrong", [dict(max_examples=0), dict(batch_size=True), dict(max_shrinks=1.5)])
def test_counts_are_counts(wrong):
    with pytest.raises(tm.UsageError, match="whole number of at least 1"):
        tm.falsify(st.integers(), lambda values: [True] * len(values), name="x", seed=0, **wrong)


def test_equal_values_have_equal_names():
    assert key(np.zeros(2000)) == key(np.zeros(2000)) != key(np.r_[np.zeros(1999), 1.0])
    assert key((1, [True, {"a": 2.0}])) == key((1, [True, {"a": 2.0}]))
    assert len({key(1), key(True), key(1.0), key("1")}) == 4
