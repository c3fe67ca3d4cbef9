from __future__ import annotations

import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pytest_trustml as tm
from pytest_trustml.attacks.text_edits.lock_step import in_lock_step
from pytest_trustml.attacks.text_edits.search import Ask
from pytest_trustml.errors import SubjectError
from tests.unit.attacks.text_edits.victims import RUDE, Counted, on_hash

QUESTIONS = st.lists(st.lists(st.lists(st.text("ab", max_size=6), min_size=1, max_size=5), max_size=4), max_size=12)


def lengths(texts: list[str]) -> list[int]:
    return [len(text) for text in texts]


def conversation(rounds: list[list[str]], functions):
    """Asks each round's texts of one of the functions and returns everything it was told."""
    told = []
    for k, texts in enumerate(rounds):
        told.append((yield Ask(functions[k % len(functions)], texts)))
    return told


@given(QUESTIONS, st.integers(1, 7), st.integers(1, 5), st.integers(1, 2))
def test_everyone_is_told_what_they_asked(questions, batch_size: int, window: int, kinds: int):
    functions = [lengths, lambda texts: [text.upper() for text in texts]][:kinds]
    searches = (conversation(rounds, functions) for rounds in questions)
    found = dict(in_lock_step(searches, batch_size=batch_size, window=window))
    expected = {
        number: [functions[k % kinds](texts) for k, texts in enumerate(rounds)] for number, rounds in enumerate(questions)
    }
    assert {number: [list(told) for told in answer] for number, answer in found.items()} == expected


def test_batches_are_full_and_of_like_length():
    victim = Counted(on_hash)
    texts = [f"{text} {'really ' * (k % 9)}{k}" for text in RUDE for k in range(60)]
    results = tm.attack_texts(victim, texts, threshold=0.05, batch_size=64)
    sizes = [len(batch) for batch in victim.batches]
    full = sum(size for size in sizes if size == 64)
    assert max(sizes) == 64
    assert full / sum(sizes) > 0.97  # what is left is the end of the run
    assert sum(sizes) == sum(result.queries for result in results)
    spans = [max(map(len, batch)) - min(map(len, batch)) for batch in victim.batches]
    everything = [len(text) for batch in victim.batches for text in batch]
    assert sorted(spans)[len(spans) // 2] <= (max(everything) - min(everything)) / 5


def test_only_a_window_of_searches_is_open():
    alive: weakref.WeakSet = weakref.WeakSet()
    most = 0

    class Burden:
        pass

    def search(number: int):
        nonlocal most
        burden = Burden()
        alive.add(burden)
        most = max(most, len(alive))
        yield Ask(lengths, ["a"] * (number % 3 + 1))
        yield Ask(lengths, ["b"])
        return number

    finished = [number for number, _ in in_lock_step((search(k) for k in range(60)), batch_size=4, window=5)]
    assert sorted(finished) == list(range(60))
    assert most <= 6  # the window and the one that has just left
    assert not alive


def test_nobody_waits_for_ever():
    """One search asks far more than the others; all of them finish, the talkative one last."""
    rounds = [[["a"] * 50] * 20, *[[["b"]]] * 30]
    order = [number for number, _ in in_lock_step((conversation(r, [lengths]) for r in rounds), batch_size=8, window=31)]
    assert sorted(order) == list(range(31)) and order[-1] == 0


def test_an_answer_too_few_is_an_error():
    with pytest.raises(SubjectError, match="3 texts were sent and 2 answers"):
        list(in_lock_step([conversation([["a", "b", "c"]], [lambda texts: [1, 2]])], batch_size=4, window=2))


def test_with_an_encoder_both_are_asked_in_full_batches():
    encoder = Counted(lambda texts: [[1.0, 0.0]] * len(texts))
    victim = Counted(on_hash)
    recipe = tm.textbugger({"stupid": ["silly"], "muppet": ["person"]}, encoder)
    tm.attack_texts(victim, [f"{RUDE[1]} {k}" for k in range(200)], recipe, threshold=0.05, batch_size=32)
    for asked in (encoder, victim):
        sizes = [len(batch) for batch in asked.batches]
        assert sum(size for size in sizes if size == 32) / sum(sizes) > 0.98


def test_the_victim_waits_until_encoders_have_said_all_they_can():
    """What the encoder lets through fills the victim's next batch."""
    victim, encoder = Counted(lengths), Counted(lengths)
    talks = [[(victim, ["a"] * 2), (encoder, ["c"]), (victim, ["e"] * 3)], [(victim, ["b"] * 2), (victim, ["d"])]]

    def search(talk):
        for function, texts in talk:
            yield Ask(function, texts)

    list(in_lock_step((search(talk) for talk in talks), batch_size=4, window=2))
    assert [len(batch) for batch in victim.batches] == [4, 4]
    assert [len(batch) for batch in encoder.batches] == [1]
