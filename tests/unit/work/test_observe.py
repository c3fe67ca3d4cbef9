from __future__ import annotations

import gc
import types
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_trustml.data import Dataset
from pytest_trustml.errors import CacheError, DataError, SubjectError, UsageError
from pytest_trustml.work import observe as room
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.observe import observe
from pytest_trustml.work.progress import Progress


class Model:
    """A subject that counts how often and with what it was asked."""

    id, dtype, device_class, cacheable = "model@abc", "float32", "cpu", True

    def __init__(self, fingerprint: str = "abc", fits: int = 10**9) -> None:
        self.fingerprint = fingerprint
        self.fits = fits
        self.batches: list[list[str]] = []

    def ask(self, texts: list[str]) -> list[str]:
        if len(texts) > self.fits:
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        self.batches.append(texts)
        return texts

    @property
    def asked(self) -> int:
        return sum(map(len, self.batches))


class OutOfMemoryError(RuntimeError):
    """Named as torch's is."""


def shout(subject, batch, *, mark: str = "!"):
    return [text.upper() + mark for text in subject.ask(batch.column("text"))]


def measure(subject, batch, *, power: int = 1):
    texts = subject.ask(batch.column("text"))
    return {
        "length": np.array([len(text) ** power for text in texts], dtype=np.int64),
        "odd": np.array([[len(text) % 2, np.nan] for text in texts], dtype=np.float32),
        "text": list(texts),
        "id": batch.ids,
    }


def anything(subject, batch, *, kind: str):
    rows = len(subject.ask(batch.column("text")))
    return {
        "short": ["a"] * (rows - 1),
        "long": np.zeros(rows + 1),
        "tuple": ("a",) * rows,
        "numbers": [1.0] * rows,
        "objects": np.array([None] * rows),
        "scalar": np.float64(1),
        "nothing": None,
        "empty": {},
        "keys": {1: ["a"] * rows},
        "inner": {"a": ["a"] * rows, "b": np.zeros(rows + 2)},
        "words": np.array(["a"] * rows),
    }[kind]


def fickle(subject, batch, *, what: str):
    texts = subject.ask(batch.column("text"))
    first = len(subject.batches) == 1
    if what == "shape":
        return np.zeros((len(texts), 2 if first else 3))
    if what == "dtype":
        return np.zeros(len(texts), dtype=np.float32 if first else np.int64)
    if what == "kind":
        return list(texts) if first else np.zeros(len(texts))
    return {"a" if first else "b": list(texts)}


def broken(subject, batch):
    raise RuntimeError("a bug, not memory")


def hungry(subject, batch, *, words: str):
    if len(subject.ask(batch.column("text"))) > 2:
        raise {"memory": MemoryError(), "runtime": RuntimeError(words)}["memory" if not words else "runtime"]
    return batch.column("text")


def leaky(subject, batch):
    held = np.ones(10)
    subject.held.append(weakref.ref(held))
    if len(batch) > 1:
        subject.alive.append(sum(ref() is not None for ref in subject.held[:-1]))
        raise MemoryError
    return batch.column("text")


def data(*texts: str) -> Dataset:
    return Dataset({"text": list(texts)})


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


def test_the_second_time_the_model_is_not_asked(tmp_path: Path):
    first, second = Model(), Model()
    rows = data("a", "bb", "a")
    expected = ["A!", "BB!", "A!"]
    assert observe(shout, first, rows, cache=Cache(tmp_path)) == expected
    assert observe(shout, second, rows, cache=Cache(tmp_path)) == expected
    assert observe(shout, second, rows, cache=Cache(tmp_path), mark="!", batch_size=1) == expected
    assert (first.asked, second.asked) == (3, 0)


def test_whatever_the_result_depends_on_is_in_its_name(cache: Cache, monkeypatch):
    def asked(subject=None, rows=None, function=shout, **params) -> int:
        subject = subject or Model()
        observe(function, subject, rows or data("a", "b"), cache=cache, **params)
        return subject.asked

    assert (asked(), asked()) == (2, 0)
    assert asked(mark="?") == 2
    assert asked(function=measure) == 2
    assert asked(Model("other")) == 2
    assert asked(rows=data("b", "a")) == 2
    assert asked(rows=Dataset({"text": ["a", "b"], "n": [1, 2]})) == 2
    assert asked(rows=Dataset({"text": ["a", "b"], "id": [1, 2]})) == 2
    for name, value in (("dtype", "bfloat16"), ("device_class", "cuda")):
        other = Model()
        setattr(other, name, value)
        assert asked(other) == 2
    assert asked() == 0
    monkeypatch.setattr(room, "engine", lambda: {"torch": "99"})
    assert asked() == 2
    monkeypatch.undo()
    monkeypatch.setattr(room, "code_digest", lambda module: "changed")
    assert asked() == 2


texts = st.lists(st.text(st.characters(), max_size=6), min_size=1, max_size=30)


@settings(deadline=None, max_examples=30)
@given(rows=texts, size=st.integers(1, 40), part=st.integers(1, 12), fits=st.integers(1, 9))
def test_results_do_not_depend_on_batches_parts_or_memory(rows, size, part, fits):
    plain, cramped = Model(), Model(fits=fits)
    dataset = data(*rows)
    with Cache("unused", "off") as one, Cache("unused", "off") as other, pytest.MonkeyPatch.context() as patch:
        whole = observe(measure, plain, dataset, cache=one, batch_size=1000)
        patch.setattr(room, "PART_SIZE", part)
        split = observe(measure, cramped, dataset, cache=other, batch_size=size)
        again = observe(measure, cramped, dataset, cache=other)
    for found in (whole, split, again):
        assert list(found) == ["length", "odd", "text", "id"]
        assert found["text"] == rows
        assert found["id"] == dataset.ids
        assert found["length"].tolist() == [len(text) for text in rows]
        assert found["length"].dtype == np.int64
        np.testing.assert_array_equal(found["odd"], whole["odd"])
        assert found["odd"].dtype == np.float32
    assert cramped.asked == plain.asked == len(rows)
    assert all(len(batch) <= min(fits, size) for batch in cramped.batches)


def test_long_rows_go_first(cache: Cache):
    model = Model()
    observe(shout, model, data("a", "cccc", "bb", "ddd"), cache=cache, batch_size=2)
    assert model.batches == [["cccc", "ddd"], ["bb", "a"]]


def test_batches_shrink_once_and_stay_small(cache: Cache, monkeypatch):
    monkeypatch.setattr(room, "PART_SIZE", 8)
    model = Model(fits=3)
    rows = [f"{number:02}" for number in range(20)]
    assert observe(shout, model, data(*rows), cache=cache, batch_size=8) == [row + "!" for row in rows]
    assert [len(batch) for batch in model.batches] == [2, 2, 2, 2, 2, 2, 2, 2, 2, 2]


@pytest.mark.parametrize("words", ["", "CUDA error: out of memory", "DefaultCPUAllocator: can't allocate memory: you tried"])
def test_every_way_to_run_out_of_memory_is_known(cache: Cache, words: str):
    assert observe(hungry, Model(), data(*"abcde"), cache=cache, words=words) == list("abcde")


def test_a_row_that_does_not_fit_is_an_error(cache: Cache):
    with pytest.raises(
        SubjectError, match=r"shout ran out of memory on cpu with a single row \([0-9a-f]{16}\).*shorter inputs"
    ) as caught:
        observe(shout, Model(fits=0), data("a"), cache=cache)
    assert isinstance(caught.value.__cause__, OutOfMemoryError)


def test_other_errors_are_not_retried(cache: Cache):
    with pytest.raises(RuntimeError, match="a bug, not memory"):
        observe(broken, Model(), data("a", "b"), cache=cache)


def test_memory_of_a_failed_try_is_free_before_the_next(cache: Cache):
    model = Model()
    model.held, model.alive = [], []
    gc.disable()
    try:
        observe(leaky, model, data(*"abcdefgh"), cache=cache, batch_size=8)
    finally:
        gc.enable()
    assert model.alive == [0, 0, 0]


def test_a_subject_without_fingerprint_is_remembered_for_the_session_only(tmp_path: Path):
    model = Model()
    model.cacheable = False
    cache = Cache(tmp_path)
    assert observe(shout, model, data("a"), cache=cache) == observe(shout, model, data("a"), cache=cache) == ["A!"]
    assert model.asked == 1
    cache.close()
    observe(shout, model, data("a"), cache=Cache(tmp_path))
    assert model.asked == 2
    assert not list(tmp_path.rglob("*.safetensors"))


def test_refresh_asks_again_and_off_asks_once(tmp_path: Path):
    for mode, expected in (("use", 1), ("use", 1), ("refresh", 2), ("off", 3), ("use", 3)):
        model = test_refresh_asks_again_and_off_asks_once.__dict__.setdefault("model", Model())
        with Cache(tmp_path, mode) as cache:
            for _ in range(2):
                assert observe(shout, model, data("a"), cache=cache) == ["A!"]
        assert model.asked == expected


def test_grown_data_keep_their_finished_parts(cache: Cache, monkeypatch):
    monkeypatch.setattr(room, "PART_SIZE", 4)
    model = Model()
    observe(shout, model, data(*"abcdefgh"), cache=cache)
    assert observe(shout, model, data(*"abcdefghij"), cache=cache)[-1] == "J!"
    assert model.asked == 10


def test_what_is_damaged_is_computed_again(cache: Cache):
    model = Model()
    observe(shout, model, data("a"), cache=cache)
    (stored,) = cache.folder.rglob("*.safetensors")
    stored.write_bytes(stored.read_bytes()[:-3])
    assert observe(shout, model, data("a"), cache=cache) == ["A!"]
    assert model.asked == 2
    observe(shout, model, data("a"), cache=cache)
    assert model.asked == 2


def test_progress_counts_every_row_once(cache: Cache, monkeypatch):
    monkeypatch.setattr(room, "PART_SIZE", 4)
    seen = []

    class Counting(Progress):
        def __call__(self, label, total):
            import contextlib

            steps = []
            seen.append((label, total, steps))

            @contextlib.contextmanager
            def bar():
                yield lambda done=1: steps.append(done)

            return bar()

    for rows in ("abcdef", "abcdefg"):
        observe(shout, Model(fits=2), data(*rows), cache=cache, progress=Counting())
    assert [(label, total, sum(steps)) for label, total, steps in seen] == [
        ("shout model@abc", 6, 6),
        ("shout model@abc", 7, 7),
    ]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("short", r"test_observe.anything\(\) returned 1 rows for a batch of 2"),
        ("long", r"returned 3 rows for a batch of 2"),
        ("tuple", r"anything\(\) returned a tuple. It must return a list of text"),
        ("numbers", r"returned a list that holds a float"),
        ("objects", "returned an array of object"),
        ("words", "returned an array of <U1"),
        ("scalar", "returned a float64"),
        ("nothing", "returned a NoneType"),
        ("empty", r"returned a dict with the keys \[\]"),
        ("keys", r"returned a dict with the keys \[1\]"),
        ("inner", r"anything\(\) \['b'\] returned 4 rows for a batch of 2"),
    ],
)
def test_wrong_results_name_the_function(cache: Cache, kind: str, message: str):
    with pytest.raises(UsageError, match=message):
        observe(anything, Model(), data("a", "b"), cache=cache, kind=kind)
    assert not list(cache.folder.rglob("*.safetensors"))


@pytest.mark.parametrize("part", [1, 512])
@pytest.mark.parametrize(
    ("what", "message"),
    [
        (
            "shape",
            r"an array of float64 of shape \(rows, 2\) for one batch and an array of float64 of shape \(rows, 3\) for another",
        ),
        ("dtype", r"an array of float32 .* for one batch and an array of int64"),
        ("kind", r"a list of text for one batch and an array|an array .* and a list of text"),
        ("keys", "other keys for one batch than for the next"),
    ],
)
def test_results_must_not_change_their_kind(cache: Cache, monkeypatch, part: int, what: str, message: str):
    monkeypatch.setattr(room, "PART_SIZE", part)
    with pytest.raises(UsageError, match=message):
        observe(fickle, Model(), data("a", "b"), cache=cache, what=what, batch_size=1)


def stray(batch):
    return []


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda c: observe(lambda s, b: [], Model(), data("a"), cache=c), UsageError, "move it to module level"),
        (
            lambda c: observe(shout, Model(), data("a"), cache=c, makr="?"),
            UsageError,
            r"shout\(\): Unknown parameter 'makr'.*'mark'",
        ),
        (lambda c: observe(anything, Model(), data("a"), cache=c), UsageError, r"anything\(\) needs the parameter 'kind'"),
        (lambda c: observe(shout, Model(), data("a"), cache=c, mark={1}), UsageError, "Parameter params.*mark.* is a set"),
        (lambda c: observe(shout, Model(), data("a"), cache=c, batch_size=0), UsageError, "The batch size is 0"),
        (lambda c: observe(shout, Model(), data("a"), cache=c, batch_size=True), UsageError, "The batch size is True"),
        (
            lambda c: observe(shout, Model(), {"text": ["a"]}, cache=c),
            UsageError,
            r"is no Dataset. Make one with Dataset\({...}\)",
        ),
        (lambda c: observe(shout, Model(), data("a").rows(0, 0), cache=c), DataError, "no rows to observe"),
        (
            lambda c: observe(stray, Model(), data("a"), cache=c),
            UsageError,
            r"stray\(\) must take \(subject, batch, \*\*params\)",
        ),
    ],
)
def test_mistakes_are_named_before_the_model_runs(cache: Cache, call, error, message):
    with pytest.raises(error, match=message):
        call(cache)


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="could not be stored"):
        observe(shout, Model(), data("a"), cache=Cache(tmp_path / "file"))


def test_torch_is_asked_to_free_memory_only_if_it_is_there(cache: Cache, monkeypatch):
    import sys

    freed = []
    cuda = types.SimpleNamespace(is_initialized=lambda: True, empty_cache=lambda: freed.append(True))
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))
    observe(shout, Model(fits=1), data("a", "b"), cache=cache)
    assert freed == [True]
