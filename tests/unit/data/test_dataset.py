from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trustml.data import Dataset, Images
from pytest_trustml.errors import DataError, UsageError

cells = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(), max_size=6)
tables = st.integers(1, 12).flatmap(
    lambda rows: st.fixed_dictionaries(
        {"a": st.lists(cells, min_size=rows, max_size=rows), "b": st.lists(st.sampled_from("xy"), min_size=rows, max_size=rows)}
    )
)


@given(columns=tables, data=st.data())
def test_ids_are_stable_under_shuffling(columns, data):
    dataset = Dataset(columns)
    order = data.draw(st.permutations(range(len(dataset))))
    shuffled = Dataset({name: [column[i] for i in order] for name, column in columns.items()})
    assert len(set(dataset.ids)) == len(dataset)
    assert sorted(shuffled.ids) == sorted(dataset.ids)
    for index, source in enumerate(order):
        # Exact duplicates may swap suffixes among themselves, and nothing else.
        assert shuffled.ids[index].partition("-")[0] == dataset.ids[source].partition("-")[0]


@given(columns=tables, data=st.data())
def test_rows_keep_their_ids_when_others_leave(columns, data):
    dataset = Dataset(columns)
    kept = data.draw(st.lists(st.sampled_from(range(len(dataset))), unique=True))
    part = dataset.take(kept)
    assert part.ids == [dataset.ids[i] for i in kept]
    assert [part.row(i) for i in range(len(part))] == [dataset.row(i) for i in kept]


@given(columns=tables, data=st.data(), seed=st.integers(0, 99))
def test_samples_do_not_depend_on_the_order_of_the_source(columns, data, seed):
    dataset = Dataset(columns)
    order = data.draw(st.permutations(range(len(dataset))))
    n = data.draw(st.integers(1, len(dataset)))
    one = dataset.sample(n, np.random.default_rng(seed))
    other = Dataset({name: [column[i] for i in order] for name, column in columns.items()}).sample(
        n, np.random.default_rng(seed)
    )
    assert one.ids == other.ids
    assert list(one) == list(other)
    assert len(set(one.ids)) == n


@given(columns=tables)
def test_the_fingerprint_knows_content_and_order(columns):
    dataset = Dataset(columns)
    assert (
        dataset.fingerprint == Dataset(dict(reversed(columns.items()))).fingerprint == dataset.rows(0, len(dataset)).fingerprint
    )
    backwards = dataset.take(range(len(dataset))[::-1])
    assert (backwards.fingerprint == dataset.fingerprint) == (backwards.ids == dataset.ids)
    changed = {**columns, "b": [*columns["b"][:-1], columns["b"][-1] + "!"]}
    assert Dataset(changed).fingerprint != dataset.fingerprint
    renamed = {"c" if name == "b" else name: column for name, column in columns.items()}
    assert Dataset(renamed).fingerprint != dataset.fingerprint


def test_equal_content_in_another_container_is_the_same_data():
    assert Dataset({"n": np.array([1, 2])}).fingerprint == Dataset({"n": [1, 2]}).fingerprint
    assert Dataset({"n": [1.0, 2.0]}).fingerprint != Dataset({"n": [1, 2]}).fingerprint
    wide = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert Dataset({"v": wide}).fingerprint == Dataset({"v": wide.astype(">f4")}).fingerprint
    assert Dataset({"v": wide}).fingerprint != Dataset({"v": wide.reshape(2, 3, 1)}).fingerprint


def test_known_fingerprint():
    """Stored results and baselines depend on it: it may not change by accident."""
    dataset = Dataset({"text": ["a", "ä", "\ud800"], "n": [1, 2.5, None]})
    assert dataset.ids == KNOWN_IDS
    assert dataset.fingerprint == KNOWN_FINGERPRINT


def test_exact_duplicates_get_suffixes():
    first, second, other, third = Dataset({"text": ["a", "a", "b", "a"]}).ids
    assert (second, third) == (f"{first}-2", f"{first}-3")
    assert "-" not in other


def test_given_ids_are_used_and_must_be_unique():
    assert Dataset({"id": [7, "x"], "t": ["a", "b"]}).ids == ["7", "x"]
    with pytest.raises(DataError, match="An id occurs twice: row 1 and row 3"):
        Dataset({"id": [7, "x", "7"]})
    with pytest.raises(DataError, match="row 2: the id is empty"):
        Dataset({"id": ["x", None]})
    with pytest.raises(DataError, match="the id is a float"):
        Dataset({"id": [1.5]})


def test_nothing_can_be_changed_from_outside():
    texts, numbers = ["a", "b"], np.array([1, 2])
    dataset = Dataset({"t": texts, "n": numbers})
    before = dataset.fingerprint
    texts[0] = "z"
    numbers[0] = 9
    dataset.column("t")[0] = "z"
    dataset.ids[0] = "z"
    with pytest.raises(ValueError, match="read-only"):
        dataset.column("n")[0] = 9
    with pytest.raises(ValueError, match="read-only"):
        dataset.rows(0, 1).column("n")[0] = 9
    assert dataset.row(0) == {"t": "a", "n": 1}
    assert Dataset({"t": dataset.column("t"), "n": dataset.column("n")}).fingerprint == before


def test_where_compares_as_users_write():
    dataset = Dataset({"n": [1, 2, 1], "ok": [True, False, None], "t": ["1", "b", "c"]})
    assert dataset.where("n", "1").column("t") == ["1", "c"]
    assert dataset.where("ok", "true").column("n") == [1]
    assert dataset.where("t", ["b", "c"]).column("n") == [2, 1]
    with pytest.raises(DataError, match="No row of memory has t = 'zz'. The column has 3 other values"):
        dataset.where("t", "zz")
    with pytest.raises(DataError, match="Unknown column 'tt'"):
        dataset.where("tt", "b")


def test_mistakes_are_named():
    dataset = Dataset({"prompt": ["a", "b"]})
    with pytest.raises(DataError, match=r"Unknown column 'promt'. Did you mean 'prompt'"):
        dataset.column("promt")
    with pytest.raises(DataError, match="3 rows were asked for, but memory has 2"):
        dataset.sample(3, np.random.default_rng(0))
    with pytest.raises(DataError, match="0 rows were asked for"):
        dataset.sample(0, np.random.default_rng(0))
    with pytest.raises(UsageError, match="Row 2 was asked for, but there are 2"):
        dataset.take([2])
    with pytest.raises(UsageError, match="Row 1 was asked for twice"):
        dataset.take([1, -1])
    with pytest.raises(DataError, match="differ in length: a 1, b 2"):
        Dataset({"a": [1], "b": [1, 2]})
    with pytest.raises(DataError, match="no columns"):
        Dataset({})
    with pytest.raises(DataError, match="A column is a str"):
        Dataset({"a": "abc"})
    with pytest.raises(DataError, match="an array of complex128"):
        Dataset({"a": np.array([1j])})
    with pytest.raises(DataError, match="A cell holds a set"):
        _ = Dataset({"a": [{1}]}).ids
    with pytest.raises(UsageError, match="'id' cannot be replaced"):
        dataset.with_columns(id=[1, 2])


def test_with_columns_keeps_ids():
    dataset = Dataset({"t": ["a", "b"]})
    wider = dataset.with_columns(n=[1, 2])
    assert wider.ids == dataset.ids
    assert wider.fingerprint != dataset.fingerprint
    assert wider.row(1) == {"t": "b", "n": 2}


def test_empty_parts_are_allowed_as_steps():
    part = Dataset({"t": ["a"], "v": np.ones((1, 2)), "i": Images([b""])}).rows(1, 1)
    assert len(part) == 0
    assert part.columns == ("t", "v", "i")
    assert part.column("v").shape == (0, 2)


def test_text_arrays_become_lists():
    assert Dataset({"t": np.array(["a", "ä"])}).column("t") == ["a", "ä"]


KNOWN_IDS = ["d1ee7f16049f4492", "1d2a94d60ef126dc", "04a82ce744c64443"]
KNOWN_FINGERPRINT = "4fc31246ff575bdb766049befac916d9b342a97541568f902d34c224b1ff4424"
