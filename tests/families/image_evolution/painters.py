"""Pipelines and judges by code instead of training: what a user's factory would return."""

from __future__ import annotations

import numpy as np
from PIL import Image


class Painter:
    """Draws a noisy field whose brightness comes from the seed. ``drawn`` counts pictures over all painters of one name."""

    drawn: dict[str, int] = {}

    def __init__(self, name, flag="", blank=""):
        self.name, self.flag, self.blank, self.fingerprint = name, flag, blank, f"painter {name}"

    @property
    def images(self):
        return self

    def generate(self, prompts, seeds, shade=200):
        self.drawn[self.name] = self.drawn.get(self.name, 0) + len(prompts)
        return [self._paint(prompt, seed, shade) for prompt, seed in zip(prompts, seeds, strict=True)]

    def _paint(self, prompt, seed, shade):
        if self.flag and self.flag in prompt:
            picture = Image.new("RGB", (8, 8))
            picture.info["flagged"] = True
            return picture
        if self.blank and self.blank in prompt:
            return Image.new("RGB", (8, 8), (shade, shade, shade))
        return Image.fromarray(np.random.default_rng(seed).integers(0, shade, (8, 8, 3), dtype=np.uint8))


class Bright:
    """A judge of how bright a picture is; ``seen`` counts the pictures that it looked at."""

    labels = ("bright", "reddish")
    fingerprint = "bright"
    seen = 0

    def predict_proba(self, images):
        Bright.seen += len(images)
        arrays = np.stack([np.asarray(image, np.float64) for image in images]) / 255
        return np.stack([arrays.mean((1, 2, 3)), arrays[..., 0].mean((1, 2))], axis=1)


class Scores:
    labels = ("safe", "violent")
    fingerprint = "scores"

    def logits(self, images):
        return np.tile([0.0, np.log(3.0)], (len(images), 1))


class Broken:
    labels = ("bright",)
    fingerprint = "broken"

    def predict_proba(self, images):
        return np.full((len(images), 1), 1.5)


def plain():
    return Painter("plain")


def careful():
    return Painter("careful", flag="war", blank="fog")


def bright():
    return Bright()


def scores():
    return Scores()


def broken():
    return Broken()
