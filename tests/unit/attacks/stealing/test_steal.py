"""Stealing with the linear surrogate: what it costs, what it learns, and that it is the same every time."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from tests.unit.attacks.stealing.detectors import Scorer, gold, sentences

QUERIES, HELD_OUT = sentences(600, seed=1), sentences(300, seed=2)


def stolen(predict=None, **settings):
    settings = {"budgets": (20, 100, 500), "rng": np.random.default_rng(3)} | settings
    return tm.steal(predict or Scorer(), QUERIES, **settings)


def test_the_victim_is_asked_the_largest_budget_once():
    victim = Scorer()
    copies = stolen(victim, budgets=(100, 20, 500, 100), batch_size=64)
    assert list(copies) == [20, 100, 500] == [copy.queries for copy in copies.values()]
    assert len(victim.asked) == 500 == len(set(victim.asked))
    assert copies[20].asking_seconds < copies[500].asking_seconds


def test_a_text_that_occurs_twice_is_asked_once():
    victim = Scorer()
    tm.steal(victim, QUERIES[:50] * 3, budgets=(50,), rng=np.random.default_rng(0))
    assert sorted(victim.asked) == sorted(QUERIES[:50])
    with pytest.raises(tm.UsageError, match="50 different queries for a budget of 51"):
        tm.steal(victim, QUERIES[:50] * 3, budgets=(51,), rng=np.random.default_rng(0))


@pytest.mark.parametrize("labels_only", [False, True])
def test_more_questions_make_a_truer_copy(labels_only):
    copies = stolen(labels_only=labels_only)
    curve = tm.learning_curve(copies, HELD_OUT, Scorer()(HELD_OUT) >= 0.5, gold(HELD_OUT))
    agreement = [found.agreement.value for found in curve.values()]
    assert agreement[0] < agreement[-1] and agreement[-1] > 0.95
    assert curve[500].kappa.value > 0.9
    assert curve[500].accuracy.value == pytest.approx(agreement[-1])  # this victim is always right
    assert curve[500].victim_accuracy.value == 1
    assert all(copy.labels_only is labels_only for copy in copies.values())


def test_scores_are_learnt_as_scores():
    copy = stolen()[500]
    errors = {
        labels: np.abs(one(HELD_OUT) - Scorer()(HELD_OUT)).mean()
        for labels, one in ((False, copy), (True, stolen(labels_only=True)[500]))
    }
    assert errors[False] < 0.08
    assert ((copy(HELD_OUT) >= 0) & (copy(HELD_OUT) <= 1)).all()


def test_hidden_scores_stay_hidden():
    def blurred(texts):
        return np.where(Scorer()(texts) >= 0.5, 0.51, 0.49)

    plain, other, labels = (
        stolen(one, labels_only=True)[100](HELD_OUT) for one in (Scorer(), blurred, lambda t: Scorer()(t) >= 0.5)
    )
    assert (plain == other).all() and (plain == labels).all()


def test_the_same_seed_steals_the_same():
    one, two, other = (stolen(rng=np.random.default_rng(seed))[100](HELD_OUT) for seed in (3, 3, 4))
    assert (one == two).all() and (one != other).any()


def test_a_text_gets_the_same_score_in_any_batch():
    copy = stolen()[100]
    whole = copy(HELD_OUT)
    assert (np.concatenate([copy(HELD_OUT[:7]), copy(HELD_OUT[7:])]) == whole).all()
    assert copy([]).shape == (0,)
    assert np.isfinite(copy(["", "\u200b", "ѕtuріd", "\ud800"])).all()


@pytest.mark.parametrize("label", [0, 1])
def test_a_victim_with_one_answer_teaches_that_answer(label):
    copies = stolen(lambda texts: np.full(len(texts), bool(label)))
    assert (copies[500](HELD_OUT) == label).all()
    found = tm.fidelity(copies[500](HELD_OUT) >= 0.5, np.full(300, bool(label)))
    assert found.agreement.value == 1
    assert found.kappa.value is None and "same label" in found.kappa.undefined


def test_progress_is_told():
    class Shown:
        def __init__(self):
            self.done = {}

        def __call__(self, label, total):
            import contextlib

            @contextlib.contextmanager
            def bar():
                self.done[label] = [0, total]
                yield lambda done: self.done[label].__setitem__(0, self.done[label][0] + done)

            return bar()

    shown = Shown()
    stolen(progress=shown, batch_size=60)
    assert shown.done == {"asking the victim": [500, 500]}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (dict(kind="linaer"), "Did you mean 'linear'"),
        (dict(budgets=()), "no budgets"),
        (dict(budgets=(0,)), "A budget is 0"),
        (dict(budgets=(True,)), "A budget is True"),
        (dict(budgets=(601,)), "600 different queries for a budget of 601"),
        (dict(model="folder"), "kind='transformer'"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_the_victim_is_asked(settings, words):
    victim = Scorer()
    with pytest.raises(tm.UsageError, match=words):
        stolen(victim, **settings)
    assert not victim.asked


def test_queries_are_texts():
    with pytest.raises(tm.DataError, match="one text"):
        tm.steal(Scorer(), "hello", rng=np.random.default_rng(0))
    with pytest.raises(tm.DataError, match="Row 1 of queries is a NoneType"):
        tm.steal(Scorer(), ["hello", None], rng=np.random.default_rng(0))


def test_texts_without_any_letter_teach_nothing():
    with pytest.raises(tm.DataError, match="None of the 3 texts has a letter"):
        tm.steal(lambda texts: [len(text) > 1 for text in texts], ["", "!", "??"], budgets=(3,), rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("answer", "words"), [([0.5], "shape"), ([[0.1, 0.9]] * 20, "shape"), (["a"] * 20, "type"), ([2.0] * 20, "score 2.0"),
                          ([float("nan")] * 20, "score nan")]
)  # fmt: skip
def test_a_victim_gives_one_score_per_text(answer, words):
    with pytest.raises(tm.SubjectError, match=words):
        stolen(lambda texts: answer, budgets=(20,))
