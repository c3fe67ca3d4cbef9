"""A measurement carries its uncertainty, and refuses to be taken for a yes or a no."""

from __future__ import annotations

import math

import pytest

from pytest_trustml.result.measurement import Interval, Measurement, number

HALF = Interval(low=0.4, high=0.6)


def measured(**changes):
    fields = {"name": "rate", "value": 0.5, "interval": HALF, "n": 100, "unit": "share", "higher_is_safer": False}
    return Measurement(**(fields | changes))


@pytest.mark.parametrize(
    "compare",
    [
        bool,
        lambda m: not m,
        lambda m: m < 0.6,
        lambda m: m <= 0.6,
        lambda m: m > 0.4,
        lambda m: m >= 0.4,
        lambda m: 0.4 < m,
        lambda m: 0.6 >= m,
        lambda m: m < measured(),
        lambda m: sorted([m, m]),
    ],
)
def test_it_is_neither_true_nor_comparable(compare):
    with pytest.raises(TypeError, match=r"'rate' is neither true nor false.*trustml\.require\(rate, at_most="):
        compare(measured())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": ""}, "lower case"),
        ({"name": "Rate"}, "lower case letters, digits and underscores, found 'Rate'"),
        ({"name": "leak rate"}, "lower case"),
        ({"n": -1}, "never negative, found -1"),
        ({"value": None}, "either a value, or undefined="),
        ({"undefined": "no samples"}, "either a value, or undefined="),
        ({"value": None, "undefined": "no samples"}, "undefined has no interval"),
        ({"value": math.nan}, "the value is nan"),
        ({"value": math.inf}, "the value is inf"),
        ({"interval": None}, "either an interval, or no_interval="),
        ({"no_interval": "one sample"}, "either an interval, or no_interval="),
    ],
)
def test_half_truths_are_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        measured(**changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"low": 0.7}, r"low <= high, found \[0\.7, 0\.6\]"),
        ({"low": math.nan}, "finite ends"),
        ({"high": math.inf}, "finite ends"),
        ({"level": 95}, "between 0 and 1, found 95"),
        ({"method": ""}, "names the method"),
        ({"shrinks": 0}, "shrinks above 0, found 0"),
    ],
)
def test_an_interval_is_checked(changes, says):
    with pytest.raises(ValueError, match=says):
        Interval(**({"low": 0.4, "high": 0.6} | changes))


def test_it_reads_as_a_sentence():
    assert str(measured()) == "rate = 0.5 (95 % interval 0.4 to 0.6, clopper-pearson, n = 100)"
    assert str(measured(clusters=7)).endswith("n = 100 in 7 clusters)")
    nothing = measured(value=None, interval=None, undefined="no samples", n=0)
    assert str(nothing) == "rate is undefined: no samples (n = 0)"
    alone = measured(interval=None, no_interval="a single sample", n=1)
    assert str(alone) == "rate = 0.5 (no interval: a single sample, n = 1)"


def test_it_is_frozen_and_changed_by_copying():
    m = measured()
    with pytest.raises(AttributeError):
        m.value = 0.1
    assert m.but(n=5).n == 5
    assert m == measured()


@pytest.mark.parametrize(("value", "text"), [(0.0123456, "0.01235"), (-0.0, "0"), (1200.0, "1200"), (1, "1"), (1e-9, "1e-09")])
def test_numbers_are_short(value, text):
    assert number(value) == text
