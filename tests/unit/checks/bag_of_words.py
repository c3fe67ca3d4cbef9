"""A detector of mild made-up abuse, and texts for it."""

from __future__ import annotations

import numpy as np

WORDS = "people really think weather garden holiday dinner yesterday together breakfast window music".split()
ABUSE = ("stupid", "muppet", "numpty")
INVISIBLE = ("homoglyph", "zero_width")


def sentences(count=120, insults=1, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        words = [*rng.choice(WORDS, 7), *rng.choice(ABUSE, insults, replace=False)]
        found.append(" ".join(rng.permutation(words)))
    return found


class Detector:
    """A bag of words, which counts how often and about how many texts it was asked."""

    def __init__(self, read=lambda text: text):
        self.read = read
        self.batches = []

    def flags(self, texts):
        self.batches.append(len(texts))
        return [any(word in ABUSE for word in self.read(text).lower().split()) for text in texts]

    def still(self, cases):
        """The property: every edited text is detected."""
        return self.flags([case.text for case in cases])

    def before(self, cases):
        """The precondition: the text was detected before it was edited."""
        return [any(word in ABUSE for word in case.original.split()) for case in cases]
