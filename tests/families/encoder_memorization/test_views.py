"""Views: the same for any batch, within the bounds of their recipe, with colours changed before normalisation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import pytest_trustml as tm
from builtin_checks.encoder_memorization.layers import chosen_layers
from builtin_checks.encoder_memorization.views import AUGMENTATIONS, Augmentation, crop_box, image_views, pictures, view_of


def picture(seed=0, side=24):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8))


def bytes_of(views):
    return [view.tobytes() for view in views]


@pytest.mark.parametrize("name", [name for name in AUGMENTATIONS if name != "none"])
def test_views_depend_on_seed_id_and_number_alone(name):
    recipe = AUGMENTATIONS[name]
    five = bytes_of(image_views(picture(), "a", 0, 5, recipe, 3))
    assert bytes_of(image_views(picture(), "a", 2, 2, recipe, 3)) == five[2:4]
    assert len(set(five)) == 5
    assert bytes_of(image_views(picture(), "b", 0, 5, recipe, 3)) != five
    assert bytes_of(image_views(picture(), "a", 0, 5, recipe, 4)) != five


def test_no_augmentation_is_the_image():
    assert bytes_of(image_views(picture(), "a", 0, 3, AUGMENTATIONS["none"], 0)) == [picture().tobytes()] * 3


@given(st.integers(1, 60), st.integers(1, 60), st.floats(0.05, 1), st.integers(0, 99))
def test_crops_lie_inside_and_are_large_enough(width, height, smallest, seed):
    left, upper, right, lower = crop_box(width, height, smallest, np.random.default_rng(seed))
    assert 0 <= left < right <= width and 0 <= upper < lower <= height


def test_each_change_does_what_it_says():
    rng = np.random.default_rng(0)
    image = picture()
    pixels = np.asarray(image)
    assert (np.asarray(view_of(image, Augmentation(flip=1), rng)) == pixels[:, ::-1]).all()
    assert (np.asarray(view_of(image, Augmentation(upside_down=1), rng)) == pixels[::-1]).all()
    grey = np.asarray(view_of(image, Augmentation(grey=1), rng))
    assert (grey[..., 0] == grey[..., 1]).all() and (grey[..., 0] == grey[..., 2]).all()
    bright = [np.asarray(view_of(image, Augmentation(0.5, jitter=1), rng)).mean() / pixels.mean() for _ in range(60)]
    assert 0.45 < min(bright) < 0.7 and 1.2 < max(bright) < 1.5
    dark = Image.fromarray(np.full((8, 8, 3), 40, dtype=np.uint8))
    lit = np.asarray(view_of(dark, Augmentation(0.3, jitter=1), rng))
    assert 25 <= lit.mean() <= 55, "dark pixels stay dark: nothing is cut off at the middle of the range"


def test_hue_turns_around_the_circle():
    red = Image.fromarray(np.full((4, 4, 3), (200, 30, 30), dtype=np.uint8))
    turning = Augmentation(hue=0.5, jitter=1)
    turned = [np.asarray(view_of(red, turning, np.random.default_rng(seed)))[0, 0] for seed in range(30)]
    leading = {int(colour.argmax()) for colour in turned}
    assert leading == {0, 1, 2}, "red, green and blue all come up"
    assert all(abs(int(colour.max()) - 200) <= 4 for colour in turned)


@settings(max_examples=30)
@given(st.integers(0, 1000))
def test_shares_of_changes_are_those_of_the_recipe(seed):
    rng = np.random.default_rng(seed)
    image = picture()
    flipped = sum(view_of(image, Augmentation(flip=0.5), rng).tobytes() != image.tobytes() for _ in range(100))
    assert 22 <= flipped <= 78


def test_pictures_are_read_from_arrays_and_files(tmp_path):
    grey = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    grey.save(tmp_path / "one.png")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "one.png", "id": "a"}\n')
    for data in (tm.open_data(str(tmp_path)), tm.Dataset({"image": np.asarray(grey)[None]})):
        (found,) = pictures(data)
        assert found.mode == "RGB" and np.asarray(found)[0, :4, 0].tolist() == [0, 1, 2, 3]


RESNET = ["embedder", "embedder.activation", "encoder.stages.0", "encoder.stages.0.layers.0.activation", "pooler.activation"]
VIT = ["layers.0", "layers.0.attention", "layers.0.attention.q_proj", "layers.0.mlp", "layers.0.mlp.fc1", "layers.1.mlp"]


def test_layers_are_chosen_by_patterns():
    assert chosen_layers(RESNET, "") == ["embedder.activation", "encoder.stages.0.layers.0.activation"]
    assert chosen_layers(VIT, "") == ["layers.0.attention", "layers.0.mlp", "layers.1.mlp"]
    assert chosen_layers(VIT, "layers.?.mlp, layers.0") == ["layers.0", "layers.0.mlp", "layers.1.mlp"]
    assert chosen_layers(RESNET, "pooler.*") == ["pooler.activation"], "what is asked for by name is not left out"
    with pytest.raises(tm.UsageError, match=r"'\*\.gelu'.*embedder"):
        chosen_layers(RESNET, "*.activation,*.gelu")
    with pytest.raises(tm.UsageError, match=r"dense.*layers ="):
        chosen_layers(["dense"], "")
