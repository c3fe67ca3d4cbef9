"""The formulas, against the worked values and properties of the method."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from builtin_checks.encoder_memorization.score import (
    class_means,
    class_mem,
    distance,
    layer_deltas,
    layer_mem,
    signed,
    ssl_mem,
    ssl_mem_ratio,
    unit_mem,
)

F = np.array([[[1.0, 2, 2], [2, 4, 5]], [[0, 3, 4], [0, 4, 3]]])
G = np.array([[[1.0, 2, 2], [6, -2, 3]], [[3, 0, 4], [0, 8, 6]]])
"""Two points, two views, three numbers each, under the model and the reference."""

V1 = {
    ("l2", False): ([3.741657, 1.414214], [6.480741, 8.774964], [0.267949, 0.722409], 0.495179),
    ("l2", True): ([0.111284, 0.282843], [1.112697, 1.019804], [0.818161, 0.565741], 0.691951),
    ("l1", False): ([6, 2], [10, 13], [0.25, 0.733333], 0.491667),
    ("cosine", False): ([0.006192, 0.04], [0.619048, 0.52], [0.980193, 0.857143], 0.918668),
    ("angular", False): ([0.035441, 0.090334], [0.375596, 0.340637], [0.827554, 0.580786], 0.704170),
}


def aligned(views, kind, normalize):
    return distance(views[:, 0], views[:, 1], kind, normalize=normalize)


@pytest.mark.parametrize(("kind", "normalize"), V1)
def test_distances_and_scores_of_two_points(kind, normalize):
    f, g, ratio, mean = V1[kind, normalize]
    found_f, found_g = aligned(F, kind, normalize), aligned(G, kind, normalize)
    assert np.allclose(found_f, f, atol=6e-7) and np.allclose(found_g, g, atol=6e-7)
    assert np.allclose(ssl_mem(found_f, found_g), np.subtract(g, f), atol=1.5e-6)
    assert np.allclose(ssl_mem_ratio(found_f, found_g), ratio, atol=6e-7)
    assert layer_mem(found_f[:, None], found_g[:, None]) == pytest.approx([mean], abs=6e-7)


@pytest.mark.parametrize(("normalize", "wrong"), [(False, 0.494809), (True, 0.688021)])
def test_the_ratio_of_sums_is_another_number(normalize, wrong):
    f, g = aligned(F, "l2", normalize), aligned(G, "l2", normalize)
    assert (g.sum() - f.sum()) / (g.sum() + f.sum()) == pytest.approx(wrong, abs=1e-6)
    assert abs(layer_mem(f[:, None], g[:, None])[0] - wrong) > 3e-4


def test_deltas_of_the_published_series():
    series = [0.091, 0.123, 0.154, 0.183, 0.212, 0.246, 0.276, 0.308]
    assert layer_deltas(series).round(3).tolist() == [0.032, 0.031, 0.029, 0.029, 0.034, 0.030, 0.032]


VIEWS = np.array(
    [[[1, 0, 2, 0], [3, 0, 2, 0]], [[0, 0, 2, 0], [0, 0, 2, 0]], [[1, 4, 2, 0], [1, 2, 2, 0]], [[0, 0, 2, 0], [0.2, 0, 2, 0]]]
)
MU = VIEWS.mean(axis=1)


def test_unit_mem_of_four_points():
    assert unit_mem(MU).round(6).tolist() == [0.690141, 1, 0, 0]
    assert unit_mem(MU, center="median").round(6).tolist() == [0.904762, 1, 0, 0]
    more = np.vstack([MU, [0.7, 1, 2, 0]])
    assert unit_mem(more).round(6).tolist() == [0.632653, 0.846154, 0, 0]
    assert unit_mem(more, center="median").round(6).tolist() == [0.666667, 1, 0, 0]


@pytest.mark.parametrize(("ratio", "score"), [(2, 0.333333), (3, 0.5), (5, 0.666667), (10, 0.818182)])
def test_unit_mem_of_one_point_that_outshines_the_others(ratio, score):
    assert unit_mem([[ratio], [1], [1], [1]]) == pytest.approx([score], abs=6e-7)


def test_class_mem_of_four_points():
    means = class_means(VIEWS[:, 0], [0, 0, 1, 1])
    assert means.tolist() == [[0.5, 0, 2, 0], [0.5, 2, 2, 0]]
    assert class_mem(means).tolist() == [0, 1, 0, 0]


def test_negative_activations_have_no_unit_mem_of_their_own():
    rows = np.array([[0.5, 0.1], [-0.2, -0.2], [-0.2, -0.2], [-0.2, -0.2]])
    plain = (rows.max(0) - rows[1:].mean(0)) / (rows.max(0) + rows[1:].mean(0))
    assert plain.round(6).tolist() == [2.333333, -3.0], "what the formula gives if signs are left as they are"
    assert unit_mem(rows).tolist() == [1, 1]
    assert unit_mem(rows, sign="abs")[0] == pytest.approx((0.5 - 0.2) / 0.7)
    with pytest.raises(ValueError, match=r"-0.2.*relu or abs"):
        unit_mem(rows, sign="error")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: unit_mem([[1.0, 2.0]]), r"shape \(1, 2\)"),
        (lambda: unit_mem([[1.0], [np.nan]]), "nan"),
        (lambda: unit_mem([[1.0], [2.0]], center="mode"), "'mode'"),
        (lambda: signed([1.0], "both"), "'both'"),
        (lambda: distance([1.0], [2.0], "l3"), "'l3'"),
        (lambda: ssl_mem([-1.0], [0.0]), "-1.0"),
        (lambda: ssl_mem_ratio([1.0], [np.inf]), "inf"),
        (lambda: class_mem([[1.0]]), "1 class"),
        (lambda: class_means([[1.0]], ["a", "b"]), "2 labels for 1"),
    ],
)
def test_what_cannot_be_scored_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def floats(*shape, low=0.0, high=100.0):
    return hnp.arrays(np.float64, shape, elements=st.floats(low, high).map(lambda x: round(x, 3)))


PAIRS = st.tuples(floats(5, 3), floats(5, 3))


@given(PAIRS)
def test_layer_mem_is_signed_bounded_and_antisymmetric(pair):
    f, g = pair
    found = layer_mem(f, g)
    assert (np.abs(found) <= 1).all()
    assert np.allclose(layer_mem(g, f), -found)
    assert (layer_mem(f, f) == 0).all()
    assert np.allclose(layer_mem(7 * f, 7 * g), found)
    assert np.allclose(layer_mem(f[::-1], g[::-1]), found)
    parts = (2 * layer_mem(f[:2], g[:2]) + 3 * layer_mem(f[2:], g[2:])) / 5
    assert np.allclose(parts, found), "the mean over two sets is weighted by their sizes"
    assert layer_deltas(found).sum() + found[0] == pytest.approx(found[-1])


VECTORS = st.tuples(floats(4, 3, low=-9, high=9), floats(4, 3, low=-9, high=9))


@given(VECTORS, st.sampled_from(["l2", "l1", "cosine", "angular"]), st.permutations([0, 1, 2]))
def test_distances_do_not_mind_the_order_of_coordinates_or_of_views(pair, kind, order):
    a, b = pair
    found = distance(a, b, kind)
    assert (found >= 0).all()
    assert np.allclose(distance(a[:, order], b[:, order], kind), found)
    assert np.allclose(distance(b, a, kind), found)
    assert (distance(a, a, kind) == 0).all()


@given(VECTORS, st.sampled_from(["l2", "cosine", "angular"]), st.floats(-3, 3), st.floats(0.01, 100))
def test_distances_of_unit_vectors_do_not_mind_rotation_and_scale(pair, kind, angle, factor):
    a, b = pair
    assume((np.linalg.norm(a, axis=1) > 0).all() and (np.linalg.norm(b, axis=1) > 0).all())
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    assert np.allclose(distance(factor * a @ turn, factor * b @ turn, kind), distance(a, b, kind), atol=1e-6)


def test_a_layer_that_is_constant_in_both_models_scores_zero():
    same = np.ones((6, 4))
    f = g = distance(same, same)
    assert ssl_mem_ratio(f, g).tolist() == [0] * 6


UNITS = st.integers(2, 8).flatmap(lambda n: floats(n, 3))


@given(UNITS, st.randoms(use_true_random=False), st.floats(0.1, 50))
def test_unit_mem_does_not_mind_order_and_scale(mu, random, factor):
    found = unit_mem(mu)
    assert ((found >= 0) & (found <= 1)).all()
    points = random.sample(range(len(mu)), len(mu))
    assert np.allclose(unit_mem(mu[points][:, [2, 0, 1]]), found[[2, 0, 1]])
    assert np.allclose(unit_mem(factor * mu), found)


@given(UNITS)
def test_unit_mem_is_zero_or_one_where_it_should_be(mu):
    found = unit_mem(mu)
    equal = (mu == mu[0]).all(axis=0)
    alone = (mu > 0).sum(axis=0) == 1
    assert ((found < 1e-12) == equal).all()
    assert ((found == 1) == alone).all()


@given(UNITS, st.floats(0.5, 20))
def test_unit_mem_falls_with_a_constant_and_never_with_a_larger_maximum(mu, shift):
    before = unit_mem(mu)
    after = unit_mem(mu + shift)
    assert (after[before > 1e-9] < before[before > 1e-9]).all()
    top = mu.argmax(axis=0)
    raised = mu.copy()
    raised[top, np.arange(3)] += shift
    assert (unit_mem(raised) >= before - 1e-12).all()
    doubled = np.vstack([mu, mu[top[0]]])
    assert unit_mem(doubled)[0] <= before[0] + 1e-12


@given(UNITS)
def test_class_mem_of_classes_of_one_point_is_unit_mem(mu):
    labels = [f"{row:02d}" for row in range(len(mu))]
    assert np.allclose(class_mem(class_means(mu, labels)), unit_mem(mu))
    assert np.allclose(class_mem(class_means(mu, labels[::-1])), unit_mem(mu)), "names of classes mean nothing"


def test_a_planted_unit_is_found():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 4000))
    weights = points / np.square(points).sum(axis=1, keepdims=True)
    mu = np.maximum(points @ weights[[7, 41]].T - 0.5, 0)
    assert (unit_mem(mu) > 0.99).all()
    assert mu.argmax(axis=0).tolist() == [7, 41]


@pytest.mark.parametrize(
    ("n", "exponential", "half_normal"), [(100, 0.680, 0.554), (1000, 0.761, 0.622), (10000, 0.813, 0.668)]
)
def test_a_unit_that_memorised_nothing_is_far_from_zero(n, exponential, half_normal):
    rng = np.random.default_rng(n)
    draws = [rng.exponential(size=(n, 400)), np.abs(rng.normal(size=(n, 400)))]
    found = [unit_mem(draw).mean() for draw in draws]
    assert found == pytest.approx([exponential, half_normal], abs=0.012)
