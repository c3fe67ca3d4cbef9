"""Limits and decide(): three-valued, total, monotone."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trustml.errors import UsageError
from pytest_trustml.result.measurement import Interval, Measurement
from pytest_trustml.result.verdict import AtLeast, AtMost, Outcome, Within, check_direction, decide, parse_limit, worst
from pytest_trustml.statistics import n_to_decide, proportion

PASS, FAIL, OPEN, INVALID = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.INVALID
finite = st.floats(allow_nan=False, allow_infinity=False)


def measured(value=0.5, low=0.4, high=0.6, n=100, **changes):
    interval = None if low is None else Interval(low=low, high=high, shrinks=changes.pop("shrinks", 0.5))
    fields = {"name": "rate", "unit": "share", "higher_is_safer": False}
    return Measurement(value=value, interval=interval, n=n, **(fields | changes))


@st.composite
def measurements(draw):
    n = draw(st.integers(0, 10**6))
    invalid = draw(st.sampled_from([None, None, None, "a control failed"]))
    kind = draw(st.sampled_from(["full", "full", "full", "bare", "undefined"]))
    if kind == "undefined":
        return measured(None, None, None, n, undefined="no samples", invalid=invalid)
    if kind == "bare":
        return measured(draw(finite), None, None, n, no_interval="one sample", invalid=invalid)
    low, value, high = sorted(draw(st.tuples(finite, finite, finite)))
    if draw(st.booleans()):  # some intervals leave their value out
        value = draw(finite)
    return measured(value, low, high, n, shrinks=draw(st.floats(0.01, 2)), invalid=invalid)


limits = st.one_of(
    finite.map(AtMost), finite.map(AtLeast), st.tuples(finite, finite).map(sorted).map(lambda ends: Within(*ends))
)


@given(measurements(), limits, st.integers(0, 1000))
def test_every_measurement_gets_one_of_four_outcomes_and_a_reason(m, limit, min_n):
    verdict = decide(m, limit, min_n)
    assert verdict.outcome in (PASS, FAIL, OPEN, INVALID)
    assert verdict.why
    assert verdict.measurement is m
    assert (verdict.outcome is INVALID) == (m.invalid is not None)
    if m.value is None or m.interval is None or m.n < min_n:
        assert verdict.outcome in (OPEN, INVALID)


@given(measurements(), finite, finite)
def test_tightening_a_limit_never_helps(m, one, other):
    tight, loose = sorted((one, other))
    order = {FAIL: 0, OPEN: 1, INVALID: 1, PASS: 2}
    assert order[decide(m, AtMost(tight)).outcome] <= order[decide(m, AtMost(loose)).outcome]
    assert order[decide(m, AtLeast(loose)).outcome] <= order[decide(m, AtLeast(tight)).outcome]


@given(measurements(), st.tuples(finite, finite, finite, finite).map(sorted))
def test_a_narrower_range_never_helps(m, ends):
    inner, outer = decide(m, Within(ends[1], ends[2])).outcome, decide(m, Within(ends[0], ends[3])).outcome
    assert not (inner is PASS and outer is not PASS)
    assert not (outer is FAIL and inner is not FAIL)


@given(measurements(), limits)
def test_a_wider_interval_never_decides_the_other_way(m, limit):
    if m.interval is None:
        return
    wider = m.but(interval=Interval(low=m.interval.low - 1, high=m.interval.high + 1))
    outcome, wider_outcome = decide(m, limit).outcome, decide(wider, limit).outcome
    assert wider_outcome in (outcome, OPEN)


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [
        (AtMost(0.6), PASS),
        (AtMost(0.59), OPEN),
        (AtMost(0.4), OPEN),
        (AtMost(0.39), FAIL),
        (AtLeast(0.4), PASS),
        (AtLeast(0.41), OPEN),
        (AtLeast(0.6), OPEN),
        (AtLeast(0.61), FAIL),
        (Within(0.4, 0.6), PASS),
        (Within(0.3, 0.5), OPEN),
        (Within(0.45, 0.55), OPEN),
        (Within(0.61, 0.7), FAIL),
        (Within(0.1, 0.39), FAIL),
    ],
)
def test_the_unfavourable_end_decides(limit, outcome):
    assert decide(measured(), limit).outcome is outcome


def test_too_few_samples_never_pass():
    assert decide(measured(n=99), AtMost(1.0), min_n=100).why == "n = 99 is fewer than the 100 samples that this check needs"
    assert decide(measured(n=99), AtMost(0.0), min_n=100).outcome is OPEN
    assert decide(measured(n=100), AtMost(1.0), min_n=100).outcome is PASS


def test_a_broken_instrument_outranks_everything():
    verdict = decide(measured(None, None, None, undefined="no samples", invalid="output is garbage"), AtMost(1))
    assert (verdict.outcome, verdict.why) == (INVALID, "output is garbage")


def needed(m, limit):
    return int(re.search(r"about n = (\d+)", decide(m, limit).why).group(1))


def test_no_event_in_two_hundred_names_about_366():
    m = proportion([0] * 200, name="rate", higher_is_safer=False)
    assert needed(m, AtMost(0.01)) == 366
    assert n_to_decide(0.0, 0.01) == 368


@pytest.mark.parametrize(("events", "n", "limit"), [(10, 100, 0.15), (10, 100, 0.05), (40, 400, 0.12), (200, 500, 0.37)])
def test_the_number_of_samples_named_is_roughly_right(events, n, limit):
    m = proportion([True] * events + [False] * (n - events), name="rate", higher_is_safer=False)
    assert needed(m, AtMost(limit)) == pytest.approx(n_to_decide(events / n, limit), rel=0.35)
    assert needed(m, AtMost(limit)) > n


def test_beyond_a_range_only_the_broken_side_counts():
    # Value 0.12 is above the range; its lower end 0.09 has to rise above 0.1: (0.03 / 0.02) ** 2 = 2.25 times the samples.
    assert needed(measured(0.12, 0.09, 0.9, 1000), Within(0, 0.1)) == pytest.approx(2250, abs=1)
    assert needed(measured(-0.12, -0.9, -0.09, 1000), Within(-0.1, 0)) == pytest.approx(2250, abs=1)
    # Inside the range both ends have to come in; the farther one decides.
    assert needed(measured(0.5, 0.2, 0.6, 100), Within(0.4, 0.55)) == pytest.approx(900, abs=1)


def test_a_value_on_its_limit_is_never_decided():
    assert "lies on the limit itself" in decide(measured(0.5), AtMost(0.5)).why
    assert "too close to the limit" in decide(measured(0.5, 0.0, 1.0), AtMost(0.5 + 1e-15)).why


def test_the_worst_outcome_leads():
    assert worst([PASS, FAIL, OPEN]) is FAIL
    assert worst([PASS, OPEN]) is OPEN
    assert worst([FAIL, INVALID]) is INVALID
    assert worst([Outcome.NOT_APPLICABLE, PASS]) is PASS


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("at_most:0.05", AtMost(0.05)),
        ("at_least:0.9", AtLeast(0.9)),
        ("at_least:-1e-3", AtLeast(-0.001)),
        ("within:-0.1:0.1", Within(-0.1, 0.1)),
    ],
)
def test_limits_are_read(text, limit):
    assert parse_limit(text) == limit


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("at_mots:0.05", "Did you mean 'at_most'"),
        ("0.05", "Unknown limit '0.05'"),
        ("", "Unknown limit ''"),
        ("at_most:", "no usable number in ''"),
        ("at_most:five", "no usable number in 'five'"),
        ("at_most:0.1:0.2", "no usable number"),
        ("at_most:nan", "no usable number"),
        ("at_least:inf", "no usable number"),
        ("within:0.1", r"Write it as within:-0\.1:0\.1"),
        ("within:0.2:0.1", "no usable number in '0.2:0.1'"),
    ],
)
def test_limits_that_mean_nothing_are_refused(text, says):
    with pytest.raises(UsageError, match=says):
        parse_limit(text)


@given(limits)
def test_limits_survive_being_written_and_read(limit):
    bounds = (limit.low, limit.high) if isinstance(limit, Within) else (limit.bound,)
    word = {AtMost: "at_most", AtLeast: "at_least", Within: "within"}[type(limit)]
    assert parse_limit(":".join([word, *map(repr, bounds)])) == limit


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_limit_is_a_finite_number(bad):
    for make in (AtMost, AtLeast, lambda bound: Within(bound, 1), lambda bound: Within(0, bound)):
        with pytest.raises(ValueError, match=f"finite number, found {bad}"):
            make(bad)
    with pytest.raises(ValueError, match="low <= high"):
        Within(1, 0)


def test_limits_that_reward_danger_are_refused():
    with pytest.raises(UsageError, match="lower values of it are safer"):
        check_direction(AtLeast(0.1), higher_is_safer=False, name="leak_rate")
    with pytest.raises(UsageError, match=r"higher values of it are safer\. Write at_least:"):
        check_direction(AtMost(0.9), higher_is_safer=True, name="refusal_rate")
    check_direction(AtMost(0.1), higher_is_safer=False, name="leak_rate")
    check_direction(Within(0, 1), higher_is_safer=True, name="refusal_rate")
