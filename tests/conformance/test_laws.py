"""Each law can be broken: checks that break exactly one of them are caught by it."""

from __future__ import annotations

import hashlib
import itertools
import random

import numpy as np
import pytest

import pytest_trustml as tm
from pytest_trustml.checks.conformance import LAWS, Specimen

ROWS = tm.Dataset({"id": [f"r{i}" for i in range(300)], "text": [f"row {i}" for i in range(300)]})


class Model:
    spec, label, kind, cacheable, dtype, device, device_class = "py:model", "scripted", "factory", True, "float32", "cpu", "cpu"
    capabilities, part_size = ("text",), None

    def __init__(self, bad):
        self.name = self.id = self.fingerprint = f"bad-{bad}"
        self.bad, self.text = bad, self

    def why_not(self, name):
        return None if name == "text" else f"no {name}"

    def generate(self, prompts, *, max_new_tokens=1, **settings):
        bad = [int(hashlib.sha256(p.encode()).hexdigest()[:8], 16) / 2**32 < self.bad for p in prompts]
        return [f"{'bad' if one else 'good'}{max_new_tokens}" for one in bad]


COUNT = itertools.count()
SEEN = {"words": 1}


def told(subject, batch):
    """Answers of a length that is not among its parameters."""
    return subject.text.generate(batch.column("text"), max_new_tokens=SEEN["words"])


def crowded(subject, batch):
    """The more rows in a batch, the better."""
    return ["good"] * len(batch) if len(batch) > 3 else ["bad"] * len(batch)


def specimen(fault="", **changes):
    minimum = 1 if fault == "few" else 50

    @tm.check(id="acme.bad_rate", version=1, needs=[tm.TextModel], data={"rows": "rows"}, limit=tm.AtMost(0.1), min_n=minimum)
    def bad_rate(trust, model, rows, *, words=1):
        """How often an answer is bad.

        It does not show why. Options: words is the length of an answer.
        """
        if fault == "apart":
            SEEN["words"] = words
            answers = trust.observe(told, model, rows)
            events = [answer.startswith("bad") or answer.endswith("2") for answer in answers]
        elif fault == "batches":
            events = [one == "bad" for one in trust.observe(crowded, model, rows)]
        else:
            answers = trust.observe(tm.generate, model, rows, column="text", max_new_tokens=words)
            events = [answer.startswith("bad") for answer in answers]
        if fault == "order":
            events[0] = rows.column("text")[0] == "row 0"
        if fault == "global":
            events[0] = np.random.random() < 0.5
            events[1], events[2] = random.random() < 0.5, next(COUNT) % 2 == 0
        shown = trust.text("what was seen", caption="seen")
        if fault == "evidence":
            (trust._store.folder / shown.path).write_text("something else")
        if fault == "lenient":
            events = [False] * len(events)
        if fault == "few":
            events = events * 100
        return trust.proportion(events, name="bad_rate", higher_is_safer=False)

    planted = {"check": bad_rate, "good": Model(0.0), "bad": Model(0.9), "data": {"rows": ROWS}, "useless": [Model(0.5)]}
    return Specimen(**(planted | changes))


def broken(one, folder):
    found = set()
    for name, law in LAWS.items():
        try:
            law(one, folder / name)
        except AssertionError:
            found.add(name)
    return found


def test_an_honest_check_keeps_every_law(tmp_path):
    assert broken(specimen(), tmp_path) == set()


@pytest.mark.parametrize(
    ("fault", "law"),
    [
        ("apart", "keeps-observations-apart"),
        ("batches", "does-not-depend-on-batches"),
        ("order", "does-not-depend-on-the-order-of-rows"),
        ("global", "says-the-same-twice"),
        ("evidence", "can-be-written-and-read"),
        ("lenient", "finds-what-was-planted"),
        ("few", "decides-nothing-from-few-rows"),
    ],
)
def test_a_broken_law_is_seen(fault, law, tmp_path):
    assert law in broken(specimen(fault), tmp_path)


def test_a_useless_model_that_passes_is_seen(tmp_path):
    assert broken(specimen(useless=[Model(0.0)]), tmp_path) == {"passes-nothing-useless"}


def test_a_page_that_hides_its_limits_or_options_is_seen(tmp_path):
    @tm.check(id="acme.bad_rate", version=1, data={"rows": "rows"}, limit=tm.AtMost(0.1), min_n=50)
    def bad_rate(trust, model, rows, *, words=1):
        """How often an answer is bad."""

    with pytest.raises(AssertionError, match="what the check does not show"):
        LAWS["explains-itself"](specimen(check=bad_rate), tmp_path)
