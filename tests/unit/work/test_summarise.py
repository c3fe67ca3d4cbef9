"""Sums over a data set: the same in any batches and parts, paid for once, refused where they depend on the batch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_trustml.data import Dataset
from pytest_trustml.errors import DataError, SubjectError, UsageError
from pytest_trustml.work import observe as room
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.summarise import summarise


class Model:
    """A subject that counts how many rows it was asked for, and in what batches."""

    id, dtype, device_class, cacheable = "model@abc", "float32", "cpu", True

    def __init__(self, fingerprint: str = "abc", fits: int = 10**9, part_size: int | None = None) -> None:
        self.fingerprint = fingerprint
        self.fits = fits
        self.part_size = part_size
        self.batches: list[int] = []

    @property
    def asked(self) -> int:
        return sum(self.batches)


def lengths(subject, batch, *, power: int = 1):
    if len(batch) > subject.fits:
        raise MemoryError
    subject.batches.append(len(batch))
    values = np.array([len(text) ** power for text in batch.column("text")], dtype=np.int64)
    return {"count": np.array([len(values)]), "sum": np.array([values.sum()]), "largest": values.max(keepdims=True)}


def together(one, other):
    return {
        "count": one["count"] + other["count"],
        "sum": one["sum"] + other["sum"],
        "largest": np.maximum(one["largest"], other["largest"]),
    }


def first_wins(one, other):
    return dict(one)


def grows(one, other):
    return {name: np.concatenate([one[name], other[name]]) for name in one}


def every_row(subject, batch):
    return {"text": np.array([len(text) for text in batch.column("text")])}


def add_rows(one, other):
    return {"text": one["text"] + other["text"]}


def number(subject, batch):
    return {"sum": 3}


def texts_of(subject, batch):
    return batch.column("text")


TEXTS = Dataset({"text": [("word " * (row % 7))[: row % 31] for row in range(60)]})
TRUE = {"count": 60, "sum": sum(map(len, TEXTS.column("text"))), "largest": max(map(len, TEXTS.column("text")))}


@settings(max_examples=25)
@given(st.integers(1, 70), st.integers(1, 70), st.permutations(range(60)), st.integers(1, 70))
def test_batches_parts_and_order_change_nothing(tmp_path_factory, size, part, order, fits):
    with Cache(tmp_path_factory.mktemp("cache"), "off") as cache:
        model = Model(part_size=part, fits=fits)
        found = summarise(lengths, model, TEXTS.take(order), merge=together, cache=cache, batch_size=size)
    assert {name: int(values[0]) for name, values in found.items()} == TRUE
    assert model.asked == 60 and max(model.batches) <= min(size, part, fits)


def test_the_same_question_costs_once(tmp_path):
    cache, model = Cache(tmp_path), Model()
    one = summarise(lengths, model, TEXTS, merge=together, cache=cache)
    two = summarise(lengths, model, TEXTS, merge=together, cache=cache, power=1)
    assert model.asked == 60 and one.keys() == two.keys() and all((one[name] == two[name]).all() for name in one)
    summarise(lengths, model, TEXTS, merge=together, cache=cache, power=2)
    summarise(lengths, Model("other"), TEXTS, merge=together, cache=cache)
    assert model.asked == 120


def test_a_run_that_broke_off_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "PART_SIZE", 20)
    cache, model = Cache(tmp_path), Model()
    summarise(lengths, model, TEXTS.rows(0, 40), merge=together, cache=cache)
    found = summarise(lengths, model, TEXTS, merge=together, cache=cache)
    assert model.asked == 60 and int(found["sum"][0]) == TRUE["sum"]


def test_a_single_row_has_to_fit(tmp_path):
    with pytest.raises(SubjectError, match="single row"):
        summarise(lengths, Model(fits=0), TEXTS, merge=together, cache=Cache(tmp_path))


@pytest.mark.parametrize(
    ("function", "merge", "words"),
    [
        (lengths, first_wins, "minds the order"),
        (lengths, grows, "must keep names, shapes and types"),
        (every_row, add_rows, "may not depend on the batch"),
        (number, together, "a int as sum"),
        (texts_of, together, "returned a list"),
        (lengths, lambda one, other: one, "top level"),
    ],
)
def test_what_is_no_summary_is_refused(tmp_path, function, merge, words):
    with pytest.raises(UsageError, match=words):
        summarise(function, Model(), TEXTS, merge=merge, cache=Cache(tmp_path), batch_size=7)
    with pytest.raises(DataError, match="no rows"):
        summarise(lengths, Model(), Dataset({"text": []}), merge=together, cache=Cache(tmp_path))


def test_memory_does_not_grow_with_the_rows(tmp_path):
    import tracemalloc

    peaks = []
    for rows in (400, 4000):
        data = Dataset({"text": ["x"] * rows, "id": [str(row) for row in range(rows)]})
        data.fingerprint, data.ids  # noqa: B018  (what the data themselves take is not ours)
        tracemalloc.start()
        with Cache(tmp_path, "off") as cache:
            summarise(wide, Model(part_size=100), data, merge=added, cache=cache)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 4 * 4000 * 1000 / 4, f"{peaks}: a matrix of rows times units would take 32 MB"


def wide(subject, batch):
    return {"sum": np.ones((len(batch), 1000)).sum(axis=0)}


def added(one, other):
    return {"sum": one["sum"] + other["sum"]}
