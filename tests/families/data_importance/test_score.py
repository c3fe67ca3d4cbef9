"""KNN-Shapley against its definition: brute force, the worked vectors, and what must hold for any data."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pytest_trustml as tm
from builtin_checks.data_importance import score
from builtin_checks.data_importance.score import knn_accuracy, knn_shapley, normalised, position_weights, ranked_values


def utility(matches, subset, k, classes):
    """The definition: share of matches among the nearest of a subset; ``classes`` None is the hard one."""
    near = sorted(subset)[:k]
    if not near:
        return 0.0 if classes is None else 1 / classes
    return sum(matches[i] for i in near) / (k if classes is None else len(near))


def brute_force(matches, k, classes=None):
    """Shapley values by all subsets."""
    n = len(matches)
    values = np.zeros(n)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for subset in itertools.combinations(others, size):
                values[i] += weight * (utility(matches, {*subset, i}, k, classes) - utility(matches, subset, k, classes))
    return values


def ranked(matches, k, labels="hard", classes=2):
    weights, of_matches, constant = position_weights(len(matches), k, labels, classes)
    return ranked_values(np.array([matches]), weights)[0] + constant - of_matches * sum(matches)


@pytest.mark.parametrize(
    ("matches", "k", "expected"),
    [
        ((1, 0, 1, 1), 2, (0.25, -0.25, 0.25, 0.25)),
        ((0, 1, 1, 0, 1), 3, (-0.05, 0.283333, 0.283333, -0.05, 0.2)),
        ((1, 1, 0), 5, (0.2, 0.2, 0)),
        ((1, 0, 1, 1), 1, (0.75, -0.25, 0.25, 0.25)),
        ((1, 0, 1), 5, (0.2, 0, 0.2)),  # both public implementations give (0.333333, 0.133333, 0.333333)
    ],
)
def test_hard_vectors(matches, k, expected):
    assert ranked(matches, k) == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize(
    ("matches", "k", "classes", "expected"),
    [
        ((1, 0, 1, 1), 2, 2, (0.166667, -0.5, 0.166667, 0.166667)),
        ((0, 1, 1, 0, 1), 3, 3, (-0.241667, 0.3, 0.3, -0.241667, 0.216667)),
        ((1, 1, 0, 0, 1, 0), 2, 10, (0.483333, 0.483333, -0.116667, -0.116667, 0.233333, -0.066667)),
    ],
)
def test_soft_vectors(matches, k, classes, expected):
    assert ranked(matches, k, "soft", classes) == pytest.approx(expected, abs=5e-7)


def test_four_records_and_two_validation_points():
    x, y = [[0], [1], [2], [4]], [0, 1, 0, 1]
    assert knn_shapley(x, y, [[0.4]], [0], k=2) == pytest.approx([1 / 3, -1 / 6, 1 / 3, 0])
    assert knn_shapley(x, y, [[3.5]], [1], k=2) == pytest.approx([0, 1 / 3, -1 / 6, 1 / 3])
    both = knn_shapley(x, y, [[0.4], [3.5]], [0, 1], k=2)
    assert both == pytest.approx([1 / 6, 1 / 12, 1 / 12, 1 / 6])
    assert both.sum() == pytest.approx(0.5)


BITS = st.lists(st.integers(0, 1), min_size=1, max_size=7)


@given(BITS, st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_hard_values_are_shapley_values(matches, k):
    found = ranked(matches, k)
    assert found == pytest.approx(brute_force(matches, k), abs=1e-12)
    assert found.sum() == pytest.approx(sum(matches[:k]) / k, abs=1e-12)
    assert np.abs(found).max() <= 1 / k + 1e-12


@given(BITS, st.integers(1, 9), st.integers(2, 5))
@settings(max_examples=60, deadline=None)
def test_soft_values_are_shapley_values(matches, k, classes):
    found = ranked(matches, k, "soft", classes)
    assert found == pytest.approx(brute_force(matches, k, classes), abs=1e-12)
    assert found.sum() == pytest.approx(utility(matches, range(len(matches)), k, classes) - 1 / classes, abs=1e-12)


@given(st.data(), st.integers(1, 6), st.sampled_from(["hard", "soft"]))
@settings(max_examples=40, deadline=None)
def test_equally_distant_records_are_averaged_over_all_their_orders(data, k, labels):
    n = data.draw(st.integers(1, 5))
    matches = data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    distances = sorted(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    expected, orders = np.zeros(n), 0
    for order in itertools.permutations(range(n)):
        if [distances[i] for i in order] != distances:
            continue
        orders += 1
        expected[list(order)] += brute_force([matches[i] for i in order], k, None if labels == "hard" else 2)
    weights, of_matches, constant = position_weights(n, k, labels, 2)
    found = ranked_values(np.array([matches]), weights, np.array([distances], dtype=float))[0]
    assert found + constant - of_matches * sum(matches) == pytest.approx(expected / orders, abs=1e-12)


def cloud(seed, n=12, m=5, d=3, classes=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.integers(classes, size=n), rng.normal(size=(m, d)), rng.integers(classes, size=m)


SEEDS = st.integers(0, 10**6)
LABELS = st.sampled_from(["hard", "soft"])


@given(SEEDS, st.integers(1, 15), LABELS)
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_and_classes_does_not_matter(seed, k, labels):
    x, y, points, wanted = cloud(seed)
    x[3], y[3] = x[2], y[2]  # a copy, and a copy with another label
    x[5] = x[4]
    values = knn_shapley(x, y, points, wanted, k=k, labels=labels)
    assert values[3] == pytest.approx(values[2], abs=1e-15)
    order = np.random.default_rng(seed).permutation(len(x))
    assert knn_shapley(x[order], y[order], points, wanted, k=k, labels=labels) == pytest.approx(values[order], abs=1e-12)
    assert knn_shapley(x, y, points[::-1], wanted[::-1], k=k, labels=labels) == pytest.approx(values, abs=1e-12)
    names = np.array(["c", "a", "b"])
    assert knn_shapley(x, names[y], points, names[wanted], k=k, labels=labels) == pytest.approx(values, abs=1e-12)


@given(SEEDS, st.integers(1, 15), LABELS)
@settings(max_examples=40, deadline=None)
def test_values_are_invariant_to_isometries_and_scale_and_additive_over_validation_sets(seed, k, labels):
    x, y, points, wanted = cloud(seed)
    y[0], y[1], y[2] = 0, 1, 2  # all classes are known to every part of the validation set
    values = knn_shapley(x, y, points, wanted, k=k, labels=labels)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    moved = [3.5 * rows @ turn + 2 for rows in (x, points)]
    assert knn_shapley(moved[0], y, moved[1], wanted, k=k, labels=labels) == pytest.approx(values, abs=1e-9)
    parts = [knn_shapley(x, y, points[a:b], wanted[a:b], k=k, labels=labels) for a, b in ((0, 2), (2, 5))]
    assert (2 * parts[0] + 3 * parts[1]) / 5 == pytest.approx(values, abs=1e-12)


@given(SEEDS, st.integers(1, 15))
@settings(max_examples=40, deadline=None)
def test_signs_and_efficiency(seed, k):
    x, y, points, wanted = cloud(seed)
    one = knn_shapley(x, y, points[:1], wanted[:1], k=k)
    match = y == wanted[0]
    assert (one[match] >= -1e-15).all()
    assert (one[~match] <= 1e-15).all()
    nearest = np.argsort(((x - points[0]) ** 2).sum(axis=1))
    assert one.sum() == pytest.approx(match[nearest[:k]].sum() / k, abs=1e-12)
    assert np.abs(one).max() <= 1 / k + 1e-15
    y[nearest[0]] = wanted[0]
    before = knn_shapley(x, y, points[:1], wanted[:1], k=k)[nearest[0]]
    y[nearest[0]] = 7
    assert knn_shapley(x, y, points[:1], wanted[:1], k=k)[nearest[0]] < before


def test_blocks_do_not_change_the_values(monkeypatch):
    x, y, points, wanted = cloud(1, n=40, m=33)
    whole = knn_shapley(x, y, points, wanted, k=6)
    steps = []
    monkeypatch.setattr(score, "BLOCK_BYTES", 8 * 40 * 5)
    assert knn_shapley(x, y, points, wanted, k=6, step=steps.append) == pytest.approx(whole, abs=1e-14)
    assert (max(steps), sum(steps)) == (5, 33)
    assert whole.dtype == np.float64


def test_wrong_labels_are_worth_least():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=200)
    x = rng.normal(size=(200, 4)) + 4 * y[:, None]
    wrong = np.arange(20)
    shown = np.where(np.arange(200) < 20, 1 - y, y)
    wanted = rng.integers(2, size=100)
    points = rng.normal(size=(100, 4)) + 4 * wanted[:, None]
    values = knn_shapley(x, shown, points, wanted)
    assert set(np.argsort(values)[:20]) == set(wrong)
    assert values[wrong].max() < 0


def test_data_that_do_not_fit_are_named():
    with pytest.raises(tm.DataError, match=r"\(2, 1\) with 3 labels"):
        knn_shapley([[0.0], [1.0]], [0, 1, 1], [[0.0]], [0])
    with pytest.raises(tm.DataError, match="NaN"):
        knn_shapley([[0.0], [np.nan]], [0, 1], [[0.0]], [0])
    with pytest.raises(tm.DataError, match="shape"):
        knn_shapley(np.zeros((0, 2)), [], [[0.0, 0.0]], [0])
    with pytest.raises(tm.UsageError, match="neighbours is 0"):
        knn_shapley([[0.0]], [0], [[0.0]], [0], k=0)
    with pytest.raises(tm.UsageError, match="'medium'"):
        knn_shapley([[0.0]], [0], [[0.0]], [0], labels="medium")


def test_neighbours_vote():
    x = [[0.0], [1.0], [2.0], [10.0]]
    assert knn_accuracy(x, ["a", "b", "b", "a"], [[0.1], [9.0]], ["a", "a"], k=1) == 1.0
    assert knn_accuracy(x, ["a", "b", "b", "a"], [[0.1]], ["b"], k=3) == 1.0
    assert knn_accuracy(x, ["a", "b", "c", "d"], [[0.1]], ["a"], k=4) == 1.0  # as many votes for all: the nearest
    assert np.linalg.norm(normalised([[3.0, 4.0]])) == pytest.approx(1)


def test_the_published_recursion_gives_the_same_numbers_where_k_is_at_most_n():
    """AI-secure/Shapley-Study, shapley/measures/KNN_Shapley.py at 23729464abff, run on one validation point at a time.

    At that commit the function itself returns inside its loop over validation points, after the first of them, and divides by
    their number all the same; so its recursion was run for each point by itself.
    """
    t = np.arange(9.0)
    x, y = np.stack([np.sin(1.7 * t), np.cos(2.3 * t)], axis=1), np.arange(9) % 3
    first = [0, 0.3, -0.033333333333, 0, 0.3, -0.033333333333, -0.033333333333, 0.166666666667, 0]
    second = [
        -0.07380952381,
        0,
        0.259523809524,
        -0.07380952381,
        0,
        0.17619047619,
        -0.07380952381,
        -0.02380952381,
        0.142857142857,
    ]
    assert knn_shapley(x, y, [[0.3, -0.2]], [1], k=3) == pytest.approx(first, abs=1e-11)
    assert knn_shapley(x, y, [[-0.6, 0.5]], [2], k=3) == pytest.approx(second, abs=1e-11)


def test_distances_that_differ_by_rounding_alone_count_as_equal():
    """Two records mirrored at the validation point: whatever the last digits of their distances, both are worth the same."""
    x = np.array([[0.1, 0.2], [0.3, -0.4], [5.0, 5.0]])
    point = np.array([0.7, 0.11])
    both = np.concatenate([x, 2 * point - x])
    values = knn_shapley(both, [0, 1, 0, 0, 1, 0], point[None], [0], k=2)
    assert values[:3] == pytest.approx(values[3:], abs=1e-15)
