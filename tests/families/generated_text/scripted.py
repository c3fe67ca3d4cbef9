"""Detectors that answer by a script: people use rare words, machines common ones, and how often is planted."""

from __future__ import annotations

import hashlib

import numpy as np

import pytest_trustml as tm

COMMON = "the of and to in is that it was for on are with as his they at be this from have or by one had".split()
RARE = "zephyr quartz ember gantry plover sextant brindle cobalt fathom girder hazel isthmus jetsam kelp lantern".split()


def number(*words):
    """A number in [0, 1) that depends on the words alone."""
    return int.from_bytes(hashlib.sha256(repr(words).encode()).digest()[:8], "big") / 2**64


def sentence(rng, rare, length=80):
    rarely, places = rng.random(length) < rare, rng.random(length)
    picked = [(words := RARE if one else COMMON)[int(place * len(words))] for one, place in zip(rarely, places, strict=True)]
    for place in range(8, length, 9):
        picked[place] += "."
    return " ".join(picked)


def people(n=300, seed=0, *, rare=0.5, spread=0.08, **columns):
    rng = np.random.default_rng([seed, 1])
    texts = [sentence(rng, rare + spread * rng.normal()) for _ in range(n)]
    return tm.Dataset({"id": [f"h{seed}-{i}" for i in range(n)], "text": texts, **columns})


def machines(n=300, seed=0, *, rare=0.2, spread=0.08, **columns):
    rng = np.random.default_rng([seed, 2])
    texts = [sentence(rng, rare + spread * rng.normal()) for _ in range(n)]
    return tm.Dataset({"id": [f"m{seed}-{i}" for i in range(n)], "text": texts, **columns})


def corpus(n=1000, share=0.02, seed=5, **columns):
    """The first ``share`` of the rows are machine text."""
    count = round(share * n)
    texts = [*machines(max(count, 1), seed).column("text")[:count], *people(n - count, seed).column("text")]
    return tm.Dataset({"id": [f"c{i}" for i in range(n)], "text": texts, **columns})


class Text:
    """Guesses of a language model that expects common words. ``style`` plants what is wrong with it."""

    def __init__(self, style):
        self.style = style
        self.calls = 0

    def score_tokens(self, texts, *, reference=None, max_tokens=512, bos=False):
        self.calls += 1
        rows = [self.sums(text.split()[:max_tokens], bos) for text in texts]
        found = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        if reference is not None:
            found |= {"cross_entropy": found["entropy"] * 1.1, "cross_variance": found["variance"] * 1.2}
            found["last_cross_entropy"] = np.full(len(rows), 2.0)
        return found

    def sums(self, words, bos):
        words = words if bos else words[1:]
        if self.style == "constant":
            losses = [2.0 for _ in words]
        elif self.style == "blind":
            losses = [2.0 + number(" ".join(words)) for _ in words]
        else:
            losses = [1.0 if word.strip(".,") in COMMON else 5.0 for word in words]
        if self.style == "upside down":
            losses = [6.0 - loss for loss in losses]
        ranks = [1 if loss < 1.5 else 20 if loss < 4 else 300 for loss in losses]
        n = len(words)
        return {
            "tokens": float(n),
            "logprob": -float(sum(losses)),
            "rank": float(sum(ranks)),
            "log_rank": float(np.sum(np.log(ranks))) if ranks else 0.0,
            "entropy": 3.0 * n,
            "variance": 2.0 * n,
            **{f"top_{most}": float(sum(rank <= most for rank in ranks)) for most in (10, 100, 1000)},
        }


class Classifier:
    def __init__(self, labels):
        self.labels = labels

    def logits(self, texts):
        shares = [np.mean([word.strip(".,") in COMMON for word in text.split()] or [0]) for text in texts]
        machine = np.array([20 * (share - 0.65) for share in shares])
        return np.stack([-machine, machine], axis=1).astype(np.float32)


class Scripted:
    """A subject with a language model, or with a classifier if there are labels."""

    dtype, device, device_class, cacheable, path = "float32", "cpu", "cpu", True, None

    def __init__(self, style="good", labels=None):
        self.spec = self.id = self.fingerprint = f"scripted-{style}-{labels}"
        self.kind = "text" if labels is None else "classifier"
        if labels is None:
            self.text = Text(style)
        else:
            self.classifier = Classifier(labels)

    def why_not(self, name):
        return None if name == self.kind else f"it is no {name}"
