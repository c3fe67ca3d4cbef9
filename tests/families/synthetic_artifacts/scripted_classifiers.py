"""Short made-up texts of two classes, written by people or by a machine, and small linear classifiers that learn from them."""

from __future__ import annotations

import numpy as np

import pytest_trustml as tm
from pytest_trustml.work.cache import Cache

CLASSES = ("calm", "storm")
PLAIN = [f"word{number}" for number in range(80)]
TELLING = {name: [f"{name}{number}" for number in range(40)] for name in CLASSES}


def written(label, rng, machine):
    """People wander off and mix things up; a machine writes few words of its topic, again and again."""
    other = CLASSES[1 - CLASSES.index(label)]
    words = []
    for _ in range(12):
        luck = rng.random()
        if luck < (0.45 if machine else 0.25):
            words.append(str(rng.choice(TELLING[label][:12] if machine else TELLING[label])))
        elif luck < (0.47 if machine else 0.37):
            words.append(str(rng.choice(TELLING[other])))
        else:
            words.append(str(rng.choice(PLAIN)))
    return " ".join(words)


def texts(n, seed, *, machine=False, generators=0):
    rng = np.random.default_rng([seed, int(machine)])
    labels = [CLASSES[place % 2] for place in range(n)]
    rows = {"id": [f"{'m' if machine else 'p'}-{seed}-{i}" for i in range(n)], "label": labels,
            "text": [written(label, rng, machine) for label in labels]}  # fmt: skip
    if generators:
        rows["generator"] = [f"writer {place // 2 % generators}" for place in range(n)]
    return tm.Dataset(rows, spec="machine" if machine else "people")


class Subject:
    """A subject with a classifier."""

    dtype, device, device_class, cacheable, path, kind, part_size, usage = (
        "float32",
        "cpu",
        "cpu",
        True,
        None,
        "factory",
        None,
        "",
    )

    def __init__(self, name, classifier):
        self.spec = self.id = self.fingerprint = self.label = name
        self.classifier = classifier

    def why_not(self, name):
        return None if name == "classifier" else "it only classifies"


class Linear:
    """Trained on the texts of an owner; ``order`` names the columns, ``sharper`` divides the temperature."""

    def __init__(self, data, folder, *, seed=0, order=CLASSES, named=None, sharper=1.0):
        with Cache(folder / "owner") as cache:
            training = tm.Training(architecture="linear", labels=tuple(order))
            self.shadows = tm.train_shadows(training, data, [range(len(data))], seeds=[seed], cache=cache)
        self.labels, self.sharper = list(named or order), sharper

    def logits(self, inputs):
        return self.shadows.logits(tm.Dataset({"text": list(inputs)}))[0] * self.sharper


class Scripted:
    labels = list(CLASSES)

    def __init__(self, answer):
        self.answer = answer

    def logits(self, inputs):
        return np.array([self.answer(text) for text in inputs], dtype=np.float32)
