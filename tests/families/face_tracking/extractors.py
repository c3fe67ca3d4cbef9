"""Extractors and pictures with planted truth: a picture's pixels are its embedding, with every channel a third of it."""

from __future__ import annotations

import hashlib

import numpy as np

SIDE = 8


def picture(directions, strength=60):
    """Pictures whose pixels point in the given directions of 192 dimensions: (N, 8, 8, 3) uint8."""
    pixels = 128 + strength * np.asarray(directions) * np.sqrt(SIDE * SIDE * 3) / 2
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8).reshape(-1, SIDE, SIDE, 3)


class Looking:
    """Its embedding is the pixels themselves."""

    def __init__(self, name):
        self.name = name
        self.asked = 0

    @property
    def fingerprint(self):
        return hashlib.sha256(self.name.encode()).hexdigest()

    def embed(self, inputs):
        self.asked += len(inputs)
        pixels = np.stack([np.asarray(one, dtype=np.float32).ravel() for one in inputs]) - 128
        return {"looking": pixels, "constant": np.ones_like(pixels), "zero": np.zeros_like(pixels)}.get(
            self.name, np.random.default_rng(0).permutation(pixels.T).T
        )


def looking():
    return Looking("looking")


def other():
    """Another extractor that sees as well as `looking`."""
    return Looking("other")


def constant():
    """Everybody is the same."""
    return Looking("constant")


def zero():
    """An extractor whose embeddings have no direction."""
    return Looking("zero")


class Refusing:
    """An extractor that must not be asked."""

    fingerprint = "0" * 64

    def embed(self, inputs):
        raise AssertionError("embeddings were given, and yet the extractor was asked")


def refusing():
    return Refusing()
