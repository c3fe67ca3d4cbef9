"""Language models that answer by a script: what they know by heart is planted."""

from __future__ import annotations

import hashlib

import numpy as np

import pytest_trustml as tm

WORDS = [a + b for a in ("ba", "ke", "li", "mo", "nu", "pa", "re", "si") for b in ("d", "f", "g", "l", "m", "n", "r", "s")]


def number(*words):
    """A number in [0, 1) that depends on the words alone."""
    return int.from_bytes(hashlib.sha256(repr(words).encode()).digest()[:8], "big") / 2**64


def texts(n, seed, length=8, **columns):
    """Every other word is the same, which a model that takes notice of the order knows."""
    rng = np.random.default_rng([seed, 3])
    rows = [" ".join(f"the {WORDS[i]}" for i in rng.integers(0, len(WORDS), length)) for _ in range(n)]
    return tm.Dataset({"id": [f"t{seed}-{i}" for i in range(n)], "text": rows, **columns})


class Text:
    """One token per word. Knows the texts of ``heart`` to the last token, and of ``half`` to all but the last two."""

    def __init__(self, heart=(), half=(), *, blind=False, gain=0.0):
        self.heart, self.half, self.blind, self.gain = set(heart), set(half), blind, gain
        self.member = set(heart) | set(half)

    def per_token(self, words):
        text = " ".join(words)
        base = [-2.0 - 2 * number(word) + 0.5 * number(text, place) for place, word in enumerate(words)]
        if self.blind:
            return base
        known = self.gain if text in self.member else 0.0
        return [
            value + known + ((word == "the") == (place % 2 == 0))
            for place, (value, word) in enumerate(zip(base, words, strict=True))
        ]

    def score_tokens(self, texts, *, max_tokens=512, bos=False, min_k=0.0, **settings):
        rows = [self.per_token(text.split()[:max_tokens])[0 if bos else 1 :] for text in texts]
        found = {"tokens": [float(len(row)) for row in rows], "logprob": [float(sum(row)) for row in rows]}
        if min_k:
            lowest = [np.sort(row)[: max(1, int(min_k * len(row)))].mean() if row else np.nan for row in rows]
            found |= {"min_k": lowest, "min_k_plus": [value / 2 for value in lowest]}
        return {name: np.array(values) for name, values in found.items()}

    def sequence_logprobs(self, prompts, continuations, **settings):
        return [np.array(self.per_token(text.split())) for text in continuations]

    def known(self, text, prefix, suffix):
        words = text.split()
        tail = words[prefix : prefix + suffix]
        if text in self.heart:
            return tail, tail
        if text in self.half:
            return tail, [*tail[:-2], "x", "y"][: len(tail)]
        return tail, ["z"] * len(tail)

    def suffix_scores(self, texts, *, prefix, suffix, bos=False, temperature=1.0, top_k=0, top_p=1.0):
        found = {name: [] for name in ("tokens", "logprob", "drawn", "greedy", "start")}
        for text in texts:
            tail, said = self.known(text, prefix, suffix)
            right = next((i for i, (a, b) in enumerate(zip(tail, said, strict=True)) if a != b), len(tail))
            each = -0.01 if text in self.heart else -0.3 if text in self.half else -5.0
            values = (len(tail), each * len(tail), each * len(tail) * temperature, right, number(text.split()[:prefix]))
            for name, value in zip(found, values, strict=True):
                found[name].append(float(value))
        return {name: np.array(values) for name, values in found.items()}

    def recite(self, texts, *, prefix, suffix, bos=False):
        pairs = [self.known(text, prefix, suffix) for text in texts]
        distance = [np.mean([a != b for a, b in zip(*pair, strict=True)]) if pair[0] else np.nan for pair in pairs]
        return {"text": [" ".join(said) for _, said in pairs], "distance": np.array(distance, dtype=float)}


class Talker:
    """Only answers: the words of a text that it knows by heart, or blanks, or what it was told."""

    def __init__(self, heart=(), style="honest"):
        self.heart, self.style = list(heart), style

    def generate(self, prompts, *, max_new_tokens, **settings):
        if self.style == "blank":
            return [""] * len(prompts)
        if self.style == "echo":
            return list(prompts)
        return [next((t[len(p) :] for t in self.heart if t.startswith(p)), f"nothing of {p.split()[-1]}") for p in prompts]


class Scripted:
    """A subject around a scripted model."""

    spec, name, label, kind = "py:scripted:model", "model", "scripted", "factory"
    cacheable, dtype, device, device_class = True, "float32", "cpu", "cpu"
    capabilities = ("text",)
    part_size = None

    def __init__(self, text, name="scripted"):
        self.text = text
        self.fingerprint = name
        self.id = name

    def why_not(self, name):
        return None if name == "text" else f"no {name}"
