"""Crops and captions: the same for both models, for any batch and any order; inside the image; never silently empty."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pytest_trustml as tm
from builtin_checks.clip_memorization.views import RATIOS, caption_views, crop_box, image_views, pictures


def picture(seed=0, width=40, height=30):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def bytes_of(views):
    return [view.tobytes() for view in views]


@given(st.integers(1, 500), st.integers(1, 500), st.integers(0, 2**32), st.floats(0.05, 1))
def test_crops_lie_inside_and_are_not_empty(width, height, seed, smallest):
    left, upper, right, lower = crop_box(width, height, np.random.default_rng(seed), smallest)
    assert 0 <= left < right <= width
    assert 0 <= upper < lower <= height


@given(st.integers(60, 500), st.integers(60, 500), st.integers(0, 2**32))
def test_crops_have_the_ratio_that_they_may_have(width, height, seed):
    left, upper, right, lower = crop_box(width, height, np.random.default_rng(seed), 0.5)
    ratio = (right - left) / (lower - upper)
    assert RATIOS[0] * 0.93 < ratio < RATIOS[1] * 1.07  # whole pixels


def test_crops_of_a_square_keep_the_share_of_the_area():
    rng = np.random.default_rng(0)
    boxes = [crop_box(200, 200, rng, 0.6) for _ in range(500)]
    areas = np.array([(b[2] - b[0]) * (b[3] - b[1]) / 40_000 for b in boxes])
    assert areas.min() > 0.59
    assert areas.max() <= 1
    assert areas.max() - areas.min() > 0.3
    assert len({b[:2] for b in boxes}) > 100


def test_a_long_strip_gets_the_largest_central_crop():
    assert crop_box(400, 30, np.random.default_rng(0), 0.9) == (180, 0, 220, 30)
    assert crop_box(1, 1, np.random.default_rng(0), 0.9) == (0, 0, 1, 1)


def test_views_depend_on_seed_and_id_alone():
    views = image_views(picture(), "a", 4, 16, seed=1)
    assert [view.size for view in views] == [(16, 16)] * 4
    assert len(set(bytes_of(views))) == 4
    assert bytes_of(image_views(picture(), "a", 4, 16, seed=1)) == bytes_of(views)
    assert bytes_of(image_views(picture(), "a", 2, 16, seed=1)) == bytes_of(views)[:2]
    assert bytes_of(image_views(picture(), "b", 4, 16, seed=1)) != bytes_of(views)
    assert bytes_of(image_views(picture(), "a", 4, 16, seed=2)) != bytes_of(views)


def test_views_are_mirrored_only_when_asked():
    half = Image.new("RGB", (64, 64))
    half.paste("white", (0, 0, 32, 64))  # bright on the left

    def left_is_bright(view):
        pixels = np.asarray(view, dtype=float)
        return pixels[:, :4].mean() > pixels[:, -4:].mean()

    assert all(left_is_bright(view) for view in image_views(half, "a", 20, 16, seed=0))
    mirrored = [not left_is_bright(view) for view in image_views(half, "a", 20, 16, seed=0, flip=True)]
    assert 0 < sum(mirrored) < 20


def test_pictures_come_from_files_or_arrays_of_pixels():
    pixels = np.stack([np.asarray(picture(seed)) for seed in range(3)])
    found = list(pictures(tm.Dataset({"image": pixels, "caption": ["a", "b", "c"]})))
    assert [np.array_equal(np.asarray(image), own) for image, own in zip(found, pixels, strict=True)] == [True] * 3


def test_captions_are_the_list_or_the_single_one():
    assert caption_views(tm.Dataset({"caption": ["a", "b"]})) == [["a"], ["b"]]
    assert caption_views(tm.Dataset({"caption": ["a", "b"], "captions": [["x", "y"], ["z"]]})) == [["x", "y"], ["z"]]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"caption": ["a", "  "]}, "an empty str"),
        ({"caption": ["a", 3]}, "a int"),
        ({"caption": ["a"], "captions": [[]]}, "list of one or more"),
        ({"caption": ["a"], "captions": ["a, b"]}, "list of one or more"),
        ({"caption": ["a"], "captions": [["a", ""]]}, "an empty str"),
    ],
)
def test_a_caption_that_is_none_is_named_with_its_pair(columns, words):
    columns = {"id": [f"pair{row}" for row in range(len(columns["caption"]))], **columns}
    with pytest.raises(tm.DataError, match=words) as problem:
        caption_views(tm.Dataset(columns))
    assert "pair" in str(problem.value)
