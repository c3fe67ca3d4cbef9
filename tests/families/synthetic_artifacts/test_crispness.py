"""Crispness of classes in the plane: reference values (V10) and what must not change them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builtin_checks.synthetic_artifacts.crispness import crispness, density_gap, knn_purity, silhouette

POINTS = np.array([[0, 0], [0, 1], [1, 0], [5, 5], [5, 6], [6, 5], [0.5, 0.5], [5.5, 5.5]])
LABELS = [0, 0, 0, 1, 1, 1, 1, 0]


def test_reference_values():
    purity = knn_purity(POINTS, LABELS, 3)
    np.testing.assert_allclose(purity, [2 / 3] * 6 + [0, 0], atol=1e-12)
    assert purity.mean() == pytest.approx(0.5) and silhouette(POINTS, LABELS) == pytest.approx(0.156160, abs=5e-7)


def test_the_silhouette_is_that_of_scikit_learn():
    from sklearn.metrics import silhouette_score

    rng = np.random.default_rng(0)
    for classes in (2, 3, 5):
        points, labels = rng.normal(size=(40, 2)), rng.integers(classes, size=40)
        assert silhouette(points, labels) == pytest.approx(silhouette_score(points, labels), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 2 * math.pi), st.floats(0.01, 100), st.booleans())
def test_turning_mirroring_moving_and_scaling_change_nothing(seed, angle, scale, mirrored):
    rng = np.random.default_rng(seed)
    points, labels = rng.normal(size=(30, 2)), rng.permutation(np.arange(30) % 3)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    other = scale * (points * ([-1, 1] if mirrored else [1, 1])) @ turn.T + rng.normal(size=2)
    np.testing.assert_allclose(crispness(other, labels), crispness(points, labels), atol=1e-7)
    order = rng.permutation(30)
    np.testing.assert_allclose(crispness(points[order], labels[order]), crispness(points, labels), atol=1e-9)
    purity = knn_purity(points, labels)
    assert ((purity >= 0) & (purity <= 1)).all() and -1 <= silhouette(points, labels) <= 1


def test_pulling_the_classes_apart_raises_all_three():
    rng = np.random.default_rng(1)
    noise, labels = rng.normal(size=(60, 2)), np.arange(60) % 2
    found = np.array([crispness(noise + gap * np.stack([labels, labels], axis=1), labels) for gap in (0, 1, 2, 6)])
    assert (np.diff(found, axis=0) > 0).all() and abs(found[0, 2]) < 0.2 and found[-1, 0] == 1


def test_points_that_say_nothing_are_errors():
    for points, labels, message in [
        (np.zeros((4, 2)), [0, 0, 1, 1], "on one place"),
        (np.eye(2), [1, 1], "same label"),
        (np.array([[0, np.nan], [1, 1]]), [0, 1], "NaN or infinite"),
        (np.zeros((3, 3)), [0, 1, 1], r"shape \(n, 2\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            silhouette(points, labels)
    with pytest.raises(ValueError, match="10 neighbours of 8 points"):
        knn_purity(POINTS, LABELS)
    with pytest.raises(ValueError, match="single point"):
        density_gap(POINTS, [0] * 7 + [1])
