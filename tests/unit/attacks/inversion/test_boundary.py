"""Distance to another class: what the published code finds on the same model, what it leaves out, and a line by hand."""

from __future__ import annotations

import types

import numpy as np
import pytest

import pytest_trustml as tm
from pytest_trustml.attacks.inversion import boundary
from tests.unit.attacks.digits import part

# Committed from TrustAIRLab/importance-in-mlattacks at c8a82494b3bc970f45b2892a1d8ab1add9333116, distance/distance_measure.py,
# GetDistancePGD.pgd_attack on `linear`: with its step of 0.1 / 255 no class changes in 100 steps, and it saves the difference
# of that place all the same, as if it were the boundary; with steps of 4 / 255 every class changes.
NEVER_CHANGED = 0.13584712216226
CHANGED = [
    0.27169424432452927,
    1.0191902743627215,
    0.6520661863788703,
    0.21735539545962348,
    0.26903126192982274,
    0.5433884886490585,
]


class Linear:
    """A linear classifier of 3 x 2 x 2 pixels that takes them as they are, in the shape of an ImageNetwork."""

    def __init__(self, weight, bias):
        import torch

        weight, bias = torch.tensor(weight), torch.tensor(bias)

        def model(pixel_values):
            return types.SimpleNamespace(logits=pixel_values.flatten(1) @ weight.T + bias)

        self.loaded = types.SimpleNamespace(model=model)

    def prepared(self, images):
        import torch

        return torch.stack([torch.as_tensor(np.asarray(image, dtype=np.float64)) for image in images])


@pytest.fixture
def linear(monkeypatch):
    import torch

    from pytest_trustml.attacks.inversion import deep_inversion

    zero, one = torch.zeros(1, 3, 1, 1).double(), torch.ones(1, 3, 1, 1).double()
    monkeypatch.setattr(deep_inversion, "ends", lambda network, height, width: (zero, one))
    rng = np.random.default_rng(41)
    network = Linear(rng.normal(size=(3, 12)), rng.normal(size=3))
    return network, rng.random((6, 3, 2, 2))


def test_the_published_distances_come_out_where_the_class_changes(linear):
    found = tm.boundary_distance(*linear, step_size=4 / 255)
    assert found.changed.all()
    assert found.distance == pytest.approx(CHANGED, abs=1e-9)
    assert found.median() == pytest.approx(np.median(CHANGED))


def test_a_class_that_never_changes_is_told_and_not_called_a_distance(linear):
    found = tm.boundary_distance(*linear)
    assert not found.changed.any() and (found.steps == 100).all()
    assert found.distance == pytest.approx([NEVER_CHANGED] * 6, abs=1e-12)
    assert found.median() == "6 of 6 never changed their class"


def test_batches_do_not_change_it(linear, monkeypatch):
    whole = tm.boundary_distance(*linear, step_size=2 / 255)
    monkeypatch.setattr(boundary, "_ASKED", 1)
    done = []
    alone = tm.boundary_distance(*linear, step_size=2 / 255, step=done.append)
    assert done == [1] * 6
    assert alone.distance == pytest.approx(whole.distance, abs=1e-12)
    assert (alone.steps == whole.steps).all()


def test_a_plane_by_hand(linear):
    """Two classes that differ in the first pixel alone: as many steps as cover the way to one half."""
    weight = np.zeros((2, 12))
    weight[1, 0] = 8.0
    network = Linear(weight, np.array([0.0, -4.0]))
    images = np.zeros((2, 3, 2, 2))
    images[:, 0, 0, 0] = (0.1, 0.9)
    found = tm.boundary_distance(network, images, step_size=0.03)
    assert found.steps.tolist() == [14, 14], "0.1 + 14 x 0.03 is the first above 1/2, and 0.9 - 14 x 0.03 the first below"
    assert found.distance == pytest.approx([0.42, 0.42])


def test_what_moves_nothing_is_refused(linear):
    with pytest.raises(tm.UsageError, match="steps is 0"):
        tm.boundary_distance(*linear, steps=0)
    with pytest.raises(tm.UsageError, match="step_size 0"):
        tm.boundary_distance(*linear, step_size=0.0)
    with pytest.raises(tm.DataError, match="No pictures"):
        tm.boundary_distance(linear[0], [])


@pytest.mark.slow
def test_training_pictures_lie_further_from_the_boundary_than_new_ones():
    pictures, labels = part(0, 300)
    network = tm.train_image_network(pictures, labels, outputs=10, seed=0, epochs=15)
    own = tm.boundary_distance(network, pictures[:80], step_size=1 / 255)
    other = tm.boundary_distance(network, part(1000, 1080)[0], step_size=1 / 255)
    assert own.changed.mean() > 0.9 and other.changed.mean() > 0.9
    assert own.median() > other.median()
    assert not network.loaded.model.training
