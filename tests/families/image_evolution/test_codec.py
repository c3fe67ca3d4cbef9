"""Encoding alike: what goes in as PNG or JPEG comes out with the same traces."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import pytest_trustml as tm
from builtin_checks.image_evolution.codec import ROBUSTNESS, Codec, recode, recoded

NOISE = np.random.default_rng(0).integers(0, 256, (32, 24, 3), dtype=np.uint8)


def test_nothing_to_do_is_nothing_done():
    assert np.array_equal(recode(NOISE, Codec(quality=0)), NOISE)


@pytest.mark.parametrize("name", ROBUSTNESS)
def test_every_encoding_keeps_the_size_and_changes_the_pixels(name):
    found = recode(NOISE, ROBUSTNESS[name])
    assert found.shape == NOISE.shape and found.dtype == np.uint8
    assert not np.array_equal(found, NOISE)


def test_coarser_jpeg_is_farther_away():
    errors = [np.abs(recode(NOISE, Codec(quality=quality)).astype(int) - NOISE).mean() for quality in (95, 70, 50, 10)]
    assert errors == sorted(errors)


def test_real_and_fake_get_one_size_and_keep_their_ids():
    data = tm.Dataset({"id": ["x", "y"], "image": tm.Dataset({"image": NOISE[None]}).column("image").repeat(2, 0)})
    found = recoded(data, Codec(side=16))
    assert found.ids == ["x", "y"] and found.column("image").shape == (2, 16, 16, 3)


def test_sizes_that_differ_need_a_side(tmp_path):
    sizes = [(8, 8), (9, 8)]
    for number, size in enumerate(sizes):
        Image.new("RGB", size).save(tmp_path / f"{number}.png")
    data = tm.open_data(str(tmp_path))
    with pytest.raises(tm.DataError, match="Name one side for all"):
        recoded(data, Codec())
    assert len(recoded(data, Codec(side=8))) == 2


def test_a_jpeg_file_and_its_pixels_are_one():
    stream = io.BytesIO()
    Image.fromarray(NOISE).save(stream, "JPEG", quality=80)
    opened = Image.open(stream)
    assert np.array_equal(recode(opened, Codec()), recode(np.asarray(opened.convert("RGB")), Codec()))


@pytest.mark.parametrize("codec", [Codec(quality=101), Codec(scale=0), Codec(blur=-1), Codec(side=-2)])
def test_what_cannot_be_meant(codec):
    with pytest.raises(tm.UsageError, match="cannot be meant"):
        recode(NOISE, codec)
