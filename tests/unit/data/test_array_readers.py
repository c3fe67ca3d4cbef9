from __future__ import annotations

import builtins
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from pytest_trustml.data import open_data
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
