"""What the published scripts compute on the same numbers: where they are right it comes out, where not the difference is told.

Numbers committed from sprintml/LocalizingMemorizationInSSL at 7986c7cabcc8cfa3d33a93991fe6b13984776173: the last lines of its
scripts were run on the arrays that are drawn here, without its networks and data.
"""

from __future__ import annotations

import numpy as np
import pytest

from builtin_checks.encoder_memorization.score import class_means, class_mem, distance, layer_mem, ssl_mem, unit_mem

# UnitMem_mu_max.py: selectivity and maxposition of `activations`.
UNIT_MEM = [0.779520815, 0.399872459, 0.510925016, 0.414104323, 0.426485465]
STRONGEST = [0, 3, 4, 6, 4]
# ClassMem.py: selectivity of the first view of `activations`.
CLASS_MEM = [0.534749268, 0.207608802, 0.320902415, 0.510164375, 0.378575752]
# layer_mem.py, which is MAE/memorization_scores.py byte for byte: mean distances under its model without and with the
# candidates, the numbers that it saves, and their mean, which it prints.
WITHOUT = [0.473040327, 0.466748871, 0.476391534, 0.401743699]
WITH = [0.388416609, 0.551982687, 0.509513745, 0.445798737]
SAVED = [0.498204091, -0.501795909, -0.194999947, -0.25936464]
PRINTED = -0.11448910161679579


def activations():
    """Seven points, three views, five units: (points, views, units), none negative."""
    return np.maximum(np.random.default_rng(30).normal(0.3, 1, (7, 3, 5)), 0)


def representations():
    """Two models, the clean and the changed picture, four points, five pairs, six numbers."""
    drawn = np.random.default_rng(31).normal(size=(2, 2, 4, 5, 6))
    drawn[:, 1] = drawn[:, 0] + 0.5 * drawn[:, 1]
    return drawn


def test_unit_mem_with_the_median_is_that_of_the_script():
    mu = activations().mean(axis=1)
    assert unit_mem(mu, center="median") == pytest.approx(UNIT_MEM, abs=1e-8)
    assert mu.argmax(axis=0).tolist() == STRONGEST
    assert np.abs(unit_mem(mu) - UNIT_MEM).max() > 0.05, "the equation of the paper has the mean, not the median"


def test_class_mem_of_the_script_is_no_class_mem():
    """It appends the mean over all pictures SO FAR, whatever their class; this is what it gives, and not ClassMem."""
    first = activations()[:, 0]
    so_far = np.cumsum(first, axis=0) / np.arange(1, 8)[:, None]
    assert unit_mem(so_far, center="median") == pytest.approx(CLASS_MEM, abs=1e-8)
    labels = [0, 0, 1, 1, 2, 2, 2]
    assert np.abs(class_mem(class_means(first, labels)) - CLASS_MEM).max() > 0.1
    order = [6, 2, 4, 0, 1, 5, 3]
    moved = np.cumsum(first[order], axis=0) / np.arange(1, 8)[:, None]
    assert np.abs(unit_mem(moved, center="median") - CLASS_MEM).max() > 0.1, "its value depends on the order of the pictures"
    shuffled = class_mem(class_means(first[order], [labels[row] for row in order]))
    assert shuffled == pytest.approx(class_mem(class_means(first, labels)), abs=1e-12)


def test_distances_are_those_of_the_script_and_its_score_is_no_layer_mem():
    """Its distances are right. It then divides by the range over all points, which ties every score to the two extreme ones."""
    drawn = representations()
    without, with_them = (distance(drawn[model, 0], drawn[model, 1]).mean(axis=1) for model in (0, 1))
    assert without == pytest.approx(WITHOUT, abs=1e-8)
    assert with_them == pytest.approx(WITH, abs=1e-8)
    raw = ssl_mem(with_them, without)
    assert raw / np.ptp(raw) == pytest.approx(SAVED, abs=1e-7)
    assert (raw / np.ptp(raw)).mean() == pytest.approx(PRINTED, abs=1e-7)
    ours = layer_mem(with_them[:, None], without[:, None])[0]
    assert ours == pytest.approx(np.mean((without - with_them) / (without + with_them)), abs=1e-12)
    assert abs(ours - PRINTED) > 0.08
    # The saved values of the others change when one point is left out; the ratio of equation 2 is each point's own.
    assert np.abs(raw[1:] / np.ptp(raw[1:]) - np.array(SAVED)[1:]).max() > 0.5


def test_the_toy_of_two_points():
    raw = np.array([0.582688, 0.736961])
    assert raw / np.ptp(raw) == pytest.approx([3.776989, 4.776989], abs=1e-4)
