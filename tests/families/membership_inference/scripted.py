"""Classifiers that answer by a script, and reference models that are trained by a script: the truth is planted."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import numpy as np

import pytest_trustml as tm
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.result.record import encode
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress

CLASSES = ("plum", "pear", "fig")
HARD = 0.25
"""Share of records whose label nobody can guess: those that have learnt them give themselves away."""
WORDS = "basket crate cellar orchard market winter barrel ladder wagon cider blossom frost".split()


def records(count, start=0, extra=""):
    """Texts with labels: mostly the fruit that the text names, for hard ones another."""
    rng = np.random.default_rng(start)
    texts, labels = [], []
    for _ in range(count):
        fruit = int(rng.integers(3))
        words = " ".join(rng.choice(WORDS, 6))
        texts.append(f"{words} {CLASSES[fruit]} {' '.join(rng.choice(WORDS, 4))}{extra}")
        wrong = rng.random() < HARD
        labels.append(CLASSES[(fruit + int(rng.integers(1, 3))) % 3] if wrong else CLASSES[fruit])
    return tm.Dataset({"text": texts, "label": labels, "id": [f"r{number}" for number in range(start, start + count)]})


def noise(*words):
    seed = int.from_bytes(hashlib.sha256(repr(words).encode()).digest()[:8], "big")
    return np.random.default_rng(seed).normal(size=3)


def answer(text, label, seen, seed):
    """Logits: whoever has learnt a record knows its label, whoever has not goes by the fruit that it names."""
    named = next(place for place, fruit in enumerate(CLASSES) if f" {fruit} " in f" {text} ")
    logits = 0.5 * noise(seed, text)
    logits[CLASSES.index(label) if seen else named] += 4.0
    return logits


class Classifier:
    """``style`` plants the truth."""

    labels = CLASSES
    input = "text"

    def __init__(self, style, members):
        self.style = style
        self.known = dict(zip(members.column("text"), members.column("label"), strict=True))

    def logits(self, texts):
        rows = []
        for text in texts:
            match self.style:
                case "memorising":
                    rows.append(answer(text, self.known.get(text, CLASSES[0]), text in self.known, "target"))
                case "careful":
                    rows.append(answer(text, CLASSES[0], False, "target"))
                case "constant":
                    rows.append(np.array([1.0, 0.0, -1.0]))
                case "blank":
                    rows.append(np.zeros(3))
                case "random":
                    rows.append(3 * noise("random", text))
        return np.array(rows, dtype=np.float32)


class Scripted:
    """A subject with a scripted classifier."""

    dtype, device, device_class, cacheable, path = "float32", "cpu", "cpu", True, None

    def __init__(self, style, members):
        self.spec = self.id = f"scripted-{style}"
        self.fingerprint = f"{style}-{members.fingerprint}"
        self.classifier = Classifier(style, members)


class Sure(Scripted):
    """Is far surer of what it learnt than of anything else: confidence alone gives it away."""

    def __init__(self, members):
        super().__init__("sure", members)
        known = self.classifier.known

        def logits(texts):
            rows = [
                answer(text, known.get(text, CLASSES[0]), text in known, "sure") * (3 if text in known else 1) for text in texts
            ]
            return np.array(rows, dtype=np.float32)

        self.classifier.logits = logits


def scripted_references(monkeypatch, style="memorising"):
    """Let ``trust.train_shadows`` train nothing; what it was asked for is kept in the list that is returned."""
    asked = []

    def train_shadows(self, training, dataset, members, *, seeds, text="text", label="label", **more):
        asked.append(SimpleNamespace(training=training, dataset=dataset, members=members, seeds=seeds, text=text, label=label))
        seen = [{dataset.ids[row] for row in rows} for rows in members]

        def logits(data, *, column="text"):
            rows = list(zip(data.ids, data.column(column), data.column("label"), strict=True))
            by_style = {"memorising": lambda known, own: own in known, "careful": lambda known, own: False}
            if style == "weak":
                return np.zeros((len(seeds), len(rows), 3), np.float32) + noise("weak")
            return np.array(
                [
                    [answer(text, label, by_style[style](known, own), seed) for own, text, label in rows]
                    for known, seed in zip(seen, seeds, strict=True)
                ],
                dtype=np.float32,
            )

        return SimpleNamespace(logits=logits)

    monkeypatch.setattr(tm.Trust, "train_shadows", train_shadows, raising=False)
    return asked


def make_trust(check, folder, seed=0):
    return tm.Trust(
        name=check.id, seed=seed, level=0.95, cache=Cache(folder / "cache"), store=EvidenceStore(folder / "report"),
        progress=Progress(),
    )  # fmt: skip


def run(check, model, folder, data, *, seed=0, companions=None, **options):
    record = tm.run_check(
        check, model, data, folder / "report", companions=companions, options=options, seed=seed, cache=Cache(folder / "cache")
    )
    assert encode(record), "everything in it is plain"
    return record


def broken(record):
    return [control.name for control in record.controls if not control.ok]


def value(record, name):
    return next(m for m in record.measurements if m.name == name)
