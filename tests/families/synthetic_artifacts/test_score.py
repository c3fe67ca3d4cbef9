"""The four scores and both threshold rules: the spec's vectors and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builtin_checks.synthetic_artifacts.score import (
    METRICS,
    balanced_accuracy,
    first_best_threshold,
    log_likelihood_ratio,
    looks_synthetic,
    midpoint_threshold,
    query_scores,
    softmax,
)

V1 = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], [0, 1, 1]
V2 = [[0.7, 0.1, 0.1, 0.1], [0.25] * 4, [0.05, 0.05, 0.85, 0.05], [0.4, 0.3, 0.2, 0.1]], [0, 3, 2, 1]


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, atol=5e-7)


@pytest.mark.parametrize(
    ("case", "means", "entropies", "modified"),
    [
        (V1, (0.7, 0.666667, -0.499499, -0.403293), [0.325083, 0.500402, 0.673012], [0.021072, 0.089257, 1.099549]),
        (V2, (0.525, 0.5, -1.048524, -0.632110), [0.940448, 1.386294, 0.587501, 1.279854],
         [0.138611, 1.255482, 0.032072, 1.102276]),
    ],
)  # fmt: skip
def test_v1_v2(case, means, entropies, modified):
    close([query_scores(*case, metric).mean() for metric in METRICS], means)
    close(-query_scores(*case, "entropy"), entropies)
    close(-query_scores(*case, "modified_entropy"), modified)


def test_v3_extremes():
    close(query_scores([[1.0, 0.0]], [0], "modified_entropy"), [0])
    close(query_scores([[1.0, 0.0]], [0], "entropy"), [0])
    close(query_scores([[1.0, 0.0]], [1], "modified_entropy"), [-138.155106])
    close(query_scores([[1.0, 0.0]], [1], "entropy"), [0])


def test_v4_thresholds():
    real, synthetic = np.array([0.80, 0.82, 0.85, 0.79, 0.84]), np.array([0.90, 0.88, 0.83, 0.95, 0.91])
    threshold = first_best_threshold(real, synthetic, 1)
    assert threshold == 0.88 and balanced_accuracy(real, synthetic, threshold, 1) == pytest.approx(0.9)
    assert (~looks_synthetic([0.81, 0.84, 0.86, 0.78], threshold, 1)).mean() == 1
    assert looks_synthetic([0.89, 0.92, 0.84, 0.93], threshold, 1).mean() == 0.75
    middle = midpoint_threshold(real, synthetic, 1)
    assert middle == pytest.approx(0.865) and balanced_accuracy(real, synthetic, middle, 1) == pytest.approx(0.9)
    real, synthetic = np.array([0.91, 0.90, 0.93, 0.89]), np.array([0.85, 0.90, 0.84, 0.80])
    threshold = first_best_threshold(real, synthetic, -1)
    assert threshold == 0.89 and balanced_accuracy(real, synthetic, threshold, -1) == pytest.approx(0.875)


def test_v5_ties():
    assert first_best_threshold([0.5, 0.7], [0.6, 0.8], 1) == 0.6
    assert first_best_threshold([0.5, 0.7], [0.8, 0.6], 1) == 0.8
    for real in ([0.5, 0.7], [0.7, 0.5]):
        for synthetic in ([0.6, 0.8], [0.8, 0.6]):
            assert midpoint_threshold(real, synthetic, 1) == pytest.approx(0.55)


def test_v6_likelihood_ratio():
    real = [0.80, 0.82, 0.85, 0.79, 0.84, 0.81, 0.83, 0.78, 0.86, 0.80, 0.82, 0.84, 0.79, 0.81, 0.83, 0.85, 0.80, 0.82, 0.77]
    synthetic = [0.90, 0.88, 0.93, 0.95, 0.91, 0.89, 0.92, 0.94, 0.90, 0.87]
    close(log_likelihood_ratio(0.905, real, synthetic), 6.143204)
    close(log_likelihood_ratio(0.84, real, synthetic), -3.108009)
    assert isinstance(log_likelihood_ratio(0.5, [0.5, 0.5], synthetic), str)


def test_v8_temperature():
    for temperature, wanted, entropy in (
        (0.5, [0.979629, 0.017943, 0.002428], 0.106921), (1, [0.843795, 0.114195, 0.042010], 0.524267),
        (2, [0.628532, 0.231224, 0.140244], 0.905959),
    ):  # fmt: skip
        table = softmax(np.array([2.0, 0.0, -1.0]) / temperature)
        close(table, wanted)
        close(-query_scores(table[None], [0], "entropy"), [entropy])


@pytest.mark.parametrize(
    ("table", "gold"),
    [([[0.5, 0.6]], [0]), ([[0.5, np.nan]], [0]), ([[0.5, 0.5]], [2]), ([[1.0]], [0]), ([[0.5, 0.5]], [0, 1])],
)
def test_what_is_no_distribution_is_refused(table, gold):
    with pytest.raises(ValueError, match="posteriors|gold"):
        query_scores(table, gold, "confidence")


@st.composite
def answers(draw):
    seed, queries, classes = draw(st.integers(0, 2**31)), draw(st.integers(1, 12)), draw(st.integers(2, 6))
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(queries, classes)) * draw(st.floats(0.1, 8))
    return logits, rng.integers(classes, size=queries), rng


@given(answers())
def test_order_of_queries_and_of_classes_means_nothing(case):
    logits, gold, rng = case
    table = softmax(logits)
    queries, classes = rng.permutation(len(gold)), rng.permutation(table.shape[1])
    back = np.argsort(classes)
    for metric in METRICS:
        own = query_scores(table, gold, metric)
        np.testing.assert_allclose(query_scores(table[queries], gold[queries], metric), own[queries], atol=1e-12)
        np.testing.assert_allclose(query_scores(table[:, classes], back[gold], metric), own, atol=1e-12)


@given(answers())
def test_bounds(case):
    logits, gold, _ = case
    table = softmax(logits)
    accuracy, confidence = query_scores(table, gold, "accuracy"), query_scores(table, gold, "confidence")
    entropy, modified = -query_scores(table, gold, "entropy"), -query_scores(table, gold, "modified_entropy")
    assert set(accuracy) <= {0.0, 1.0} and (confidence >= 0).all() and (confidence <= 1).all()
    assert (entropy >= -1e-12).all() and (entropy <= np.log(table.shape[1]) + 1e-12).all() and (modified >= 0).all()
    assert confidence.mean() <= table.max(1).mean() + 1e-12


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=9))
def test_binary_identity(own):
    p = np.array(own)
    found = -query_scores(np.stack([p, 1 - p], 1), np.zeros(len(p), int), "modified_entropy")
    np.testing.assert_allclose(found, (1 - p) * -2 * np.log(p), rtol=1e-6, atol=1e-12)


@given(answers(), answers())
def test_sets_add_up_by_their_sizes(one, other):
    first = softmax(one[0])
    second = softmax(np.resize(other[0], (len(other[1]), first.shape[1])))
    gold = other[1] % first.shape[1]
    for metric in METRICS:
        a, b = query_scores(first, one[1], metric), query_scores(second, gold, metric)
        both = query_scores(np.concatenate([first, second]), np.concatenate([one[1], gold]), metric)
        assert both.mean() == pytest.approx((a.sum() + b.sum()) / (len(a) + len(b)))
        assert query_scores(np.tile(first, (2, 1)), np.tile(one[1], 2), metric).mean() == pytest.approx(a.mean())


@given(answers(), st.floats(-50, 50), st.floats(1.01, 20))
def test_shift_and_temperature(case, shift, temperature):
    logits, gold, _ = case
    table = softmax(logits)
    np.testing.assert_allclose(softmax(logits + shift), table, atol=1e-12)
    hot = softmax(logits / temperature)
    assert (query_scores(hot, gold, "entropy") <= query_scores(table, gold, "entropy") + 1e-9).all()
    np.testing.assert_array_equal(hot.argmax(1), table.argmax(1))


@st.composite
def references(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    real = rng.normal(size=draw(st.integers(1, 8)))
    synthetic = rng.normal(size=draw(st.integers(1, 8))) + draw(st.floats(-1, 3))
    return real, synthetic, float(rng.normal() + 0.5), draw(st.sampled_from([1, -1])), rng


@given(references())
def test_the_best_value_is_never_worse_than_guessing(case):
    real, synthetic, _, towards, _ = case
    assert balanced_accuracy(real, synthetic, first_best_threshold(real, synthetic, towards), towards) >= 0.5


@given(references())
def test_ranks_decide_the_authors_rule(case):
    real, synthetic, score, towards, _ = case
    plain = looks_synthetic(score, first_best_threshold(real, synthetic, towards), towards)
    bent = [np.exp(part) + part for part in (real, synthetic, np.array(score))]
    assert looks_synthetic(bent[2], first_best_threshold(bent[0], bent[1], towards), towards) == plain


@given(references())
def test_exchanging_sides_and_direction_turns_the_authors_rule(case):
    real, synthetic, score, towards, _ = case
    one = first_best_threshold(real, synthetic, towards)
    values = np.concatenate([real, synthetic])
    best = [balanced_accuracy(real, synthetic, value, towards) for value in values]
    if sum(value == max(best) for value in best) > 1:
        return  # then the order decides, and it is exchanged as well
    other = first_best_threshold(synthetic, real, -towards)
    assert one == other and looks_synthetic(score, one, towards) != looks_synthetic(score, other, -towards)


@given(references())
def test_the_midpoint_rule_knows_no_side_and_no_order(case):
    real, synthetic, score, towards, rng = case
    threshold = midpoint_threshold(real, synthetic, towards)
    assert midpoint_threshold(rng.permutation(real), rng.permutation(synthetic), towards) == threshold
    turned = midpoint_threshold(-real, -synthetic, -towards)
    gaps = np.diff(np.unique(np.concatenate([real, synthetic])))
    if len(gaps) < 2 or np.diff(np.sort(gaps)).min() > 1e-9:  # of equally wide gaps the lowest counts
        assert turned == pytest.approx(-threshold)
        assert looks_synthetic(-score, turned, -towards) == looks_synthetic(score, threshold, towards)
