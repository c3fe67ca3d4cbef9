"""Scores of single records: the vectors of the papers, extreme logits, labels as people write them, thresholds per class."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import pytest_trustml as tm
from pytest_trustml.attacks.membership.signals import SIGNALS

# Committed from TrustAIRLab/importance-in-mlattacks at c8a82494b3bc970f45b2892a1d8ab1add9333116, mia/metric_base.py, on
# `official_inputs`: modified entropy and entropy of the first four training records, and attack accuracies with thresholds per
# class that were learnt on other records.
OFFICIAL_MENTR = [0.01435373, 0.03718117, 0.00253035, 0.01318757]
OFFICIAL_ENTROPY = [0.38022153, 0.45699305, 0.19599553, 0.36996138]
OFFICIAL_ACCURACY = {"confidence": 0.75, "entropy": 0.7583333333333333, "modified_entropy": 0.75}
OFFICIAL_THRESHOLDS = {
    "confidence": [0.875708858, 0.718894464, 0.665992597],
    "entropy": [-0.389442535, -0.650787735, -0.826308436],
    "modified_entropy": [-0.024876982, -0.135371372, -0.146796644],
}
OFFICIAL_CORRECTNESS = 0.6333333333333333

LOGITS = hnp.arrays(np.float64, (6, 4), elements=st.floats(-40, 40))
LABELS = hnp.arrays(np.int64, 6, elements=st.integers(0, 3))


def official_inputs():
    rng = np.random.default_rng(22)

    def part(n, sharp):
        labels = rng.integers(3, size=n)
        logits = rng.normal(0, 1, (n, 3))
        logits[np.arange(n), labels] += sharp
        return logits, labels

    return part(60, 3.0), part(60, 1.5), part(60, 3.0), part(60, 1.5)


@pytest.mark.parametrize(
    ("p", "label", "confidence", "loss", "entropy", "mentr"),
    [
        ((0.7, 0.2, 0.1), 0, 0.7, 0.356675, 0.801819, 0.162167),
        ((0.1, 0.8, 0.1), 1, 0.8, 0.223144, 0.639032, 0.065701),
        ((0.3, 0.3, 0.4), 0, 0.3, 1.203973, 1.088900, 1.154114),
    ],
)
def test_the_four_scores_of_known_answers(p, label, confidence, loss, entropy, mentr):
    logits = np.log([p]) + 3
    found = {name: float(tm.membership_signal(logits, [label], name)[0]) for name in SIGNALS}
    assert found["confidence"] == pytest.approx(confidence, abs=1e-6)
    assert found["loss"] == pytest.approx(-loss, abs=1e-6)
    assert found["entropy"] == pytest.approx(-entropy, abs=1e-6)
    assert found["modified_entropy"] == pytest.approx(-mentr, abs=1e-6)
    assert found["correctness"] == (p[label] == max(p))


def test_scaled_logit_of_known_answers():
    assert tm.membership_signal([[2, 0.5, -1.0]], [0], "scaled_logit")[0] == pytest.approx(1.298587, abs=1e-6)
    assert tm.membership_signal(np.float32([[60, 0, -5]]), [0], "scaled_logit")[0] == pytest.approx(59.993285, abs=1e-6)


def test_the_published_scores_and_attack_accuracies_come_out():
    (shadow_in, y_in), (shadow_out, y_out), (own, y_own), (others, y_others) = official_inputs()
    assert -tm.membership_signal(own, y_own, "modified_entropy")[:4] == pytest.approx(OFFICIAL_MENTR, abs=1e-8)
    assert -tm.membership_signal(own, y_own, "entropy")[:4] == pytest.approx(OFFICIAL_ENTROPY, abs=1e-8)
    inside, labels = np.arange(120) < 60, np.concatenate([y_in, y_out])
    for name, accuracy in OFFICIAL_ACCURACY.items():
        known = np.concatenate([tm.membership_signal(shadow_in, y_in, name), tm.membership_signal(shadow_out, y_out, name)])
        published = np.array(OFFICIAL_THRESHOLDS[name]) - 1e-8
        hits = tm.flag_members(tm.membership_signal(own, y_own, name), y_own, published)
        alarms = tm.flag_members(tm.membership_signal(others, y_others, name), y_others, published)
        assert (hits.mean() + 1 - alarms.mean()) / 2 == pytest.approx(accuracy)
        # Where several thresholds are equally good the code takes the one that it meets first, ours the highest.
        cuts = tm.class_thresholds(known, inside, labels, 3)
        assert (cuts >= published).all()
        for number in range(3):
            own_class = labels == number
            gains = [
                (known[own_class & inside] >= cut).mean() - (known[own_class & ~inside] >= cut).mean()
                for cut in (cuts[number], published[number])
            ]
            assert gains[0] == pytest.approx(gains[1])
    right = [tm.membership_signal(z, y, "correctness").mean() for z, y in ((own, y_own), (others, y_others))]
    assert (right[0] + 1 - right[1]) / 2 == pytest.approx(OFFICIAL_CORRECTNESS)


def test_extreme_logits_stay_apart_and_finite():
    logits = [[800.0, 0, 0], [900, 0, 0], [0, 800, 0], [0, 900, 0], [50, 0, 0], [60, 0, 0]]
    labels = [0] * 6
    for name in SIGNALS:
        assert np.isfinite(tm.membership_signal(logits, labels, name)).all(), name
    loss = tm.membership_signal(logits, labels, "loss")
    assert loss[5] > loss[4], "both probabilities round to 1"
    mentr = tm.membership_signal(logits, labels, "modified_entropy")
    assert mentr[5] > mentr[4]
    assert mentr[2] == pytest.approx(-1600, rel=1e-3), "wrong and certain: log p and log(1 - p) of the two classes"
    assert mentr[3] < mentr[2]


@given(LOGITS, LABELS, st.permutations(range(4)))
def test_names_of_classes_do_not_matter(logits, labels, order):
    moved = np.argsort(order)[labels]
    for name in SIGNALS:
        before, after = tm.membership_signal(logits, labels, name), tm.membership_signal(logits[:, order], moved, name)
        assert after == pytest.approx(before, rel=1e-9, abs=1e-9), name


@given(LOGITS, LABELS, st.floats(-50, 50))
def test_a_constant_added_to_all_logits_does_not_matter(logits, labels, shift):
    for name in ("confidence", "loss", "entropy", "modified_entropy", "scaled_logit"):
        before, after = tm.membership_signal(logits, labels, name), tm.membership_signal(logits + shift, labels, name)
        assert after == pytest.approx(before, rel=1e-6, abs=1e-9), name


@given(LOGITS, LABELS, st.floats(0.01, 20))
def test_a_higher_logit_of_the_true_class_is_more_like_a_member(logits, labels, more):
    raised = logits.copy()
    raised[np.arange(6), labels] += more
    assert (tm.membership_signal(raised, labels, "scaled_logit") > tm.membership_signal(logits, labels, "scaled_logit")).all()
    assert (tm.membership_signal(raised, labels, "loss") >= tm.membership_signal(logits, labels, "loss")).all()


@given(LOGITS, LABELS)
def test_modified_entropy_is_never_negative(logits, labels):
    assert (-tm.membership_signal(logits, labels, "modified_entropy") >= 0).all()


@given(st.integers(2, 9), st.floats(0.001, 0.998), st.floats(0.0005, 0.5))
def test_modified_entropy_falls_as_the_true_class_gets_likelier(classes, p, more):
    def mentr(own):
        rest = np.full(classes - 1, (1 - own) / (classes - 1))
        return -tm.membership_signal(np.log([[own, *rest]]), [0], "modified_entropy")[0]

    assert mentr(p + (1 - p) * more) < mentr(p)


def test_models_and_views_keep_their_axes():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(3, 2, 5, 4)), rng.integers(4, size=5)
    for name in SIGNALS:
        found = tm.membership_signal(logits, labels, name)
        assert found.shape == (3, 2, 5)
        assert (found[1, 0] == tm.membership_signal(logits[1, 0], labels, name)).all()


@pytest.mark.parametrize(
    ("logits", "labels", "words"),
    [
        ([[0.0, 1], [np.nan, 0]], [0, 1], "NaN or infinite"),
        ([[0.0, 1]], [0, 1], "1 rows of logits"),
        ([[0.0], [1.0]], [0, 0], "two at least"),
        ([[0.0, 1]], [2], "2 to 2"),
        ([[0.0, 1]], [0.5], "float64"),
    ],
)
def test_what_cannot_be_scored_is_refused(logits, labels, words):
    with pytest.raises(tm.DataError, match=words):
        tm.membership_signal(logits, labels)


def test_an_unknown_signal_names_those_there_are():
    with pytest.raises(tm.UsageError, match="modified_entropy"):
        tm.membership_signal([[0.0, 1]], [0], "modified_entropi")


@pytest.mark.parametrize("cells", [["b", "a", "b"], [1, 0, 1], ["1", "0", "1"], np.array([1, 0, 1]), [1.0, 0.0, 1.0]])
def test_labels_are_names_or_numbers(cells):
    assert tm.class_indices(cells, ["a", "b"]).tolist() == [1, 0, 1]


def test_names_that_look_like_numbers_are_names_first():
    assert tm.class_indices(["7", "3"], ["3", "7"]).tolist() == [1, 0]


def test_a_label_that_is_no_class_is_named():
    with pytest.raises(tm.DataError, match=r"'c' is no class.*a, b"):
        tm.class_indices(["a", "c"], ["a", "b"])


def test_classes_without_members_take_the_common_threshold():
    cuts = tm.class_thresholds([0.9, 0.1, 0.8, 0.3], [1, 0, 0, 0], [0, 0, 1, 1], 2)
    assert cuts.tolist() == [0.9, 0.9]
    with pytest.raises(tm.DataError, match="0 of 2"):
        tm.class_thresholds([1, 2], [0, 0], [0, 0], 1)


@settings(max_examples=60)
@given(
    hnp.arrays(np.int64, 12, elements=st.integers(0, 5)),
    hnp.arrays(bool, 12).filter(lambda inside: inside.any() and not inside.all()),
)
def test_no_other_threshold_is_better(scores, inside):
    cut = tm.class_thresholds(scores, inside, np.zeros(12, int), 1)[0]

    def gain(threshold):
        return (scores[inside] >= threshold).mean() - (scores[~inside] >= threshold).mean()

    best = max(gain(threshold) for threshold in range(6))
    if best > 1e-9:  # calling nobody a member is what an attacker does who can do no better
        assert gain(cut) == pytest.approx(best)
