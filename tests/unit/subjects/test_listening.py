"""Listening to an encoder's modules: reduced while it runs, every call of a shared module, nothing that is overwritten."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import pytest_trustml as tm
from pytest_trustml.errors import SubjectError, Unsupported, UsageError
from pytest_trustml.subjects.encoder import TransformersEncoder
from pytest_trustml.subjects.residence import Loaded, Residence


class Shared(torch.nn.Module):
    """A network that uses one activation twice, in place."""

    def __init__(self):
        super().__init__()
        self.config = type("Config", (), {"num_channels": 3, "image_size": 4})()
        self.one, self.two = torch.nn.Linear(48, 5), torch.nn.Linear(5, 5)
        self.act = torch.nn.ReLU(inplace=True)

    def forward(self, pixel_values):
        return self.act(self.two(self.act(self.one(pixel_values.flatten(1)))))


PICTURES = [Image.fromarray(np.random.default_rng(k).integers(0, 256, (4, 4, 3), dtype=np.uint8)) for k in range(6)]


def encoder(network):
    loaded = Loaded(network, "cpu", name="shared")
    return TransformersEncoder(Residence(lambda: loaded), "image")


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Shared().eval()


def test_every_call_of_a_shared_module_is_heard(network):
    found = encoder(network).listen(PICTURES, ["act", "two"], lambda value: value.clone())
    assert list(found) == ["act", "act#2", "two"]
    assert (found["act#2"] == np.maximum(found["two"], 0)).all() and found["two"].min() < 0
    last = encoder(network).activations(PICTURES, ["act"])["act"]
    assert (last == found["act#2"]).all(), "activations gives the last call"


def test_outputs_are_those_before_the_network_overwrites_them(network):
    found = encoder(network).activations(PICTURES, ["one", "two"])
    assert found["one"].min() < 0 and found["two"].min() < 0
    assert encoder(network).activations(PICTURES, ["one"], pooled=False)["one"].min() < 0


def test_a_reduction_may_give_fewer_rows(network):
    found = encoder(network).listen(PICTURES, ["one"], lambda value: (value[:3] - value[3:]).norm(dim=1))
    assert found["one"].shape == (3,)


def test_a_network_in_training_mode_is_refused(network):
    with pytest.raises(SubjectError, match="training mode"):
        encoder(network.train()).activations(PICTURES, ["one"])


def test_layers_that_are_not_there_or_silent_are_refused(network):
    with pytest.raises(UsageError, match="three"):
        encoder(network).listen(PICTURES, ["three"], torch.clone)
    network.idle = torch.nn.Linear(2, 2)
    with pytest.raises(UsageError, match="takes no part"):
        encoder(network).listen(PICTURES, ["idle"], torch.clone)


def test_an_output_without_rows_is_refused(network):
    network.two.register_forward_hook(lambda module, args, output: output[:1])
    with pytest.raises(Unsupported, match="no row per input"):
        encoder(network).listen(PICTURES, ["two"], torch.clone)


def test_protocol_names_it():
    assert callable(tm.Encoder.listen)
