from __future__ import annotations

import builtins
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from pytest_trustml.data import open_data
from pytest_trustml.data.dataset import Dataset
from pytest_trustml.errors import DataError, UsageError

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080200000090775"
    "3de0000000c49444154789c63f8cfc000000301010018dd8db00000000049454e44ae426082"
)


def test_npz_round_trip(tmp_path: Path):
    rng = np.random.default_rng(0)
    arrays = {
        "wide": rng.normal(size=(4, 3, 2)).astype(np.float32),
        "label": np.arange(4),
        "text": np.array(["a", "b", "ä", ""]),
        "ok": np.array([True, False, True, False]),
    }
    np.savez(tmp_path / "f.npz", **arrays)
    dataset = open_data("f.npz", root=tmp_path)
    np.testing.assert_array_equal(dataset.column("wide"), arrays["wide"])
    assert dataset.column("text") == ["a", "b", "ä", ""]
    assert dataset.where("label", "2").ids == [dataset.ids[2]]
    np.savez_compressed(tmp_path / "g.npz", **arrays)
    assert open_data("g.npz", root=tmp_path).fingerprint == dataset.fingerprint


class Trap:
    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle was run')",))


def test_npz_never_unpickles(tmp_path: Path):
    np.savez(tmp_path / "f.npz", a=np.array([Trap(), None], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects as a pickle"):
        open_data("f.npz", root=tmp_path)
    (tmp_path / "g.npz").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError, match="pickle"):
        open_data("g.npz", root=tmp_path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.ones(3), "b": np.ones((2, 3))}, "the arrays differ in length: a 3, b 2"),
        ({"a": np.ones(0)}, "f.npz has no rows"),
        ({"a": np.array(3)}, "'a' is a single value"),
        ({"a": np.array([1j])}, "complex128"),
        ({}, "has no arrays"),
    ],
)
def test_bad_arrays_are_named(tmp_path: Path, arrays, message):
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(DataError, match=message):
        open_data("f.npz", root=tmp_path)


@pytest.mark.parametrize("cut", [0, 10, 200, -30])
def test_torn_npz_is_named(tmp_path: Path, cut: int):
    np.savez_compressed(tmp_path / "f.npz", a=np.random.default_rng(0).normal(size=100))
    data = (tmp_path / "f.npz").read_bytes()
    (tmp_path / "f.npz").write_bytes(data[:cut])
    with pytest.raises(DataError, match=r"f.npz is not an npz file|f.npz holds Python objects"):
        open_data("f.npz", root=tmp_path)


def test_parquet_round_trip(tmp_path: Path):
    arrow = pytest.importorskip("pyarrow")
    import datetime

    from pyarrow import parquet

    table = arrow.table(
        {
            "text": ["a", None, "ä"],
            "n": [1, 2, 3],
            "x": [0.5, None, 1.5],
            "tags": [["p"], [], ["q", "r"]],
            "day": [datetime.date(2024, 1, 2)] * 3,
            "image": [{"bytes": PNG, "path": None}] * 3,
        }
    )
    parquet.write_table(table, tmp_path / "f.parquet")
    dataset = open_data("f.parquet", root=tmp_path)
    assert dataset.column("text") == ["a", None, "ä"]
    np.testing.assert_array_equal(dataset.column("n"), [1, 2, 3])
    assert dataset.column("x") == [0.5, None, 1.5]
    assert dataset.column("tags") == [["p"], [], ["q", "r"]]
    assert dataset.column("day")[0] == "2024-01-02"
    assert dataset.column("image")[1].size == (1, 1)
    assert len(set(dataset.ids)) == 3
    (tmp_path / "f.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(DataError, match=r"f.parquet is not a parquet file"):
        open_data("f.parquet", root=tmp_path)


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch):
    (tmp_path / "f.parquet").write_bytes(b"PAR1")
    real = builtins.__import__

    def absent(name, *rest, **more):
        if name.partition(".")[0] == "pyarrow":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(DataError, match=r"pip install 'pytest-trustml\[parquet\]'"):
        open_data("f.parquet", root=tmp_path)


class Column(list):
    pass


class Split:
    """What `datasets.load_dataset` gives for one split, as far as the reader uses it."""

    def __init__(self, columns, features):
        self.columns, self.features = columns, features

    @property
    def column_names(self):
        return list(self.columns)

    def cast_column(self, name, kind):
        assert kind.decode is False
        return self

    def __getitem__(self, name):
        return self.columns[name]


class Image:
    def __init__(self, decode=True):
        self.decode = decode


@pytest.fixture
def hub(monkeypatch):
    asked = []
    split = Split({"text": ["a", "b"], "image": [{"bytes": PNG, "path": None}] * 2}, {"text": "string", "image": Image()})

    def load_dataset(name, config, *, revision, split):
        asked.append((name, config, revision, split))
        if name == "org/gone":
            raise FileNotFoundError("no \x1b[31msuch repository")
        return splits if split is None else splits[split]

    splits = {"train": split, "test": split}
    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(load_dataset=load_dataset, Image=Image))
    return types.SimpleNamespace(asked=asked, splits=splits, split=split)


def test_hub_passes_on_what_the_spec_says(hub):
    dataset = open_data("hf:org/name/conf@abc:test?caption=text")
    assert hub.asked == [("org/name", "conf", "abc", "test")]
    assert dataset.column("caption") == ["a", "b"]
    assert dataset.column("image")[0].mode == "RGB"


def test_hub_needs_one_split(hub):
    with pytest.raises(UsageError, match=r"has the splits train, test. Choose one: write hf:org/name@abc:train"):
        open_data("hf:org/name@abc")
    del hub.splits["test"]
    assert len(open_data("hf:org/name@abc")) == 2


def test_hub_errors_are_the_users(hub):
    with pytest.raises(DataError, match=r"hf:org/gone@abc cannot be loaded: FileNotFoundError: no \\x1b\[31msuch repository"):
        open_data("hf:org/gone@abc")
    hub.split.columns["image"][1] = None
    with pytest.raises(DataError, match="row 2 has no image in the column 'image'"):
        open_data("hf:org/name@abc:train")


def test_hub_without_datasets_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"pip install 'pytest-trustml\[datasets\]'"):
        open_data("hf:org/name@abc")


def test_large_arrays_stay_in_the_file(tmp_path: Path, monkeypatch):
    """What a set of 50,000 pictures needs: opening, naming its rows and showing some of them reads no more than those."""
    import tracemalloc

    from pytest_trustml.data.readers import arrays

    monkeypatch.setattr(arrays, "MAPPED_BYTES", 1 << 20)
    pictures = np.random.default_rng(0).integers(0, 256, (3000, 64, 64, 1), dtype=np.uint8)
    np.savez(tmp_path / "f.npz", image=pictures, label=np.arange(3000))
    shown = pictures[[5, 2999]].copy()
    size = pictures.nbytes
    expected = Dataset({"image": pictures, "label": np.arange(3000)}).fingerprint
    del pictures
    tracemalloc.start()
    dataset = open_data("f.npz", root=tmp_path)
    some = dataset.take([5, 2999]).column("image")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < size / 2, f"{peak} bytes for a file of {size}"
    np.testing.assert_array_equal(some, shown)
    assert dataset.fingerprint == expected, "the rows are called the same, wherever they lie"
    assert type(dataset.column("image")) is np.ndarray
    with pytest.raises(ValueError, match="read-only"):
        dataset.column("image")[0] = 0


def test_mapped_arrays_are_those_that_are_read(tmp_path: Path, monkeypatch):
    from pytest_trustml.data.readers import arrays

    rng = np.random.default_rng(1)
    given = {"a": rng.normal(size=(50, 3)).astype(np.float32), "b": rng.integers(0, 9, 50), "t": np.array(["x"] * 50)}
    np.savez(tmp_path / "f.npz", **given)
    np.savez_compressed(tmp_path / "g.npz", **given)
    np.savez(tmp_path / "e.npz", **(given | {"a": np.asfortranarray(given["a"])}))
    plain = open_data("f.npz", root=tmp_path).fingerprint
    monkeypatch.setattr(arrays, "MAPPED_BYTES", 1)
    assert open_data("f.npz", root=tmp_path).fingerprint == plain
    for name in ("g.npz", "e.npz"):
        assert open_data(name, root=tmp_path).fingerprint == plain, "compressed, and stored by columns"
    whole = (tmp_path / "f.npz").read_bytes()
    (tmp_path / "h.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="not an npz file"):
        open_data("h.npz", root=tmp_path)
    np.savez(tmp_path / "i.npz", a=np.array([Trap(), None], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects as a pickle"):
        open_data("i.npz", root=tmp_path)


def test_a_folder_of_pictures_opens_one_at_a_time(tmp_path: Path):
    import tracemalloc

    from PIL import Image

    rng = np.random.default_rng(2)
    for number in range(40):
        Image.fromarray(rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)).save(tmp_path / f"{number:02}.png")
    tracemalloc.start()
    column = open_data(".", root=tmp_path).column("image")
    opened = tracemalloc.get_traced_memory()[1]
    shown = sum(int(np.asarray(column[row])[0, 0, 0]) for row in range(40))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert shown > 0
    assert max(opened, peak) < 5_000_000, "all forty pictures are 7.9 MB of pixels"
