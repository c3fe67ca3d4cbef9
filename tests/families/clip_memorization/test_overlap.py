"""Pairs in two sets are found by id, pixels, or look and caption; pairs that only resemble each other are not."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import pytest_trustml as tm
from builtin_checks.clip_memorization.overlap import MOST_FOUND, bare, digests, look, overlaps


def scene(seed, size=64):
    """A picture with soft shapes, like a photograph from afar."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


def dataset(images, captions, ids=None):
    columns = {"image": np.stack([np.asarray(image) for image in images]), "caption": captions}
    return tm.Dataset(columns | ({"id": ids} if ids else {}))


def found(**sets):
    return overlaps({name: (data.ids, digests(None, data)) for name, data in sets.items()})


def test_separate_sets_have_no_overlap():
    first = dataset([scene(1), scene(2)], ["a dog", "a cat"])
    second = dataset([scene(3), scene(4)], ["a dog", "a cat"])
    assert found(first=first, second=second) == []


def test_the_same_picture_is_found_whatever_its_caption():
    first, second = dataset([scene(1)], ["a dog"], ["x"]), dataset([scene(2), scene(1)], ["a cat", "its friend"], ["y", "z"])
    assert [tuple(overlap) for overlap in found(first=first, second=second)] == [("picture", "first", "x", "second", "z")]


def test_a_copy_scaled_and_compressed_is_found_by_its_caption():
    small = scene(1).resize((50, 50)).resize((64, 64))
    first = dataset([scene(1)], ["A dog, running."], ["x"])
    assert found(first=first, second=dataset([small], ["a dog running"]))[0].same == "look and caption"
    assert found(first=first, second=dataset([small], ["another dog"])) == []


def test_plain_pictures_of_other_colours_are_no_copies():
    red, blue = Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue")
    assert found(first=dataset([red], ["a square"]), second=dataset([blue], ["a square"])) == []


def test_equal_ids_are_an_overlap():
    overlap = found(first=dataset([scene(1)], ["a"], ["7"]), second=dataset([scene(2)], ["b"], ["7"]))
    assert [one.same for one in overlap] == ["id"]


def test_twins_inside_a_set_are_none_of_our_business():
    assert found(first=dataset([scene(1), scene(1)], ["a", "a"]), second=dataset([scene(2)], ["b"])) == []


def test_the_search_ends_where_the_sets_are_hopeless():
    picture = np.asarray(scene(1)) // 2
    looks = []
    for name, count in (("first", 600), ("second", 700)):
        ids = [f"{name}{row}" for row in range(count)]
        data = tm.Dataset({"image": np.stack([picture] * count), "caption": ["a"] * count, "id": ids})
        looks.append((data.ids, {**digests(None, data), "pixels": data.ids}))
    assert MOST_FOUND <= len(overlaps({"first": looks[0], "second": looks[1]})) < 600 * 700


def test_look_survives_scaling_but_not_another_picture():
    def bits(a, b):
        return int(np.bitwise_count(look(a)[:32] ^ look(b)[:32]).sum(dtype=int))

    assert look(scene(1)).shape == (35,)
    assert bits(scene(1), scene(1, 256)) <= 10
    assert min(bits(scene(1), scene(seed)) for seed in range(2, 30)) > 40


@pytest.mark.parametrize(("caption", "expected"), [("ＡＢＣ  d!", "abc d"), ("Straße", "strasse"), ("!!!", "!!!")])
def test_bare_captions(caption, expected):
    assert bare(caption) == expected
