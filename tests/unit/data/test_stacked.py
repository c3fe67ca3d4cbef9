"""Several data sets as one: rows in order, ids that tell where they come from, pictures that stay unopened."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from pytest_trustml.data.images import Images


def test_rows_keep_their_order_and_say_where_they_come_from():
    one = tm.Dataset({"text": ["x", "y"], "label": np.array([1, 0]), "id": ["1", "2"], "more": [1, 2]})
    two = tm.Dataset({"text": ["z"], "label": [2], "id": ["1"]})
    both = tm.stacked({"one": one, "two": two}, ["text", "label"])
    assert both.columns == ("id", "text", "label")
    assert both.ids == ["one/1", "one/2", "two/1"]
    assert (both.column("text"), both.column("label")) == (["x", "y", "z"], [1, 0, 2])


def test_arrays_of_one_kind_stay_arrays():
    parts = {name: tm.Dataset({"image": np.full((2, 3, 3, 3), value, np.uint8)}) for name, value in (("a", 1), ("b", 2))}
    both = tm.stacked(parts, ["image"]).column("image")
    assert both.shape == (4, 3, 3, 3)
    assert both[:, 0, 0, 0].tolist() == [1, 1, 2, 2]


def test_pictures_stay_unopened(tmp_path):
    missing = tmp_path / "missing.png"
    parts = {
        "a": tm.Dataset({"image": Images([missing]), "id": ["1"]}),
        "b": tm.Dataset({"image": Images([b"none"]), "id": ["2"]}),
    }
    column = Images.of_all([part.column("image") for part in parts.values()])
    assert len(column) == 2
    with pytest.raises(tm.DataError, match="row 1"):
        column[1]
    from PIL import Image

    paths = [tmp_path / f"{shade}.png" for shade in (10, 200)]
    for shade, path in zip((10, 200), paths, strict=True):
        Image.new("RGB", (2, 2), (shade,) * 3).save(path)
    both = tm.stacked({path.stem: tm.Dataset({"image": Images([path])}) for path in paths}, ["image"])
    assert [np.asarray(picture)[0, 0, 0] for picture in both.column("image")] == [10, 200]


@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        (np.zeros((1, 2, 2, 3), np.uint8), np.zeros((1, 3, 3, 3), np.uint8), "same type and shape"),
        (np.zeros((1, 2, 2, 3), np.uint8), ["a.png"], "pictures in one part"),
        (Images([b""]), ["a.png"], "pictures in one part"),
    ],
)
def test_columns_of_two_kinds_are_refused(one, two, words):
    parts = {"a": tm.Dataset({"image": one, "id": ["1"]}), "b": tm.Dataset({"image": two, "id": ["1"]})}
    with pytest.raises(tm.DataError, match=words):
        tm.stacked(parts, ["image"])


def test_nothing_and_missing_columns_are_refused():
    with pytest.raises(tm.DataError, match="nothing to put together"):
        tm.stacked({}, ["text"])
    with pytest.raises(tm.DataError, match="column"):
        tm.stacked({"a": tm.Dataset({"text": ["x"]})}, ["label"])
