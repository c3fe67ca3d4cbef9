"""Adjusted p-values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from pytest_trustml.statistics import benjamini_hochberg, holm, largest, proportion

P = (0.001, 0.012, 0.03, 0.04, 0.2)
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def test_worked_numbers():
    assert holm(P) == pytest.approx((0.005, 0.048, 0.09, 0.09, 0.2))
    assert benjamini_hochberg(P) == pytest.approx((0.005, 0.03, 0.05, 0.05, 0.2))
    assert holm((0.0004, 0.01, 0.03, 0.2), family=34) == pytest.approx((0.0136, 0.33, 0.96, 1))


@settings(max_examples=25)
@given(p_values)
def test_agrees_with_statsmodels(values):
    assert holm(values) == pytest.approx(multipletests(values, method="holm")[1])
    assert benjamini_hochberg(values) == pytest.approx(multipletests(values, method="fdr_bh")[1])


@given(p_values, st.randoms())
def test_adjusting_keeps_the_order_and_only_raises(values, random):
    order = random.sample(range(len(values)), len(values))
    for adjust in (holm, benjamini_hochberg):
        adjusted = adjust(values)
        assert (adjusted >= np.array(values) - 1e-15).all()
        assert (adjusted <= 1).all()
        assert adjust([values[i] for i in order]) == pytest.approx(adjusted[order])
    assert (benjamini_hochberg(values) <= holm(values) + 1e-15).all()


def test_mistakes_are_named():
    assert len(holm([])) == len(benjamini_hochberg([])) == 0
    with pytest.raises(ValueError, match=r"p_values\[1\] is 1\.2"):
        holm([0.1, 1.2])
    with pytest.raises(ValueError, match="family is 1, but 2"):
        holm([0.1, 0.2], family=1)


def test_the_largest_of_several_reaches_as_far_as_any_of_them():
    about = {"name": "rate", "higher_is_safer": False, "level": 0.975}
    found = {"a": proportion([1] * 30 + [0] * 70, **about), "b": proportion([1, 1, 0, 0], **about)}
    most = largest(found, name="worst")
    assert most.name == "worst" and most.value == 0.5 and most.details["attack"] == "b" and most.interval.level == 0.95
    assert most.interval.low == found["a"].interval.low > found["b"].interval.low
    assert most.interval.high == found["b"].interval.high


def test_what_is_unknown_of_one_is_unknown_of_the_largest():
    about = {"name": "rate", "higher_is_safer": False}
    none = proportion([], **about)
    assert largest({"a": proportion([0] * 50, **about), "b": none}).undefined == none.undefined
    with pytest.raises(ValueError, match="no measurement"):
        largest({})
