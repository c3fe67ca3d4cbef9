"""Detectors trained on published tweets, judged on HateCheck and on tweets that they did not see. Prints the table it asserts.

Run with ``-m slow -s``; skips where the data are not at hand.
"""

from __future__ import annotations

import pytest

import builtin_checks.hate_detectors as family
import pytest_trustml as tm
from builtin_checks.hate_detectors.roles import SUITE
from tests.families.hate_detectors import davidson
from tests.families.hate_detectors.running import run, value

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not davidson.TWEETS.is_file() or not davidson.HATECHECK.is_file(), reason="the tweets are not at hand"),
]
SPEC = "py:tests.families.hate_detectors.davidson:"
FIGURES = {
    "quality": ("recall", "fpr", "precision", "f1_hate", "f1_macro", "auroc"),
    "functional": ("worst_functionality_accuracy", "obfuscation_evasion", "contrast_accuracy", "macro_accuracy"),
    "evasion": ("attack_success_rate", "random_edit_rate", "canonical_success_rate", "total_evasion"),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    for number, task in enumerate(davidson.TASKS):
        davidson.save_bert(folder / str(number), task)
    return {
        ("bag of words", "hate or offensive"): tm.open_subject(f"{SPEC}bag_of_words"),
        ("bag of words", "hate"): tm.open_subject(f"{SPEC}bag_of_words_of_hate"),
        ("tiny BERT", "hate or offensive"): tm.open_subject(str(folder / "0")),
        ("tiny BERT", "hate"): tm.open_subject(str(folder / "1")),
    }


@pytest.fixture(scope="module")
def table(models, tmp_path_factory):
    folder, held_out = tmp_path_factory.mktemp("table"), davidson.held_out()
    suite = tm.open_data(str(davidson.HATECHECK), role=SUITE)
    found = {}
    for (kind, task), model in models.items():
        own = {"hateful_labels": davidson.TASKS[task]}
        records = {
            "quality": run(family.quality, model, folder, {"texts": held_out}, **own),
            "functional": run(family.functional, model, folder, {"suite": suite}),
            "evasion": run(family.evasion, model, folder, {"texts": held_out}, max_texts=100, **own),
        }
        found[kind, task] = records
        print(f"\n{kind}, {task}")
        for name, figures in FIGURES.items():
            record = records[name]
            told = [f"{figure} {_told(value(record, figure))}" for figure in figures]
            print(f"  {name}: {record.outcome}; {'; '.join(told)}")
            print(f"    controls that failed: {[c.why for c in record.controls if not c.ok] or 'none'}")
    return found


def _told(m):
    return m.value if isinstance(m.value, str) else f"{m.value:.3f} [{_end(m.low)}, {_end(m.high)}]"


def _end(end):
    return end if isinstance(end, str) else f"{end:.3f}"


@pytest.mark.parametrize("kind", ["bag of words", "tiny BERT"])
def test_offensive_tweets_are_easy_and_functional_tests_are_not(table, kind):
    records = table[kind, "hate or offensive"]
    assert value(records["quality"], "auroc").value > 0.85
    assert value(records["quality"], "recall").value > 0.75
    functional = records["functional"]
    assert functional.outcome == "FAIL", "tweets do not teach what HateCheck asks"
    assert value(functional, "worst_functionality_accuracy").value < 0.3
    assert value(functional, "obfuscation_evasion").details["pairs"] == 760
    assert value(functional, "contrast_accuracy").details["pairs"] == 600


@pytest.mark.parametrize("kind", ["bag of words", "tiny BERT"])
def test_both_are_evaded_with_a_hundred_questions(table, kind):
    record = table[kind, "hate or offensive"]["evasion"]
    assert all(control.ok for control in record.controls), record.controls
    rate = value(record, "attack_success_rate")
    assert rate.value > 0.3 and rate.n >= 60
    assert value(record, "random_edit_rate").value < rate.value


def test_hate_among_offensive_tweets_is_hard(table):
    record = table["bag of words", "hate"]["quality"]
    assert value(record, "auroc").value > 0.75
    assert value(record, "f1_macro").value - value(record, "f1_hate").value > 0.1, "the two F1 differ most where hate is rare"
