"""Falsification as a user meets it: in a test of their own, in JUnit and record, in parallel, and at the gate."""

from __future__ import annotations

import pytest

import pytest_trustml as tm
from pytest_trustml.gate.command import main as gate

DETECTOR = """
class Detector:
    fingerprint = "bag-of-words-1"
    labels = ("fine", "abuse")

    def __init__(self, read):
        self.read = read

    def predict_proba(self, texts):
        found = [any(word in ("stupid", "muppet") for word in self.read(text).split()) for text in texts]
        return [[1.0 - flag, 0.0 + flag] for flag in found]

def brittle():
    return Detector(lambda text: text)

def hardened():
    from pytest_trustml import canonicalise
    detector = Detector(canonicalise)
    detector.fingerprint = "bag-of-words-2"
    return detector
"""

TESTS = '''
import pytest_trustml as tm

TEXTS = [f"honestly you muppet number {n} again" for n in range(30)]

def test_invisible_edits_change_nothing(trustml, trustml_model):
    """No invisible edit hides abuse from the detector."""
    def flagged(texts):
        scores = trustml.observe(tm.classify, trustml_model, tm.Dataset({"text": texts}))
        return scores[:, 1] > scores[:, 0]

    trustml.holds(
        tm.strategies.text_edits(TEXTS, families=["homoglyph", "zero_width"]),
        lambda cases: flagged([case.text for case in cases]),
        given=lambda cases: flagged([case.original for case in cases]),
        name="evasion",
    )

def test_never_tried(trustml, trustml_model):
    trustml.holds(
        tm.strategies.text_edits(TEXTS),
        lambda cases: [True] * len(cases),
        given=lambda cases: [False] * len(cases),
        name="vain",
    )
'''


@pytest.fixture
def run(judge, tmp_path):
    work = tmp_path / "work"
    (work / "tests").mkdir()
    (work / "tests" / "test_abuse.py").write_text(TESTS)
    (tmp_path / "site" / "detectors.py").write_text(DETECTOR)

    def run(model, *arguments):
        return judge("tests", *arguments, model=f"py:detectors:{model}", checks=None)

    return run


def test_a_brittle_detector_is_blocked_by_edits_and_no_text_is_quoted(run):
    first = run("brittle", "-k", "invisible")
    assert first.code == 1
    check = first.check("test_invisible_edits_change_nothing")
    assert check.outcome == "FAIL"
    assert check.why.startswith("falsified at try") and "homoglyph in word" in check.why
    [m] = check.measurements
    assert (m.name, m.value, m.low, m.high, m.limit, m.unit) == ("evasion", 1, 1, 1, "at most 0", "counterexamples found")
    assert m.evidence[0].sensitive
    properties = first.junit["test_invisible_edits_change_nothing"]
    assert properties["trustml.evasion.value"] == "1.0" and properties["trustml.evasion.outcome"] == "FAIL"
    page = (first.folder / "trustml-report" / "index.html").read_text()
    assert "homoglyph in word" in page
    for shown in (first.output, page, (first.folder / "trustml-report" / "run.json").read_text()):
        assert "Falsifying example" not in shown and "@seed" not in shown and "honestly you" not in shown
    assert gate([str(first.folder / "trustml-report")]) == 1
    again = run("brittle", "-k", "invisible", "-n", "2", "--trustml-cache=off", "-p", "hypothesispytest", "--hypothesis-seed=5")
    assert again.check("test_invisible_edits_change_nothing").why == check.why


def test_a_hardened_detector_passes_and_the_gate_releases_it(run):
    done = run("hardened", "-k", "invisible")
    assert done.code == 0, done.output
    check = done.check("test_invisible_edits_change_nothing")
    assert check.outcome == "PASS" and "not falsified in" in check.why
    assert gate([str(done.folder / "trustml-report")]) == 0


def test_a_property_that_was_never_tried_is_invalid(run):
    done = run("brittle", "-k", "never_tried")
    assert done.code == 1
    check = done.check("test_never_tried")
    assert check.outcome == "INVALID" and check.why.startswith("none of the")
    assert gate([str(done.folder / "trustml-report")]) == 2


def compared(done, report):
    [check] = tm.decode_run((done.folder / report / "run.json").read_bytes(), report).checks
    return check.comparisons


def test_beside_the_last_release(run):
    good = run("hardened", "-k", "invisible", "--trustml-report=good")
    bad = run("brittle", "-k", "invisible", "--trustml-report=bad", "--trustml-baseline=good")
    [change] = compared(bad, "bad")
    assert (good.code, change.outcome, change.change) == (0, "WORSE", 1)
    again = run("hardened", "-k", "invisible", "--trustml-baseline=bad")
    [change] = compared(again, "trustml-report")
    assert (again.code, change.outcome, change.change) == (0, "BETTER", -1)
