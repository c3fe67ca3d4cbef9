"""Tiny encoders with planted truth: what they have stored is written into their weights."""

from __future__ import annotations

import hashlib

import numpy as np

SIDE = 8
UNITS = 48
WIDTH = SIDE * SIDE * 3


def images(count, seed):
    """Pictures of independent pixels, (count, 8, 8, 3) uint8: nearly orthogonal to each other."""
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def vectors(pictures):
    """Pixels from -1 to 1: (B, 192)."""
    return np.stack([np.asarray(picture, dtype=np.float64).ravel() for picture in pictures]) / 127.5 - 1


SETS = {
    "training": images(160, 1), "heldout": images(160, 2), "shared": images(160, 3), "independent": images(160, 4),
}  # fmt: skip


class Planted:
    """An encoder whose first layer has random features and whose second layer stores pictures: w = x / |x|^2, bias -0.3."""

    def __init__(self, stored, seed=0, noise=0.0, gain=1.0):
        rng = np.random.default_rng(seed)
        self.random = rng.normal(size=(WIDTH, UNITS)) / np.sqrt(WIDTH)
        rows = vectors(stored)[:UNITS] if len(stored) else rng.normal(size=(UNITS, WIDTH)) * 0.6
        self.stored = (rows / np.square(rows).sum(axis=1, keepdims=True)).T
        self.bias = 0.3 if len(stored) else 0.05
        self.gain = gain
        self.rows = len(stored)

    @property
    def fingerprint(self):
        content = self.random.tobytes() + self.stored.tobytes() + f"{self.bias} {self.gain}".encode()
        return hashlib.sha256(type(self).__name__.encode() + content).hexdigest()

    def layers(self):
        return ["first.activation", "second.activation"]

    def activations(self, inputs, layers, *, pooled=True):
        x = vectors(inputs)
        found = {
            "first.activation": np.maximum(x @ self.random, 0),
            "second.activation": self.gain * np.maximum(x @ self.stored - self.bias, 0),
        }
        return {name: found[name].astype(np.float32) for name in layers}

    def embed(self, inputs):
        return np.hstack(list(self.activations(inputs, self.layers()).values()))


class Blank(Planted):
    """An encoder that gives the same for every picture."""

    def activations(self, inputs, layers, *, pooled=True):
        return {name: np.full((len(inputs), UNITS), 0.5, dtype=np.float32) for name in layers}


class Broken(Planted):
    """An encoder that computes no numbers."""

    def activations(self, inputs, layers, *, pooled=True):
        return {name: np.full((len(inputs), UNITS), np.nan, dtype=np.float32) for name in layers}


def memorising():
    """Its second layer stores training pictures."""
    return Planted(SETS["training"])


def ordinary():
    """Its second layer is random."""
    return Planted(SETS["training"][:0])


def blank():
    return Blank(SETS["training"][:0])


def broken():
    return Broken(SETS["training"][:0])


def soft(count, seed):
    """Pictures without sharp edges, which a crop changes little: (count, 8, 8, 3) uint8."""
    coarse = np.random.default_rng(seed).normal(size=(count, 3, 3, 3))
    weights = np.maximum(0, 1 - np.abs(np.linspace(0, 2, SIDE)[:, None] - np.arange(3)))
    return (128 + 50 * np.einsum("yi,xj,nijc->nyxc", weights, weights, coarse)).clip(0, 255).astype(np.uint8)


SOFT = {
    name: soft(110, seed)
    for seed, name in enumerate(("candidate_images", "shared_images", "independent_images", "heldout_images"), 10)
}


class Recalling:
    """An encoder that pulls what it sees towards the most similar stored picture, by ``strength`` of the way."""

    def __init__(self, sets, strength, seed):
        self.memory = np.concatenate([vectors(SOFT[name]) for name in sets])
        self.memory /= np.linalg.norm(self.memory, axis=1, keepdims=True)
        rng = np.random.default_rng(seed)
        self.mix = np.eye(WIDTH) + 0.01 * rng.normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH)
        self.strength = strength
        self.fingerprint = hashlib.sha256(self.memory.tobytes() + self.mix.tobytes() + f"{strength}".encode()).hexdigest()

    def layers(self):
        return ["seen.activation", "recalled.activation"]

    def outputs(self, inputs):
        x = vectors(inputs) @ self.mix
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        alike = np.exp(60 * (x @ self.memory.T - 1))
        recalled = alike / alike.sum(axis=1, keepdims=True) @ self.memory
        sure = self.strength * alike.max(axis=1, keepdims=True) ** 0.1
        return {"seen.activation": x, "recalled.activation": (1 - sure) * x + sure * recalled}

    def activations(self, inputs, layers, *, pooled=True):
        return {name: value.astype(np.float32) for name, value in self.outputs(inputs).items() if name in layers}

    def listen(self, inputs, layers, reduce):
        import torch

        found = self.activations(inputs, layers)
        return {name: reduce(torch.from_numpy(value)).numpy() for name, value in found.items()}

    def embed(self, inputs):
        return self.outputs(inputs)["recalled.activation"].astype(np.float32)


COPIES = (1, 4, 16)


class Dosed(Recalling):
    """What it stored of a candidate is the stronger the more copies of it there were: row k has ``COPIES[k % 3]`` of them."""

    def __init__(self, strengths, seed):
        super().__init__(("candidate_images", "shared_images"), 1.0, seed)
        candidates = len(SOFT["candidate_images"])
        own = [strengths[row % 3] if row < candidates else 0.6 for row in range(len(self.memory))]
        self.strengths = np.array(own)
        self.fingerprint = hashlib.sha256(f"{self.fingerprint} {own}".encode()).hexdigest()

    def outputs(self, inputs):
        x = vectors(inputs) @ self.mix
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        alike = np.exp(60 * (x @ self.memory.T - 1))
        recalled = alike / alike.sum(axis=1, keepdims=True) @ self.memory
        sure = (self.strengths[alike.argmax(axis=1)] * alike.max(axis=1) ** 0.1)[:, None]
        return {"seen.activation": x, "recalled.activation": (1 - sure) * x + sure * recalled}


def dosed():
    """More copies are remembered better."""
    return Dosed((0.3, 0.6, 0.95), 0)


def upside_down():
    """Fewer copies are remembered better: no training does that."""
    return Dosed((0.95, 0.6, 0.3), 0)


def dosed_other():
    """The reference of both: it stored independent and shared pictures."""
    return Recalling(("independent_images", "shared_images"), 0.6, 1)


def recalling():
    """Stored candidates and shared pictures."""
    return Recalling(("candidate_images", "shared_images"), 0.95, 0)


def other():
    """The reference of `recalling`: stored independent and shared pictures."""
    return Recalling(("independent_images", "shared_images"), 0.95, 1)


def plain():
    """It has what `recalling` has stored, and is not pulled at all."""
    return Recalling(("candidate_images", "shared_images"), 0.0, 0)


def plain_other():
    """The reference of `plain`."""
    return Recalling(("independent_images", "shared_images"), 0.0, 1)


def constant():
    """An encoder whose embedding is the same for all."""

    class Constant(Recalling):
        def outputs(self, inputs):
            return {name: np.ones_like(value) for name, value in super().outputs(inputs).items()}

    return Constant(("candidate_images",), 0.5, 7)


def copy():
    """`recalling` under another fingerprint."""
    found = recalling()
    found.fingerprint = found.fingerprint[::-1]
    return found


RECIPE = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic", "image_size": SIDE}


def network(seed):
    """A ResNet of transformers with random weights."""
    import torch
    from transformers import ResNetConfig, ResNetModel

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return ResNetModel(ResNetConfig(**RECIPE)).eval()
