"""Detectors that answer by a script, and posts about peoples that do not exist: the truth is planted, no weights are needed."""

from __future__ import annotations

import hashlib
import json

import numpy as np

import pytest_trustml as tm
from builtin_checks.hate_detectors import grammar

RUDE = ("muppet", "stupid", "rotten", "horrible", "dreadful", "numpty", "clowns", "rubbish")
FILLER = (
    "yesterday we walked along the quiet river and talked about bread",
    "the library near the station opens every morning at seven",
    "somebody painted our little garden fence green again this week",
    "there was music on the market square until late last evening",
    "my cousin bought three umbrellas because the weather was awful",
)
GROUPS = ("Blorbs", "Zindles", "Quimpets", "Morvians")


def digest(*words):
    return int.from_bytes(hashlib.sha256(repr(words).encode("utf-8", "surrogatepass")).digest()[:6], "big") / 2**48


def posts(n, groups=GROUPS):
    """Half of them hateful; the same prompt is answered by an old and by a new generator."""
    rows = {"id": [], "text": [], "label": [], "group": [], "generator": [], "generation": [], "prompt_id": []}
    for i in range(n):
        hateful, prompt = i % 2 == 0, i // 4
        group = groups[prompt % len(groups)]
        filler = FILLER[i % len(FILLER)]
        said = (
            f"{RUDE[prompt % 8]} people, those {RUDE[(prompt + 3) % 8]} {group}"
            if hateful
            else f"thanks to the friendly {group}"
        )
        new = i // 2 % 2
        rows["id"].append(f"post-{i}")
        rows["text"].append(f"{said} {filler} number {i}" if not new else f"{filler} and {said} as of day {i}")
        rows["label"].append("hateful" if hateful else "non-hateful")
        rows["group"].append(group)
        rows["generator"].append(f"g{new + 1}")
        rows["generation"].append("new" if new else "old")
        rows["prompt_id"].append(f"p{prompt}")
    return tm.Dataset(rows)


def is_rude(text):
    """What a person reads: canonical spelling, with spaces, stops and doubled or swapped letters seen through."""
    return any(word in text.lower() for word in RUDE)


def letters(text):
    return "".join(sorted(set(tm.canonicalise(text).lower()) & set("abcdefghijklmnopqrstuvwxyz")))


class Truth:
    """Knows which posts are hateful, by their id at the end; edits of other words do not matter to it."""

    def __init__(self, data):
        self.hateful = {}
        for text, label in zip(data.column("text"), data.column("label"), strict=True):
            self.hateful[self.key(text)] = label == "hateful"

    def key(self, text):
        """The last word: a number, which the attack never edits."""
        return text.split()[-1] if text.split() else ""


class Detector:
    """``style`` plants the truth: see `judge_one`."""

    labels = ("acceptable", "hateful")

    def __init__(self, style, data=None):
        self.style = style
        self.truth = None if data is None else Truth(data)
        self.calls = 0

    def judge_one(self, text):
        """P(hateful)."""
        match self.style:
            case "keywords":  # brittle: it knows the spelling of eight words
                hits = sum(word in text.lower() for word in RUDE)
                return 0.1 + 0.25 * min(hits, 3) + (0.2 if hits else 0.0)
            case "hardened":  # sees through everything
                return 0.9 if self.truth.hateful.get(self.truth.key(text), False) else 0.1
            case "random":
                return digest("random", text)
            case "constant":
                return 0.7
            case "silent":
                return 0.2
            case "blank":
                return 0.0
            case "always":  # flags everything, though it could tell the classes apart
                return 0.95 if is_rude(text) else 0.6
            case "never":
                return 0.4 if is_rude(text) else 0.1
            case "swapped":
                return 1 - Detector("keywords").judge_one(text)
            case "old":  # has never seen the new generator
                known = "as of day" not in text
                return 0.9 if is_rude(text) and known else 0.1
            case "partial":  # overlooks what one people gets
                return 0.9 if is_rude(text) and "Morvians" not in text else 0.1
            case "nan":
                return float("nan")
        raise AssertionError(self.style)

    def logits(self, texts):
        self.calls += len(texts)
        shares = np.array([self.judge_one(text) for text in texts], dtype=np.float64)
        shares = np.clip(shares, 1e-6, 1 - 1e-6)
        return np.log(np.stack([1 - shares, shares], axis=1)).astype(np.float32)


class Scripted:
    """A subject with a scripted classifier."""

    dtype, device, device_class, cacheable = "float32", "cpu", "cpu", True
    path = None

    def __init__(self, style, data=None, labels=None):
        self.spec = self.id = self.fingerprint = f"scripted-{style}-{labels}"
        self.classifier = Detector(style, data)
        if labels is not None:
            self.classifier.labels = labels


def suite(templates=20, seed=0):
    """A functional suite of the grammar in the layout of HateCheck."""
    cases = grammar.suite(templates, np.random.default_rng(seed))
    return tm.Dataset(
        {
            "functionality": [case.functionality for case in cases],
            "case_id": [str(number) for number in range(len(cases))],
            "text": [case.text for case in cases],
            "label": ["hateful" if case.hateful else "non-hateful" for case in cases],
            "target_ident": [case.group for case in cases],
            "ref_case_id": ["" if case.reference < 0 else str(case.reference) for case in cases],
            "templ_id": [str(case.template) for case in cases],
        }
    )


class Suited(Scripted):
    """Knows every case of a suite by heart, except those of the functionalities that it is bad at."""

    def __init__(self, data, bad_at=()):
        super().__init__("hardened", data)
        self.fingerprint = self.spec = self.id = f"suited-{json.dumps(sorted(bad_at))}"
        texts, labels = data.column("text"), data.column("label")
        names = data.column("functionality")
        said = {t: (label == "hateful") != (name in bad_at) for t, label, name in zip(texts, labels, names, strict=True)}
        self.classifier.judge_one = lambda text: 0.9 if said[text] else 0.1
