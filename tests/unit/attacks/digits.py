"""Handwritten digits as small pictures, for attacks that train image classifiers."""

from __future__ import annotations

import functools

import numpy as np


@functools.cache
def digits():
    """Pictures (1797, 16, 16) uint8 in a fixed random order, with their labels."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    pixels = (data.images[order] * 15.9).clip(0, 255).astype(np.uint8)
    return np.repeat(np.repeat(pixels, 2, axis=1), 2, axis=2), data.target[order]


def part(start, stop):
    """Some of them: a list of pictures and an array of labels."""
    pictures, labels = digits()
    return list(pictures[start:stop]), labels[start:stop]
