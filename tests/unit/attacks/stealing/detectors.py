"""Planted victims and mild made-up abuse."""

from __future__ import annotations

import numpy as np

WORDS = "people really think weather garden holiday dinner yesterday together breakfast window music river market".split()
ABUSE = ("stupid", "muppet", "numpty", "awful")


def sentences(count, seed=0, insults=(0, 1, 2)):
    """Texts of eight words with none, one or two insults, all different."""
    rng = np.random.default_rng(seed)
    found = []
    for n in range(count):
        few = int(rng.choice(insults))
        words = [*rng.choice(WORDS, 8 - few), *rng.choice(ABUSE, few, replace=False)]
        found.append(" ".join([*rng.permutation(words), f"n{seed}x{n}"]))
    return found


class Scorer:
    """A bag of words: more insults, higher score. Keeps every text that it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, texts):
        self.asked.extend(texts)
        return np.array([(0.1, 0.7, 0.9, 0.97)[min(3, sum(word in ABUSE for word in text.split()))] for text in texts])


def gold(texts):
    return [any(word in text for word in ABUSE) for text in texts]
