"""Image classifiers that an attacker trains: they learn, repeat themselves, and take the architecture of a folder."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from pytest_trustml.attacks.image_network import batches_of
from tests.unit.attacks.digits import part


@pytest.mark.slow
def test_it_learns_and_the_same_seed_gives_the_same_network():
    import torch

    pictures, labels = part(0, 300)
    before, steps = torch.get_rng_state(), []
    one, two = (
        tm.train_image_network(pictures, labels, outputs=10, seed=1, epochs=8, step=steps.append)(part(300, 700)[0])
        for _ in range(2)
    )
    assert (torch.get_rng_state() == before).all()
    assert (one == two).all()
    assert (one.argmax(axis=1) == part(300, 700)[1]).mean() > 0.85
    assert sum(steps) == 2 * batches_of(300, 8, 64)
    other = tm.train_image_network(pictures, labels, outputs=10, seed=2, epochs=1)(pictures[:2])
    assert not (other == one[:2]).all()


@pytest.mark.slow
def test_sgd_learns_as_well():
    pictures, labels = part(0, 300)
    network = tm.train_image_network(pictures, labels, outputs=10, seed=1, epochs=10, optimizer="sgd", learning_rate=0.05)
    assert (network(part(300, 700)[0]).argmax(axis=1) == part(300, 700)[1]).mean() > 0.8


@pytest.mark.slow
def test_it_takes_the_architecture_of_a_folder_but_not_its_weights(tmp_path):
    """A vision transformer with an image processor of its own."""
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil

    config = ViTConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8,
        num_labels=4,
    )  # fmt: skip
    processor = ViTImageProcessorPil(size={"height": 16, "width": 16})
    tm.save_model(tmp_path, ViTForImageClassification(config), processor)
    pictures, labels = part(0, 80)
    network = tm.train_image_network(pictures, labels, outputs=10, seed=0, model=tmp_path, epochs=2)
    assert type(network.loaded.model).__name__ == "ViTForImageClassification"
    assert network(pictures[:3]).shape == (3, 10)
    assert network.prepared(pictures[:2]).shape == (2, 3, 16, 16)
    opened = tm.open_image_network(tmp_path)
    assert opened.outputs == 4
    assert opened(pictures[:1]).shape == (1, 4)


def test_a_folder_of_another_kind_is_refused(tmp_path):
    from transformers import BertConfig, BertForSequenceClassification

    small = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 8}
    tokenizer = tm.learn_tokenizer(["a b"] * 4, 260, context=8)
    tm.save_model(tmp_path, BertForSequenceClassification(BertConfig(**{**small, "vocab_size": 260})), tokenizer)
    with pytest.raises(tm.UsageError, match="BertForSequenceClassification"):
        tm.open_image_network(tmp_path)


def test_what_cannot_be_trained_on_is_named():
    pictures, labels = part(0, 6)
    with pytest.raises(tm.UsageError, match="loss"):
        tm.train_image_network(pictures, labels, outputs=10, seed=0, loss="hinge")
    with pytest.raises(tm.UsageError, match="optimizer"):
        tm.train_image_network(pictures, labels, outputs=10, seed=0, optimizer="luck")
    with pytest.raises(tm.DataError, match=r"\(6, 10\)"):
        tm.train_image_network(pictures, labels, outputs=10, seed=0, loss="l1")
    with pytest.raises(tm.DataError, match="at least 2"):
        tm.train_image_network(pictures[:1], labels[:1], outputs=10, seed=0)
    with pytest.raises(tm.UsageError, match="epochs is 0"):
        tm.train_image_network(pictures, labels, outputs=10, seed=0, epochs=0)


def test_batches_have_one_size_and_hold_every_picture():
    from pytest_trustml.attacks.image_network import _batches

    batches = list(_batches(10, 2, 4, np.random.default_rng(0)))
    assert [len(rows) for rows in batches] == [4] * 6
    assert len(batches) == batches_of(10, 2, 4)
    for epoch in (batches[:3], batches[3:]):
        assert set(np.concatenate(epoch)) == set(range(10))
