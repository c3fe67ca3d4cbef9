"""What an encoder is asked: the same in any batch, reduced inside the network, paid for once."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.encoder_memorization import observations
from builtin_checks.encoder_memorization.score import DISTANCES, class_means, class_mem, distance, unit_mem
from builtin_checks.encoder_memorization.streaming import random_halves
from builtin_checks.encoder_memorization.views import AUGMENTATIONS, image_views
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.summarise import summarise

LAYERS = ["embedder.embedder.activation", "encoder.stages.1.layers.0.activation"]


@pytest.fixture(scope="module")
def subject(encoders, tmp_path_factory):
    folder = tmp_path_factory.mktemp("resnet")
    tm.save_model(folder, encoders.network(0))
    return tm.open_subject(str(folder), device="cpu")


@pytest.fixture(scope="module")
def data(encoders):
    rows = encoders.images(24, 6)
    return tm.Dataset({"image": rows, "place": np.arange(24)[::-1].copy(), "label": [str(row % 3) for row in range(24)]})


def settings(**more):
    return {
        "layers": LAYERS, "views": 3, "augmentation": "normal", "sign": "relu", "seed": 1, "points": 24, "permutations": 11,
    } | more  # fmt: skip


def matrix(subject, data, views=3):
    """What the summary is made of: (points, units) of each layer, one picture at a time."""
    rows = {layer: [] for layer in LAYERS}
    for image, name in zip(observations.pictures(data), data.ids, strict=True):
        found = subject.encoder.activations(image_views(image, name, 0, views, AUGMENTATIONS["normal"], 1), LAYERS)
        for layer, values in found.items():
            rows[layer].append(values.mean(axis=0))
    return {layer: np.maximum(np.stack(own), 0) for layer, own in rows.items()}


@pytest.mark.parametrize("batch_size", [1, 7, 32])
def test_the_summary_is_that_of_the_matrix_in_any_batches(subject, data, tmp_path, batch_size):
    found = summarise(
        observations.unit_summary, subject, data, merge=observations.merge_units, cache=Cache(tmp_path), batch_size=batch_size,
        **settings(),
    )  # fmt: skip
    assert observations.layers_of(found) == LAYERS
    for layer, mu in matrix(subject, data).items():
        own = observations.summary_of(found, layer)
        rest = own["rest"] / 23
        assert np.allclose((own["top"][:, 0] - rest) / np.maximum(own["top"][:, 0] + rest, 1e-30), unit_mem(mu), atol=1e-5)
        assert np.allclose(own["top"][:, 0], mu.max(axis=0), rtol=1e-4, atol=1e-6)
        by_place = mu[::-1]
        assert np.allclose(own["halves"], random_halves(24, 11, 1).astype(float) @ by_place, rtol=1e-4, atol=1e-4)


def test_views_that_are_all_equal_are_the_picture_itself(subject, data):
    many = observations.unit_summary(subject, data, **settings(views=4, augmentation="none"))
    one = observations.unit_summary(subject, data, **settings(views=1, augmentation="none"))
    for name in one:
        assert np.allclose(many[name], one[name], rtol=1e-4, atol=1e-5), name


def test_class_sums_give_class_mem(subject, data, tmp_path):
    found = summarise(
        observations.class_sums, subject, data, merge=observations.add, cache=Cache(tmp_path), batch_size=5, layers=LAYERS,
        classes=["0", "1", "2"], sign="relu",
    )  # fmt: skip
    assert found["|count"].tolist() == [8, 8, 8]
    direct = subject.encoder.activations(observations.pictures(data), LAYERS)
    for layer, values in direct.items():
        means = class_means(np.maximum(values, 0), data.column("label"))
        assert np.allclose(class_mem(found[layer] / 8), class_mem(means), atol=1e-5)


@pytest.mark.parametrize("kind", DISTANCES)
@pytest.mark.parametrize("normalize", [True, False])
def test_distances_inside_the_network_are_those_of_the_outputs(subject, data, kind, normalize):
    some = data.take(range(6))
    found = observations.view_distances(
        subject, some, layers=LAYERS, pairs=2, augmentation="weak", kind=kind, normalize=normalize, seed=4
    )
    assert list(found) == [*LAYERS, "embedding"]
    expected = {name: np.zeros(6) for name in found}
    for row, (image, name) in enumerate(zip(observations.pictures(some), some.ids, strict=True)):
        views = image_views(image, name, 0, 4, AUGMENTATIONS["weak"], 4)
        outputs = dict(subject.encoder.activations(views, LAYERS, pooled=False))
        outputs["embedding"] = subject.encoder.embed(views)
        for layer, values in outputs.items():
            expected[layer][row] = distance(values[::2], values[1::2], kind, normalize=normalize).mean()
    for layer in found:
        assert np.allclose(found[layer], expected[layer], rtol=2e-3, atol=2e-4), layer


def test_distances_do_not_depend_on_the_batch(subject, data):
    how = {"layers": LAYERS, "pairs": 1, "augmentation": "crop", "kind": "l2", "normalize": True, "seed": 0}
    whole = observations.view_distances(subject, data, **how)
    alone = observations.view_distances(subject, data.take([17]), **how)
    for layer in whole:
        assert whole[layer][17] == pytest.approx(alone[layer][0], rel=1e-3, abs=1e-5)


def test_images_are_recognised_by_their_pixels(subject, data, encoders):
    again = tm.Dataset({"image": encoders.images(24, 6), "id": [f"other{row}" for row in range(24)]})
    assert observations.digests(subject, data) == observations.digests(subject, again)
    assert len(set(observations.digests(subject, data))) == 24


def test_units_of_a_vision_transformer_are_means_over_all_tokens(tmp_path, encoders):
    import torch
    from transformers import ViTConfig, ViTModel

    from builtin_checks.encoder_memorization.layers import chosen_layers

    with torch.random.fork_rng():
        torch.manual_seed(0)
        size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
        model = ViTModel(ViTConfig(image_size=8, patch_size=4, **size)).eval()
    tm.save_model(tmp_path, model)
    subject = tm.open_subject(str(tmp_path), device="cpu")
    layers = chosen_layers(subject.encoder.layers(), "")
    assert layers == ["layers.0.attention", "layers.0.mlp", "layers.1.attention", "layers.1.mlp"]
    rows = encoders.images(6, 9)
    found = subject.encoder.activations(list(rows), layers)
    outputs = {}
    handle = model.layers[1].mlp.register_forward_hook(lambda module, args, output: outputs.update(mlp=output))
    with torch.no_grad():
        model(pixel_values=torch.from_numpy(rows).permute(0, 3, 1, 2).float() / 127.5 - 1)
    handle.remove()
    assert outputs["mlp"].shape == (6, 5, 16), "four patches and the class token"
    assert np.allclose(found["layers.1.mlp"], outputs["mlp"].mean(dim=1).numpy(), atol=1e-5)
