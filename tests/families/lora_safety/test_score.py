"""Refusal direction, refusal score and probes: worked numbers, and what must hold for any numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from builtin_checks.lora_safety import score
from builtin_checks.lora_safety.subspace import Undefined

HARMFUL = np.array([[2, 1, 0], [3, 0, 1], [2.5, 0.5, 0.5]])
HARMLESS = np.array([[0, 1, 0], [1, 1, 1], [0, 2, 0.0]])
AFTER = HARMFUL + np.array([[-1, 0, 0.2], [-0.5, 0.1, 0], [-2, 0, 0]])


def test_refusal_direction():
    direction = score.refusal_direction(HARMFUL, HARMLESS)
    np.testing.assert_allclose(direction, [2.166667, -0.833333, 0.166667], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(direction), 2.327373, atol=1e-6)
    unit = score.unit(direction)
    means = [(rows @ unit).mean() for rows in (HARMFUL, HARMLESS, AFTER)]
    np.testing.assert_allclose(means, [2.184150, -0.143223, 1.090882], atol=1e-6)
    kept = score.retention(AFTER @ unit, HARMLESS @ unit, HARMFUL @ unit, HARMLESS @ unit)
    np.testing.assert_allclose(kept, 0.530256, atol=1e-6)
    np.testing.assert_allclose(score.cosine(direction, score.refusal_direction(AFTER, HARMLESS)), 0.948065, atol=1e-6)
    assert score.retention(HARMFUL @ unit, HARMLESS @ unit, HARMFUL @ unit, HARMLESS @ unit) == 1


def test_refusal_score():
    logits = np.array([[2.0, 1, 0, -1]])
    logprobs = logits - np.log(np.exp(logits).sum())
    np.testing.assert_allclose(score.refusal_score(logprobs[:, :1]), 0.592394, atol=1e-6)
    np.testing.assert_allclose(score.refusal_score(logprobs[:, :2]), 2.0, atol=1e-6)
    assert np.isfinite(score.refusal_score(np.array([[0.0], [-np.inf], [1e-9]]))).all()


@given(arrays(float, (3, 5), elements=st.floats(-5, 5)), st.floats(-3, 3), st.floats(0.1, 3))
@settings(max_examples=50, deadline=None)
def test_refusal_score_rises_with_refusal_logits_and_ignores_a_shift(logits, shift, rise):
    def scored(values):
        return score.refusal_score((values - np.logaddexp.reduce(values, axis=1, keepdims=True))[:, :2])

    np.testing.assert_allclose(scored(logits + shift), scored(logits), atol=1e-6)
    raised = logits.copy()
    raised[:, 0] += rise
    assert (scored(raised) > scored(logits)).all()


def test_shift_and_flips():
    base, adapted = np.array([3, 2.5, 4, 1, 2, 3.5]), np.array([2, 2.4, 1, -0.5, 1.8, 3.6])
    np.testing.assert_allclose([(adapted - base).mean(), np.median(adapted - base)], [-0.95, -0.6])
    assert score.sign_flips(base, adapted).tolist() == [False, False, False, True, False, False]
    assert score.sign_flips(np.array([-1.0, 2.0]), np.array([-3.0, -0.1])).tolist() == [True], "only what was refused can flip"


def test_probe_of_worked_numbers():
    class_1, class_0 = np.array([[2, 0], [1.5, 0.5], [3, 1], [2.5, 0]]), np.array([[-1, 0], [-2, 1], [-1.5, -0.5], [-0.5, 1]])
    weights = class_1.mean(axis=0) - class_0.mean(axis=0)
    weights[1] = 0.0
    threshold = weights @ (class_1.mean(axis=0) + class_0.mean(axis=0)) / 2
    np.testing.assert_allclose([weights[0], threshold], [3.5, 1.75])
    probe = score.Probe(np.zeros(2), np.ones(2), weights, threshold)
    labels = np.repeat([True, False], 4)

    def accuracy(shift):
        return float((probe.predict(np.concatenate([class_1 + shift, class_0])) == labels).mean())

    assert (accuracy(0), accuracy([-2, 0])) == (1.0, 0.625)


def test_probe_learns_on_the_base_alone():
    rng = np.random.default_rng(0)
    states = np.concatenate([rng.normal(2, 1, (60, 4)), rng.normal(-2, 1, (60, 4))])
    states = np.column_stack([states, np.full(120, 7.0)])  # a coordinate that never changes
    labels = np.repeat([True, False], 60)
    probe = score.fit_probe(states, labels)
    assert (probe.predict(states) == labels).mean() > 0.98
    assert (probe.predict(states - 8) == labels).mean() <= 0.55, "shifted by a constant, the same probe is lost"
    again = score.fit_probe(states, labels)
    np.testing.assert_array_equal(probe.weights, again.weights)


def test_layer_is_chosen_on_the_base_and_not_near_the_output():
    rng = np.random.default_rng(1)
    harmful, harmless = rng.normal(0, 1, (40, 10, 6)), rng.normal(0, 1, (40, 10, 6))
    harmful[:, 0] = harmless[:, 0] = 3.0  # the same last token everywhere
    harmful[:, 4, 0] += 6
    harmful[:, 9, 0] += 60  # best of all, but a word rather than a wish
    layer, separations = score.best_layer(harmful, harmless)
    assert layer == 4
    assert np.isnan(separations[0])
    assert separations[9] > separations[4] > 3
    with pytest.raises(Undefined, match="no layer"):
        score.best_layer(np.ones((4, 3, 2)), np.ones((4, 3, 2)))


def test_undefined_with_a_reason():
    same = np.ones(3)
    with pytest.raises(Undefined, match="do not separate"):
        score.retention(same, same, same, same)
    with pytest.raises(Undefined, match="no direction"):
        score.unit(np.zeros(3))
    with pytest.raises(Undefined, match="no scale"):
        score.separation(same, same)
    with pytest.raises(Undefined, match="length zero"):
        score.drift(np.zeros((2, 3)), np.ones((2, 3)))


def test_drift():
    change, angle = score.drift(np.array([[3.0, 4.0], [1, 0]]), np.array([[3.0, 4.0], [0, 1]]))
    np.testing.assert_allclose(change, [0, 2**0.5])
    np.testing.assert_allclose(angle, [1, 0])


@given(st.integers(2, 200), st.floats(0, 1), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_parts_are_disjoint_and_complete(n, share, seed):
    first, second = score.split(n, share, np.random.default_rng(seed))
    assert len(first) >= 1 <= len(second)
    assert sorted([*first, *second]) == list(range(n))


@given(arrays(float, (6, 3), elements=st.floats(-3, 3)), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_order_of_prompts_changes_nothing(states, seed):
    order = np.random.default_rng(seed).permutation(6)
    first = score.refusal_direction(states, np.zeros((2, 3)))
    np.testing.assert_allclose(score.refusal_direction(states[order], np.zeros((2, 3))), first, atol=1e-12)
