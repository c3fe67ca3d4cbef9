"""Models that answer prompts by a script: copiers, stubborn ones, liars, and those that see no context."""

from __future__ import annotations

import hashlib

import numpy as np

import pytest_trustml as tm

TOPICS = ("sport", "money", "sea")
WORDS = [
    a + b for a in ("bal", "ken", "lir", "mon", "nus", "par", "rel", "sid") for b in ("da", "fo", "ge", "li", "mu", "ni", "ra")
]


def number(*words):
    """A number in [0, 1) that depends on the words alone."""
    return int.from_bytes(hashlib.sha256(repr(words).encode()).digest()[:8], "big") / 2**64


def records(n=300, seed=0, **columns):
    rng = np.random.default_rng([seed, 9])
    labels = [TOPICS[i] for i in rng.integers(0, len(TOPICS), n)]
    texts = [f"{' '.join(WORDS[i] for i in rng.integers(0, len(WORDS), 6))} about {label} today" for label in labels]
    return tm.Dataset({"id": [f"r{seed}-{i}" for i in range(n)], "text": texts, "label": labels, **columns})


class Model:
    """Reads prompts of the default format. ``style`` plants how it behaves."""

    spec, name, label, kind = "py:scripted:model", "model", "scripted", "factory"
    cacheable, dtype, device, device_class = True, "float32", "cpu", "cpu"
    capabilities = ("text",)
    part_size = None

    def __init__(self, style):
        self.style = style
        self.fingerprint = self.id = f"scripted-{style}"
        self.text = self
        self.prompts = 0

    def why_not(self, name):
        return None if name == "text" else f"no {name}"

    def generate(self, prompts, *, max_new_tokens, chat=False, **settings):
        assert not chat
        self.prompts += len(prompts)
        return [self.answer(prompt) for prompt in prompts]

    def answer(self, prompt):
        if self.style == "blank":
            return ""
        if self.style == "constant":
            return " sport"
        if self.style == "echo":
            return prompt
        *parts, last = prompt.split("\n\n")
        shown = [part.removeprefix("Text: ").split("\nLabel: ") for part in parts if part.startswith("Text: ")]
        shown = [pair for pair in shown if len(pair) == 2]
        if last.startswith("Have you seen"):
            return self.inquiry(last, shown)
        if last.endswith("\nLabel:"):
            return self.named(last.removeprefix("Text: ").removesuffix("\nLabel:"), shown)
        return self.rest(last.removeprefix("Text: "), shown)

    def inquiry(self, last, shown):
        seen = any(f'"{text}"' in last for text, _ in shown)
        if self.style == "liar":
            return "Yes."
        if self.style == "oracle" and seen:
            return "BLOCKED"
        if self.style == "honest":
            return "Yes, in an example." if seen else "No, I have not seen it."
        return "I am not sure what you mean"

    def named(self, text, shown):
        right = next((topic for topic in TOPICS if topic in text), TOPICS[0])
        given = [label for one, label in shown if one == text]
        others = [label for label in given if label != right]
        if self.style == "flipper":
            member = right in given
            return f" {others[-1]}" if len(others) >= (6 if member else 2) else f" {right}"
        if self.style == "parrot" and given:
            return f" {given[-1]}"
        return f" {right}" if number(text, "wrong") < 0.9 else f" {TOPICS[0]}"

    def rest(self, stem, shown):
        if self.style == "parrot":
            whole = next((text for text, _ in shown if text.startswith(stem)), None)
            if whole:
                return whole[len(stem) :] + "\nLabel: sea"
        if self.style == "trained":
            return next(text[len(stem) :] for text in records().column("text") if text.startswith(stem))
        return f" {WORDS[int(number(stem) * len(WORDS))]} and so on"
