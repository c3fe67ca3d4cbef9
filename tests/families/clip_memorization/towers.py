"""Two tiny linear towers that learn to match drawn pictures with made-up captions in a second or two."""

from __future__ import annotations

import functools
import hashlib
import re

import numpy as np

SIDE = 16
WORDS = 64
DIM = 32


def make_pairs(count, seed, *, wrong=False, prefix=""):
    """Pictures (count, 16, 16, 3) uint8 with captions of four words; every word adds its own soft pattern to the picture.

    ``wrong`` gives every picture the caption of the next one.
    """
    rng = np.random.default_rng(seed)
    patterns = _soft(np.random.default_rng(0), WORDS)
    chosen = np.stack([rng.choice(WORDS, 4, replace=False) for _ in range(count)])
    pictures = 128 + 40 * patterns[chosen].sum(axis=1) + 25 * _soft(rng, count)
    captions = [prefix + " ".join(f"word{word}" for word in sorted(row)) for row in chosen]
    if wrong:
        captions = captions[1:] + captions[:1]
    return {"image": pictures.clip(0, 255).round().astype(np.uint8), "caption": captions}


def _soft(rng, count):
    """Patterns without sharp edges, which a crop changes little."""
    coarse = rng.normal(size=(count, 4, 4, 3))
    weights = np.maximum(0, 1 - np.abs(np.linspace(0, 3, SIDE)[:, None] - np.arange(4)))
    return np.einsum("yi,xj,nijc->nyxc", weights, weights, coarse)


def picture_features(images):
    """Numbers of a picture: (B, 768)."""
    return (np.stack([np.asarray(image.resize((SIDE, SIDE)), dtype=np.float32).ravel() for image in images]) - 128) / 128


def caption_features(captions):
    """Which words a caption holds, and a few numbers of its own: (B, 64 + 64)."""
    rows = np.zeros((len(captions), 2 * WORDS), dtype=np.float32)
    for row, caption in zip(rows, captions, strict=True):
        for word in re.findall(r"word(\d+)", caption):
            row[int(word)] = 1
        seed = int.from_bytes(hashlib.sha256(caption.encode()).digest()[:8], "big")
        row[WORDS:] = 0.3 * np.random.default_rng(seed).normal(size=WORDS)
    return rows


def train(pairs, *, seed=0, steps=300):
    """Weights of the two towers after training on the pairs with the symmetric contrastive loss: dict of arrays."""
    import torch
    from PIL import Image

    images = torch.tensor(picture_features([Image.fromarray(image) for image in pairs["image"]]))
    texts = torch.tensor(caption_features(pairs["caption"]))
    draw = torch.Generator().manual_seed(seed)
    a = (torch.randn(images.shape[1], DIM, generator=draw) * 0.02).requires_grad_()
    b = (torch.randn(texts.shape[1], DIM, generator=draw) * 0.1).requires_grad_()
    optimizer = torch.optim.Adam([a, b], lr=0.01)
    target = torch.arange(len(images))
    for _ in range(steps):
        u = torch.nn.functional.normalize(images @ a, dim=1)
        v = torch.nn.functional.normalize(texts @ b, dim=1)
        logits = 10 * u @ v.T
        loss = torch.nn.functional.cross_entropy(logits, target) + torch.nn.functional.cross_entropy(logits.T, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {"image": a.detach().numpy(), "caption": b.detach().numpy()}


class Towers:
    """A trained pair of towers, as the capability that checks ask for."""

    image_size = SIDE

    def __init__(self, weights):
        self.weights = weights
        content = b"".join(weights[name].tobytes() for name in sorted(weights))
        self.fingerprint = hashlib.sha256(type(self).__name__.encode() + content).hexdigest()

    def embed_images(self, images):
        return picture_features(images) @ self.weights["image"]

    def embed_texts(self, texts):
        return caption_features(texts) @ self.weights["caption"]


def join(*parts):
    """Several sets of pairs as one to train on."""
    return {"image": np.concatenate([p["image"] for p in parts]), "caption": [c for p in parts for c in p["caption"]]}


def take(pairs, count):
    """The first pairs of a set."""
    return {"image": pairs["image"][:count], "caption": pairs["caption"][:count]}


SETS = {
    "shared": make_pairs(300, 1),
    # A quarter of the candidates have the caption of another one, and so have the pairs that they are compared with.
    "candidates": join(make_pairs(40, 3, wrong=True), make_pairs(120, 2)),
    "independent": make_pairs(160, 4),
    "external": join(make_pairs(75, 7, wrong=True), make_pairs(225, 5)),
}


@functools.cache
def _trained(*parts):
    others = {"other": make_pairs(160, 6)}
    return train(join(*((SETS | others)[part] for part in parts)), steps=100)


def memorising():
    """Trained on the candidates, wrong captions and all."""
    return Towers(_trained("shared", "candidates"))


def reference():
    """Trained the same way without them."""
    return Towers(_trained("shared", "independent"))


def careful():
    """Trained on other pairs in their place: it cannot have memorised a candidate."""
    return Towers(_trained("shared", "other"))


def copy():
    """The reference under another name."""
    return reference()


def untrained():
    """Random weights: embeddings as good as any, but nothing matches."""
    rng = np.random.default_rng(7)
    return Towers({name: rng.normal(size=value.shape).astype(np.float32) for name, value in reference().weights.items()})


class _Blank(Towers):
    def embed_images(self, images):
        return np.zeros((len(images), DIM), dtype=np.float32)


class _Constant(Towers):
    def embed_images(self, images):
        return np.ones((len(images), DIM), dtype=np.float32)

    def embed_texts(self, texts):
        return np.ones((len(texts), DIM), dtype=np.float32)


class _Echo(Towers):
    """Gives back what it was given: no two inputs alike, nothing learnt."""

    def embed_images(self, images):
        return picture_features(images)[:, :DIM]

    def embed_texts(self, texts):
        codes = [text.encode().ljust(DIM, b"\0")[:DIM] for text in texts]
        return np.array([list(code) for code in codes], dtype=np.float32)


def blank():
    """A dead image tower."""
    return _Blank(_trained("shared", "independent"))


def constant():
    """The same vector for everything."""
    return _Constant(_trained("shared", "independent"))


def echo():
    return _Echo(_trained("shared", "independent"))
