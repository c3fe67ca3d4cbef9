"""Reconstruction: pictures of the wanted classes that come closer to real ones the more the model remembers."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from tests.unit.attacks.digits import part


def test_the_nearest_reconstruction_is_found_by_brute_force():
    rng = np.random.default_rng(0)
    real, drawn = rng.random((7, 3, 8, 8)), rng.random((5, 3, 8, 8))
    all_pairs = ((real[:, None] - drawn[None]) ** 2).mean(axis=(2, 3, 4))
    found = tm.nearest_reconstruction(real, drawn)
    assert found.row.tolist() == all_pairs.argmin(axis=1).tolist()
    assert found.mse == pytest.approx(all_pairs.min(axis=1))
    with pytest.raises(tm.DataError, match="cannot be compared"):
        tm.nearest_reconstruction(real, drawn[:, :1])


def test_structural_similarity_is_the_formula_on_every_window():
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 1, 1, 9, 8))
    expected = []
    for top in range(3):
        for left in range(2):
            x, y = (each[0, 0, top : top + 7, left : left + 7].ravel() for each in (a, b))
            covariance = np.cov(x, y)
            expected.append(
                (2 * x.mean() * y.mean() + 0.01**2) * (2 * covariance[0, 1] + 0.03**2)
                / ((x.mean() ** 2 + y.mean() ** 2 + 0.01**2) * (covariance[0, 0] + covariance[1, 1] + 0.03**2))
            )  # fmt: skip
    assert tm.ssim(a, b) == pytest.approx([np.mean(expected)], abs=1e-12)
    assert tm.ssim(a, b) == pytest.approx(tm.ssim(b, a))
    with pytest.raises(tm.DataError, match="7 x 7"):
        tm.ssim(a[..., :6], b[..., :6])


@pytest.fixture(scope="module")
def network():
    pictures, labels = part(0, 400)
    return tm.train_image_network(pictures, labels, outputs=10, seed=0, epochs=12)


@pytest.mark.slow
def test_pictures_are_recognised_bounded_and_the_same_for_the_same_seed(network):
    labels = np.arange(20) % 10
    one, two = (tm.reconstruct(network, labels, seed=3, steps=40, batch_size=20) for _ in range(2))
    assert one.pictures.shape == (20, 3, 32, 32)
    assert (one.pictures == two.pictures).all()
    assert 0 <= one.pictures.min() and one.pictures.max() <= 1
    assert one.recognised > 0.8
    assert one.normalisations == 9
    assert one.labels.tolist() == labels.tolist()
    assert not network.loaded.model.training


@pytest.mark.slow
def test_the_statistics_of_training_bring_the_pictures_closer_to_the_real_ones(network):
    real = tm.as_drawn(network, part(0, 200)[0])
    assert real.shape == (200, 3, 32, 32)
    labels = np.arange(40) % 10
    how = {"seed": 0, "steps": 100, "batch_size": 40}
    with_them = tm.reconstruct(network, labels, statistics_weight=0.5, **how)
    without = tm.reconstruct(network, labels, statistics_weight=0.0, **how)
    near, far = (tm.nearest_reconstruction(real, each.pictures).mse.mean() for each in (with_them, without))
    assert near < far


@pytest.mark.slow
def test_what_cannot_be_drawn_is_said(network):
    with pytest.raises(tm.DataError, match="0 to 9"):
        tm.reconstruct(network, [10], seed=0)
    with pytest.raises(tm.UsageError, match="steps is 0"):
        tm.reconstruct(network, [1], seed=0, steps=0)


@pytest.mark.slow
def test_a_model_without_batch_normalisation_is_inverted_by_class_and_priors(tmp_path):
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8,
        num_labels=3,
    )  # fmt: skip
    tm.save_model(tmp_path, ViTForImageClassification(config))
    found = tm.reconstruct(tm.open_image_network(tmp_path), [0, 1, 2], seed=0, steps=60)
    assert (found.normalisations, found.pictures.shape) == (0, (3, 3, 16, 16))
    assert 0 <= found.pictures.min() and found.pictures.max() <= 1
