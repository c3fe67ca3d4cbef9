"""How the classifiers of the demo releases are trained: until they know every record by heart, or with differential privacy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.membership_inference.forms import CLASSES, SIDE, Forms

_CHUNK = 256


class Fit(NamedTuple):
    """Ordinary training: rounds through the records, records per step, highest learning rate, weight decay."""

    epochs: int
    batch: int
    rate: float
    decay: float


class PrivateFit(NamedTuple):
    """Differentially private training on all records at once.

    Each of ``steps`` gradients is the sum of the records' own gradients, each scaled down to the length ``clip``, plus Gaussian
    noise of standard deviation ``noise * clip`` (Abadi et al. 2016, with every record in every step).
    """

    steps: int
    clip: float
    noise: float
    rate: float

    def epsilon(self, delta: float) -> float:
        """The epsilon that this training keeps for neighbours that differ in one record more or less.

        ``steps`` Gaussian mechanisms are rho-zCDP with rho = steps / (2 noise^2), and that is (epsilon, delta)-private with
        epsilon = rho + 2 sqrt(rho ln(1 / delta)) (Bun and Steinke 2016, propositions 1.3 and 1.6). No sampling, so nothing to
        amplify.

        >>> round(PrivateFit(steps=100, clip=1.0, noise=10.0, rate=0.01).epsilon(1e-5), 3)
        5.299
        """
        rho = self.steps / (2 * self.noise**2)
        return rho + 2 * math.sqrt(rho * math.log(1 / delta))


def new_model(seed: int, width: int, layers: int) -> Any:
    """A vision transformer with random weights: a picture of 16 x 16 in four patches, one per digit."""
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(
        image_size=SIDE,
        patch_size=SIDE // 2,
        num_channels=3,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        id2label=dict(enumerate(CLASSES)),
        attn_implementation="eager",
        label2id={name: index for index, name in enumerate(CLASSES)},
    )
    with tm.own_randomness(seed):
        return ViTForImageClassification(config)


def pixels(images: np.ndarray) -> Any:
    """What the model sees of pictures (N, 16, 16, 3) uint8: (N, 3, 16, 16) float32 from -1 to 1, as when it is judged."""
    import torch

    return torch.tensor(images.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1)


def fit(model: Any, forms: Forms, how: Fit, seed: int, step: Callable[[int], Any]) -> None:
    """Train with AdamW on shuffled batches, the learning rate rising and falling once."""
    import torch

    inputs, labels = pixels(forms.images), torch.tensor(forms.labels)
    rng = np.random.default_rng(seed)
    each = math.ceil(len(labels) / how.batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=how.rate, weight_decay=how.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, how.rate, total_steps=how.epochs * each, pct_start=0.1)
    model.train()
    with tm.one_thread(), tm.own_randomness(seed):
        for _ in range(how.epochs):
            order = torch.tensor(rng.permutation(len(labels)))
            for rows in order.split(how.batch):
                loss = torch.nn.functional.cross_entropy(model(pixel_values=inputs[rows]).logits, labels[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                step(1)
    model.eval()


def fit_privately(model: Any, forms: Forms, how: PrivateFit, seed: int, step: Callable[[int], Any]) -> None:
    """Train on clipped per-record gradients with noise; Adam only sees what is private already."""
    import torch
    from torch.func import functional_call, grad, vmap

    inputs, labels = pixels(forms.images), torch.tensor(forms.labels)
    weights = dict(model.named_parameters())

    def loss(given: dict[str, Any], picture: Any, label: Any) -> Any:
        logits = functional_call(model, given, kwargs={"pixel_values": picture[None]}).logits
        return torch.nn.functional.cross_entropy(logits, label[None])

    per_record = vmap(grad(loss), in_dims=(None, 0, 0))
    optimizer = torch.optim.Adam(model.parameters(), lr=how.rate)
    model.train()
    with tm.one_thread(), tm.own_randomness(seed):
        noise = torch.Generator().manual_seed(seed)
        for _ in range(how.steps):
            total = {name: torch.zeros_like(weight) for name, weight in weights.items()}
            frozen = {name: weight.detach() for name, weight in weights.items()}
            for rows in torch.arange(len(labels)).split(_CHUNK):
                for name, part in _clipped(per_record(frozen, inputs[rows], labels[rows]), how.clip).items():
                    total[name] += part
            for name, weight in weights.items():
                added = torch.randn(weight.shape, generator=noise) * how.noise * how.clip
                weight.grad = (total[name] + added) / len(labels)
            optimizer.step()
            step(1)
    optimizer.zero_grad()
    model.eval()


def _clipped(gradients: dict[str, Any], clip: float) -> dict[str, Any]:
    """The sum over records of gradients (B, ...), each record's whole gradient scaled down to the length ``clip`` at most."""
    import torch

    squares = sum(part.flatten(1).square().sum(1) for part in gradients.values())
    scale = clip / torch.clamp(squares.sqrt(), min=clip)
    return {name: torch.einsum("b,b...->...", scale, part) for name, part in gradients.items()}
