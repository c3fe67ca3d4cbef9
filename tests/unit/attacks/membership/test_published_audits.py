"""Bounds of epsilon: what the published tools give for the same counts, and what they leave to the reader."""

from __future__ import annotations

import math

import pytest

import pytest_trustml as tm

# Committed from privacytrustlab/ml_privacy_meter at e384af8fd9319b8eeb1303aa82474df1441e3c59, audit.py, get_eps_audit and
# p_value_DP_audit: (m, r, v, delta, p) -> epsilon. It stops as soon as its bracket is 1e-5 wide.
ONE_RUN = {
    (1000, 100, 75, 1e-4, 0.05): 0.6729812622070312,
    (1000, 1000, 600, 0.0, 0.05): 0.29746246337890625,
    (200, 200, 150, 1e-5, 0.05): 0.82110595703125,
    (500, 100, 80, 1e-3, 0.05): 0.6910781860351562,
    (1000, 200, 100, 1e-5, 0.05): 0.0,
}
P = {0.5: 0.03842420176568179, 1.0: 0.1441997040218878, 1.5: 0.8028308049328405}  # of 80 right guesses out of 100 of 500


@pytest.mark.parametrize("counts", list(ONE_RUN))
def test_the_audit_of_one_run_gives_what_the_tool_gives(counts):
    m, r, v, delta, p = counts
    found = tm.one_run_epsilon(m, r, v, delta=delta, p=p)
    assert found == pytest.approx(ONE_RUN[counts], abs=1.1e-5)
    assert found >= ONE_RUN[counts], "30 bisections come closer from below than a bracket of 1e-5"


def test_its_p_values_come_out():
    assert [tm.one_run_p(500, 100, 80, e, 1e-3) for e in P] == pytest.approx(list(P.values()), rel=1e-9)


def test_the_ratio_of_two_exact_intervals_is_the_bound_without_delta():
    """tensorflow/privacy at 03035d5d4a27, privacy_tests/epsilon_lower_bound.py: log of low end of TPR over high end of FPR.

    It takes the best of all thresholds of the same scores and knows no delta. Ours wants a threshold that was chosen on other
    data and takes delta off.
    """
    low, high = 0.0675534, 0.0055589  # ends at level 0.95 of 84 and of 1 out of 1000, `_bound_clopper_pearson`
    found = tm.epsilon_bound(84, 1000, 1, 1000)
    assert found == pytest.approx(math.log(low / high), abs=2e-4)
    assert tm.epsilon_bound(84, 1000, 1, 1000, delta=1e-3) < found
