"""The formulas and the readers of replies: worked examples and what they are blind to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from builtin_checks.icl_membership.replies import continued, label_of, similarity, yes_or_no
from builtin_checks.icl_membership.score import (
    advantage,
    best_threshold,
    chance_level,
    cross_fitted,
    kind_rule,
    logistic_rule,
    threshold_rule,
)
from pytest_trustml.statistics import rate_difference

MEMBER = np.repeat([True, False], 5)
BRAINWASH = np.array([9, 7, 10, 3, 8, 2, 4, 1, 5, 2], dtype=float)
REPEAT = np.array([0.95, 0.90, 0.40, 0.97, 0.88, 0.35, 0.55, 0.30, 0.85, 0.60])


def test_ten_trials():
    assert advantage(REPEAT >= 0.8, MEMBER) == pytest.approx(0.6)
    assert advantage(BRAINWASH >= 5, MEMBER) == pytest.approx(0.6)
    assert roc_auc_score(MEMBER, REPEAT) == pytest.approx(0.88) and roc_auc_score(MEMBER, BRAINWASH) == pytest.approx(0.92)
    for scores, least in ((REPEAT, 0.88), (BRAINWASH, 7)):
        cut = best_threshold(scores, MEMBER)
        assert advantage(scores >= cut, MEMBER) == pytest.approx(0.8) and cut <= least


def scaled(values):
    return (values - values.min()) / (values.max() - values.min())


def test_the_hybrid_s_classifier():
    """The published example has min-max features and no further scaling; ours standardises, which is undone here."""
    from sklearn.linear_model import LogisticRegression

    features = np.stack([scaled(BRAINWASH), scaled(REPEAT)], axis=1)
    assert features.mean(axis=1) == pytest.approx(
        [0.929519, 0.781095, 0.574627, 0.611111, 0.821725, 0.092869, 0.353234, 0, 0.632670, 0.279436], abs=2e-6
    )
    model = LogisticRegression(C=1.0, tol=1e-12).fit(features, MEMBER)
    assert [model.intercept_[0], *model.coef_[0]] == pytest.approx([-0.833214, 0.931757, 0.724947], abs=2e-4)
    own = logistic_rule(features, MEMBER)(features)
    assert roc_auc_score(MEMBER, own) == pytest.approx(0.96)
    constant = np.concatenate([features, np.ones((10, 1))], axis=1)
    assert logistic_rule(constant, MEMBER)(constant) == pytest.approx(own, abs=1e-6)


def test_newcombe_s_intervals_of_the_advantage():
    for hits, alarms, n, value, low, high in (
        (244, 6, 250, 0.952, 0.913304, 0.970322),
        (30, 25, 50, 0.10, -0.092177, 0.282187),
        (26, 24, 50, 0.04, -0.150753, 0.226717),
    ):
        events = np.arange(n) < hits, np.arange(n) < alarms
        found = rate_difference(*events, name="advantage", higher_is_safer=False)
        assert found.value == pytest.approx(value) and found.interval.low == pytest.approx(low, abs=1e-5)
        assert found.interval.high == pytest.approx(high, abs=1e-5)


TRIALS = st.integers(2, 20).flatmap(
    lambda n: st.tuples(st.lists(st.integers(0, 6), min_size=2 * n, max_size=2 * n), st.permutations([True] * n + [False] * n))
)


@given(TRIALS, st.randoms(use_true_random=False))
def test_the_advantage(trials, random):
    scores, member = np.array(trials[0], dtype=float), np.array(trials[1])
    flagged = scores >= 3
    found = advantage(flagged, member)
    assert -1 <= found <= 1 and advantage(~flagged, member) == pytest.approx(-found)
    assert found == pytest.approx(2 * (flagged == member).mean() - 1)
    order = random.sample(range(len(scores)), len(scores))
    assert advantage(flagged[order], member[order]) == pytest.approx(found)
    best = advantage(scores >= best_threshold(scores, member), member)
    assert best >= max(0, *(advantage(scores >= cut, member) for cut in range(8))) - 1e-12
    area = roc_auc_score(member, scores)
    assert 2 * area - 1 <= 2 * best - best**2 + 1e-12
    assert roc_auc_score(member, flagged) == pytest.approx((1 + found) / 2)
    grown = np.exp(scores)
    assert advantage(grown >= best_threshold(grown, member), member) == pytest.approx(best)


def test_a_threshold_that_is_tuned_on_what_it_judges_flatters():
    rng = np.random.default_rng(0)
    tuned, fair = [], []
    for seed in range(300):
        scores, member = rng.normal(size=100), np.tile([True, False], 50)
        tuned.append(advantage(scores >= best_threshold(scores, member), member))
        flagged = cross_fitted(scores, member, np.repeat(np.arange(50), 2), threshold_rule, seed) > 0
        fair.append(advantage(flagged, member))
    mean, most = chance_level(50, 50)
    assert np.mean(tuned) == pytest.approx(mean, abs=0.02) and np.quantile(tuned, 0.95) == pytest.approx(most, abs=0.04)
    assert abs(np.mean(fair)) < 0.025


def test_rules_are_fitted_on_other_targets():
    seen = []

    def fit(scores, member):
        seen.append(set(scores.tolist()))
        return lambda new: np.full(len(new), len(seen))

    target = np.repeat(np.arange(10), 2)
    found = cross_fitted(target.astype(float), np.tile([True, False], 10), target, fit, 0)
    for number, rest in enumerate(seen, 1):
        assert not rest & set(target[found == number].astype(float).tolist())
    assert (found > 0).all()


def test_kinds_of_reply():
    kinds, member = np.array([0, 0, 1, 1, 2, 2]), np.array([True, False, True, True, False, False])
    assert kind_rule(kinds, member)(np.array([0, 1, 2, 7])).tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("Yes", True), ("No.", False), ("no doubt yes", False), ("I have seen it before", True), ("I have not seen it", False),
        ("", None), ("1", True), ("0", False), ("Hello. Yes", None), ("YES!\nno", True), ("I don't recognise it", False),
    ],
)  # fmt: skip
def test_yes_or_no(answer, found):
    assert yes_or_no(answer) is found


@given(st.text())
def test_readers_take_any_text(text):
    assert yes_or_no(text) is yes_or_no(text.upper()) or text.upper().lower() != text.lower()
    assert label_of(text, ["a", "b"]) in (None, 0, 1)
    assert 0 <= similarity(text, "the cat sat") <= 1
    assert similarity(text, "the cat") == similarity("the cat", text)
    assert similarity(text, text) == 1


def test_labels_inside_of_labels():
    labels = ["positive", "very positive"]
    assert label_of("It is very positive.", labels) == 1 and label_of("Positive", labels) == 0
    assert label_of("negative", labels) is None


def test_a_continuation_may_begin_with_the_stem():
    assert continued(" sat on the mat\nLabel: x", "the cat", "sat on the mat") == 1
    assert continued('"the cat sat on the mat"', "the cat", "sat on the mat") == 1
    assert continued("ran to a dog", "the cat", "sat on the mat") < 0.3
    assert continued("", "the cat", "sat") == 0
