"""The terms of the published reconstruction on the same pictures, and how fast it learns.

Numbers committed from TrustAIRLab/importance-in-mlattacks at c8a82494b3bc970f45b2892a1d8ab1add9333116,
reconstruct/inversion_attack.py: get_image_prior_losses, DeepInversionFeatureHook and lr_cosine_policy(0.2, 100, 1000).
"""

from __future__ import annotations

import numpy as np
import pytest

from pytest_trustml.attacks.image_network import one_cycle

ABSOLUTE, VARIATION = 1.2946008456811977, 18.44532545217364
STATISTICS = 2.3566456995525416
RATES = {0: 0.002, 50: 0.102, 99: 0.2, 100: 0.2, 550: 0.1, 999: 6.092342209607082e-07}


@pytest.fixture
def pictures():
    import torch

    return torch.tensor(np.random.default_rng(40).random((3, 2, 5, 6)))


def test_the_total_variation_is_the_published_one(pictures):
    from pytest_trustml.attacks.inversion.deep_inversion import _variation

    assert float(_variation(pictures)) == pytest.approx(VARIATION, rel=1e-12)
    assert abs(VARIATION - ABSOLUTE) > 1, "its second one, of absolute differences, has the weight 0 there"


def test_the_distance_of_statistics_is_the_published_one(pictures):
    import torch

    from pytest_trustml.attacks.inversion.deep_inversion import _Statistics

    layer = torch.nn.BatchNorm2d(2).double().eval()
    layer.running_mean[:], layer.running_var[:] = torch.tensor([0.2, -0.4]), torch.tensor([1.5, 0.3])
    with _Statistics(layer, 10.0) as statistics:
        layer(pictures)
        assert statistics.count == 1
        assert float(statistics.distance()) == pytest.approx(10 * STATISTICS, rel=1e-6), "the first one counts ten times"


def test_the_learning_rate_rises_over_a_tenth_and_falls_as_a_cosine():
    assert [0.2 * one_cycle(at, 1000, rise=0.1) for at in RATES] == pytest.approx(list(RATES.values()), abs=1e-9)
