"""Thresholds and p-values that hold whatever the law of the scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trustml.statistics import conformal_p, conformal_threshold
from pytest_trustml.statistics.conformal import fewest

H = [0.31, -0.42, 1.05, 0.77, 0.12, -1.3, 0.58, 0.91, 0.05, -0.2, 1.4, 0.66, 0.23, -0.7, 0.48, 0.84, -0.1, 0.37, 1.12]
SCORES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)


def test_the_worked_example():
    assert conformal_threshold(H, 0.1) == 1.12
    assert conformal_p(H, [1.2, 99])[0] == pytest.approx(0.10) and conformal_p(H, [99])[0] == pytest.approx(0.05)


def test_too_few_promise_nothing():
    assert conformal_threshold(range(19), 0.05) == 18
    with pytest.raises(ValueError, match="at least 19 calibration scores, found 18"):
        conformal_threshold(range(18), 0.05)
    with pytest.raises(ValueError, match="between 0 and 1"):
        fewest(0)
    assert fewest(0.5) == 1 and fewest(0.99) == 1


@given(SCORES, st.floats(0.01, 0.99))
def test_flagged_is_what_has_a_small_p_value(scores, rate):
    if len(scores) < fewest(rate):
        return
    cut = conformal_threshold(scores, rate)
    new = np.array([*scores, cut, np.nextafter(cut, np.inf), cut - 1, cut + 1])
    assert ((new > cut) <= (conformal_p(scores, new) <= rate + 1e-9)).all()


@given(SCORES)
def test_p_values_fall_with_the_score(scores):
    found = conformal_p(scores, sorted(scores))
    assert (np.diff(found) <= 0).all() and found.min() >= 1 / (len(scores) + 1) - 1e-12 and found.max() <= 1


def test_the_promise_is_kept_on_average():
    rng, flagged, small = np.random.default_rng(0), [], []
    for _ in range(2000):
        known, new = rng.exponential(size=29), rng.exponential(size=20)
        flagged.append((new > conformal_threshold(known, 0.1)).mean())
        small.append((conformal_p(known, new) <= 0.2).mean())
    assert np.mean(flagged) == pytest.approx(0.1, abs=0.006) and np.mean(small) == pytest.approx(0.2, abs=0.01)
