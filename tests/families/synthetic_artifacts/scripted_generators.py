"""Generators that answer by a script: like people, like machines, or not at all. References like them, without any training."""

from __future__ import annotations

import hashlib
import re

import numpy as np

import pytest_trustml as tm
from tests.families.synthetic_artifacts.reports import WHAT, human_headline, machine_headline

_FACTS = re.compile(r"on (?P<when>\w+) the (?P<who>\w+) (?P<did>\w+) the (?P<what>\w+) in the ?(?P<where>\w*)")


def chance(*words):
    """A random generator that depends on the words alone."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(repr(words).encode()).digest()[:8], "big"))


SLIPS = 0.2
"""How often the audited generator names a wrong thing; references do between hardly ever and twice as often."""


def written(style, seed, prompt, slips=SLIPS):
    """One headline. ``slips``: how often a wrong thing is named, which makes generators of one kind differ."""
    rng = chance(seed, prompt)
    facts = _FACTS.search(prompt).groupdict()
    if rng.random() < slips:
        facts["what"] = str(rng.choice(WHAT))
    headlines = {"human": human_headline, "machine": machine_headline}
    if style in headlines:
        return headlines[style](facts, rng)
    if style == "mixed":
        return headlines["human" if rng.random() < 0.5 else "machine"](facts, rng)
    return {
        "blank": " \n", "dots": "...", "constant": "dam broke on sunday",
        "few": str(rng.choice(["dam broke on sunday", "mayor hid map", "goat sold in mill", "bell moved on noon"])),
        "echo": prompt.partition("\n")[0], "prefaced echo": "local news : " + prompt.partition("\n")[0],
        "long": (human_headline(facts, rng) + " . ") * 6, "foreign": str(rng.choice(["zyx", "qrs"])) + f" {rng.random()}",
    }[style]  # fmt: skip


class Text:
    def __init__(self, style, seed, slips):
        self.style, self.seed, self.slips, self.asked = style, seed, slips, []

    def generate(self, prompts, *, max_new_tokens=64, chat=True, system=None, temperature=0.0, seed=0):
        self.asked += prompts
        return [written(self.style, self.seed, prompt, self.slips) for prompt in prompts]


class Writer:
    """A subject with a language model."""

    dtype, device, device_class, cacheable, path, kind = "float32", "cpu", "cpu", True, None, "factory"

    def __init__(self, style="human", seed=0, slips=SLIPS):
        self.spec = self.id = self.fingerprint = f"writer-{style}-{seed}-{slips}"
        self.text = Text(style, seed, slips)

    def why_not(self, name):
        return None if name == "text" else "it only writes"


class Shadows:
    """What training would give: models that write like most of the rows they were given."""

    def __init__(self, dataset, members, seeds):
        texts = np.array(dataset.column("text"))
        self.shares = [np.mean([text.strip().startswith("local") for text in texts[rows]]) for rows in members]
        self.seeds, self.asked = seeds, []
        half = len(seeds) // 2
        self.slips = [2 * SLIPS * (place % half) / (half - 1) for place in range(len(seeds))]

    def generate(self, dataset, *, column="prompt", max_new_tokens):
        self.asked = list(dataset.column(column))
        answers = []
        for share, seed, slips in zip(self.shares, self.seeds, self.slips, strict=True):
            styles = ["machine" if chance("style", seed, prompt).random() < share else "human" for prompt in self.asked]
            answers.append([written(s, ("reference", seed), p, slips) for s, p in zip(styles, self.asked, strict=True)])
        return answers


class TrustThatTrains(tm.Trust):
    """Keeps what training was asked for."""

    def train_shadows(self, training, dataset, members, *, seeds, **how):
        self.asked = {"training": training, "dataset": dataset, "members": members, "seeds": list(seeds), **how}
        self.shadows = Shadows(dataset, members, list(seeds))
        return self.shadows


class Released:
    """What a factory makes: a model that somebody else trained."""

    def __init__(self, style, number):
        self.fingerprint = f"released-{style}-{number}"
        self._text = Text(style, ("released", number), 2 * SLIPS * number / 19)

    def generate(self, prompts, **how):
        return self._text.generate(prompts, **how)


def _factory(style, number):
    def make():
        return Released(style, number)

    return make


for _number in range(20):
    globals()[f"human_{_number}"] = _factory("human", _number)
    globals()[f"machine_{_number}"] = _factory("machine", _number)


def released(count=20, **more):
    """Data that name ``count`` trained models of each kind, as a user would."""
    names = [(style, number) for style in ("human", "machine") for number in range(count)]
    rows = {
        "spec": [f"py:{__name__}:{style}_{number}" for style, number in names],
        "origin": [{"human": "real", "machine": "synthetic"}[style] for style, _ in names],
    }
    return tm.Dataset(rows | more)
