"""Diversity and the terms of the protection loss: the worked numbers, and what must hold for any pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builtin_checks.face_tracking.diversity import mean_cosine, protection_terms, vendi_score
from builtin_checks.face_tracking.score import unit_rows
from tests.families.face_tracking.angles import at


def test_the_worked_numbers():
    queries = at(40, 60, 74, 84)
    assert mean_cosine(queries) == pytest.approx(0.892786, abs=1e-6)
    assert 1 - mean_cosine(queries) == pytest.approx(0.107214, abs=1e-6)
    assert vendi_score(queries) == pytest.approx(1.318797, abs=1e-6)


def test_the_losses_of_the_worked_example():
    terms = protection_terms(np.array([0.6, 0.8]), np.array([1.0, 0]), np.array([0, 1.0]), np.array([[0.8, 0.6], [0, -1.0]]))
    assert terms == pytest.approx((0.4, 0.0, 0.92))
    assert terms.total(queue_weight=-1.2) == pytest.approx(0.704), "the sign of the published code"
    assert terms.total() == pytest.approx(-1.504), "the sign that makes pictures diverse"


def test_without_pictures_there_is_no_diversity():
    with pytest.raises(ValueError, match="1 pictures"):
        mean_cosine(at(3))
    with pytest.raises(ValueError, match="no pictures"):
        vendi_score(np.empty((0, 2)))
    assert vendi_score(at(3)) == 1
    assert protection_terms(at(3)[0], at(4)[0], at(5)[0], np.empty((0, 2))).queue == 0


@given(st.integers(2, 12), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_bounds_and_invariances(count, width, seed):
    rng = np.random.default_rng(seed)
    rows = unit_rows(rng.normal(size=(count, width)))
    pairs = rows @ rows.T
    assert mean_cosine(rows) == pytest.approx((pairs.sum() - count) / (count * (count - 1)), abs=1e-9)
    score = vendi_score(rows)
    assert 1 - 1e-9 <= score <= min(count, width) + 1e-9
    turn = np.linalg.qr(rng.normal(size=(width, width)))[0]
    assert vendi_score(rows[rng.permutation(count)] @ turn) == pytest.approx(score, rel=1e-6)
    assert vendi_score(np.concatenate([rows, rows])) == pytest.approx(score, rel=1e-6), "copies are nothing new"
