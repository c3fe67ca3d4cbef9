"""Records with planted importance, and small trained classifiers that expose the valuable ones or nobody."""

from __future__ import annotations

import functools
import hashlib

import numpy as np

import pytest_trustml as tm
from builtin_checks.data_importance.features import pixel_features
from builtin_checks.data_importance.score import knn_shapley, normalised
from builtin_checks.data_importance.strata import strata

SIDE, CLASSES = 16, 3


def make_records(count, seed, strongest=6):
    """Pictures (count, 16, 16, 3) uint8 of three classes, typical and untypical ones, with labels and a group.

    How strongly a picture shows its class differs from picture to picture: the strong ones are the valuable ones. The group is
    a stripe that has nothing to do with the class.
    """
    rng = np.random.default_rng(seed)
    patterns = np.random.default_rng(0).normal(size=(CLASSES, SIDE, SIDE, 3))
    labels = rng.integers(CLASSES, size=count)
    strength = rng.uniform(0, strongest, size=count)
    group = rng.integers(2, size=count)
    pictures = 128 + strength[:, None, None, None] * patterns[labels] + rng.normal(scale=40, size=(count, SIDE, SIDE, 3))
    pictures[:, :2] += 60 * (group[:, None, None, None] - 0.5)
    return {
        "image": pictures.clip(0, 255).round().astype(np.uint8),
        "label": labels.tolist(),
        "group": [("left", "right")[number] for number in group],
    }


SETS = {"members": make_records(1000, 1), "nonmembers": make_records(1200, 2), "population": make_records(400, 3)}


def take(records, rows):
    return {
        name: column[rows] if isinstance(column, np.ndarray) else [column[row] for row in rows]
        for name, column in records.items()
    }


def known_rows(name):
    """Five rows that the careful and the exposed model both get right, of more than one class."""
    from PIL import Image

    pictures, labels = [Image.fromarray(pixels) for pixels in SETS[name]["image"]], np.array(SETS[name]["label"])
    right = (exposed().logits(pictures).argmax(1) == labels) & (careful().logits(pictures).argmax(1) == labels)
    rows = np.flatnonzero(right)
    return [*rows[labels[rows] == 0][:2], *rows[labels[rows] == 1][:2], *rows[labels[rows] == 2][:1]]


def make_texts(count, seed):
    """Short texts of two classes: some words belong to one of them, most to neither."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=count)
    texts = []
    for label in labels:
        own = [f"{('good', 'bad')[label]}{number}" for number in rng.integers(30, size=int(rng.integers(1, 6)))]
        texts.append(" ".join([*own, *(f"word{number}" for number in rng.integers(400, size=8))]))
    return {"text": texts, "label": [("praise", "blame")[label] for label in labels]}


TEXTS = {
    name: make_texts(count, seed) for name, count, seed in (("members", 500, 4), ("nonmembers", 400, 5), ("population", 200, 6))
}


@functools.cache
def strong_sets():
    """Records that show their class from not at all to very strongly."""
    sizes = (("members", 800, 11), ("nonmembers", 1000, 12), ("population", 300, 13))
    return {name: make_records(count, seed, strongest=30) for name, count, seed in sizes}


@functools.cache
def top_rows(groups=5):
    """Rows of the most important members, as the check finds them."""
    data = {name: tm.Dataset(SETS[name]) for name in ("members", "population")}
    x, points = (normalised(pixel_features(data[name])) for name in ("members", "population"))
    values = knn_shapley(x, SETS["members"]["label"], points, SETS["population"]["label"])
    return np.flatnonzero(strata(values, data["members"].ids, groups) == groups - 1)


def train(records, *, steps, decay=0.0, seed=0):
    """Weights of a network of one hidden layer on the pixels: dict of arrays."""
    import torch

    with tm.one_thread(), tm.own_randomness(seed):
        x = torch.tensor(records["image"].reshape(len(records["label"]), -1).astype(np.float32) / 127.5 - 1)
        y = torch.tensor(records["label"])
        network = torch.nn.Sequential(torch.nn.Linear(x.shape[1], 64), torch.nn.ReLU(), torch.nn.Linear(64, CLASSES))
        optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=decay)
        for _ in range(steps):
            loss = torch.nn.functional.cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    names = ("w1", "b1", "w2", "b2")
    return {name: value.detach().numpy() for name, value in zip(names, network.parameters(), strict=True)}


class Network:
    """A trained network, as the capabilities that the checks ask for."""

    labels = ("0", "1", "2")

    def __init__(self, weights):
        self.weights = weights
        content = b"".join(weights[name].tobytes() for name in sorted(weights))
        self.fingerprint = hashlib.sha256(type(self).__name__.encode() + content).hexdigest()

    def embed(self, images):
        pixels = np.stack([np.asarray(image.convert("RGB"), dtype=np.float32).ravel() for image in images]) / 127.5 - 1
        return np.maximum(0, pixels @ self.weights["w1"].T + self.weights["b1"])

    def logits(self, images):
        return self.embed(images) @ self.weights["w2"].T + self.weights["b2"]


@functools.cache
def exposed():
    """Learnt the valuable fifth of the members by heart, and never saw the others."""
    return Network(train(take(SETS["members"], top_rows()), steps=400))


@functools.cache
def overfit():
    """Learnt all members by heart."""
    return Network(train(SETS["members"], steps=400))


@functools.cache
def careful():
    """Learnt the classes from other records and cannot know a member."""
    return Network(train(make_records(2000, 9), steps=60, decay=1.0))


class _Constant(Network):
    def logits(self, images):
        return np.tile(np.array([[2.0, 0.0, 0.0]], dtype=np.float32), (len(images), 1))


def constant():
    """The same answer to everything."""
    return _Constant(careful().weights)


class _Blank(Network):
    def logits(self, images):
        return np.zeros((len(images), CLASSES), dtype=np.float32)


def blank():
    """Zeros."""
    return _Blank(careful().weights)


class _Dead(Network):
    def embed(self, images):
        return np.ones((len(images), 4), dtype=np.float32)


def dead():
    """An encoder with one vector for everything."""
    return _Dead(careful().weights)


class _UpsideDown(Network):
    """Embeddings from pixels of the ground alone, which tell the classes only where the records are those of the members."""

    def embed(self, images):
        codes = [hashlib.sha256(np.asarray(image).tobytes()).digest()[:8] for image in images]
        return np.array([list(code) for code in codes], dtype=np.float32)


def upside_down():
    return _UpsideDown(careful().weights)


@functools.cache
def levelled():
    """Sure of typical records and unsure of untypical ones, and a little surer of each record that it was trained on."""
    return _Levelled(careful().weights)


class _Levelled(Network):
    """The level of confidence follows how strongly a picture shows its class; a member lies above its level."""

    def logits(self, images):
        patterns = np.random.default_rng(0).normal(size=(CLASSES, SIDE, SIDE, 3)).reshape(CLASSES, -1)
        pixels = np.stack([np.asarray(image.convert("RGB"), dtype=np.float32).ravel() for image in images]) - 128
        shown = pixels @ patterns.T / (patterns**2).sum(axis=1)
        members = _members()
        inside = np.array([hashlib.sha256(np.asarray(image).tobytes()).hexdigest() in members for image in images])
        best = np.eye(CLASSES)[shown.argmax(axis=1)]
        return (best * (2 * shown.max(axis=1, keepdims=True) + 24.0 * inside[:, None])).astype(np.float32)


@functools.cache
def _members():
    return {hashlib.sha256(pixels.tobytes()).hexdigest() for pixels in strong_sets()["members"]["image"]}


class _Reader:
    """Counts the words of either class."""

    labels = ("praise", "blame")
    fingerprint = "reader of words 1"

    def logits(self, texts):
        counts = [[sum(word.startswith(own) for word in text.split()) for own in ("good", "bad")] for text in texts]
        return np.array(counts, dtype=np.float32) + 0.01 * np.array([[len(text), 0] for text in texts], dtype=np.float32)


def reader():
    return _Reader()


class _Encoder:
    fingerprint = "an encoder 1"

    def embed(self, images):
        return careful().embed(images)


def encoder_only():
    """Embeddings and no classes."""
    return _Encoder()
