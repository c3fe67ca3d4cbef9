"""Wald's sequential test: the worked numbers, what it answers, and its errors and lengths counted exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trustml.statistics import Sprt

rates = st.floats(0.01, 0.99)


def walked(test: Sprt, rate: float, longest: int = 3000) -> tuple[float, float, float]:
    """Chance of "good", chance of "bad" and average length at a true rate, by going through all walks step by step."""
    alive = {0: 1.0}  # events so far -> probability of being undecided
    good = bad = length = 0.0
    for n in range(1, longest + 1):
        after: dict[int, float] = {}
        for events, p in alive.items():
            for happened, q in ((1, p * rate), (0, p * (1 - rate))):
                ratio = (events + happened) * test.event + (n - events - happened) * test.other
                if ratio >= test.high:
                    bad += q
                    length += q * n
                elif ratio <= test.low:
                    good += q
                    length += q * n
                else:
                    after[events + happened] = after.get(events + happened, 0.0) + q
        alive = {events: p for events, p in after.items() if p > 1e-15}
        if not alive:
            break
    return good, bad, length


def test_worked_numbers():
    test = Sprt(good=0.15, bad=0.30)
    assert (test.low, test.high) == (pytest.approx(-2.944439, abs=1e-6), pytest.approx(2.944439, abs=1e-6))
    assert (test.event, test.other) == (pytest.approx(0.693147, abs=1e-6), pytest.approx(-0.194156, abs=1e-6))
    assert test.of([1] * 4).answer == "undecided"
    assert test.of([1] * 5).answer == "bad"
    assert test.of([0] * 15).answer == "undecided"
    assert test.of([0] * 16).answer == "good"
    assert [round(test.expected_n(rate)) for rate in (0.05, 0.15, 0.30, 0.966)] == [20, 43, 37, 4]
    stricter = Sprt(good=0.10, bad=0.20)
    assert stricter.other == pytest.approx(-0.117783, abs=1e-6)
    assert [stricter.of([0] * n).answer for n in (24, 25)] == ["undecided", "good"]


def test_without_samples_nothing_is_decided():
    assert Sprt(good=0.1, bad=0.2).of([]).answer == "undecided"
    assert Sprt(good=0.1, bad=0.2).steps([]) == []


@pytest.mark.parametrize(("good", "bad"), [(0.15, 0.30), (0.05, 0.2), (0.4, 0.6)])
def test_errors_are_those_that_wald_promises(good, bad):
    test = Sprt(good=good, bad=bad, alpha=0.05, beta=0.1)
    _, alarm, _ = walked(test, good)
    miss, _, _ = walked(test, bad)
    assert alarm <= test.alpha / (1 - test.beta)
    assert miss <= test.beta / (1 - test.alpha)
    assert alarm + miss <= test.alpha + test.beta
    assert alarm > 0.4 * test.alpha and miss > 0.4 * test.beta  # and not wastefully small


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.15, 0.2201, 0.30, 0.6, 0.966])
def test_chances_and_lengths_are_close_to_the_exact_ones(rate):
    test = Sprt(good=0.15, bad=0.30)
    good, bad, length = walked(test, rate)
    assert good + bad == pytest.approx(1, abs=1e-6)
    assert test.chance_of_good(rate) == pytest.approx(good, abs=0.05)
    assert test.expected_n(rate) <= length + 1e-9
    assert length <= test.expected_n(rate) * 1.25 + 2


@given(rates, rates, st.floats(0.001, 0.4), st.floats(0.001, 0.4))
def test_chance_of_good_passes_through_its_errors_and_falls(one, other, alpha, beta):
    if abs(one - other) < 1e-3:
        return
    test = Sprt(good=min(one, other), bad=max(one, other), alpha=alpha, beta=beta)
    assert test.chance_of_good(test.good) == pytest.approx(1 - alpha, abs=1e-6)
    assert test.chance_of_good(test.bad) == pytest.approx(beta, abs=1e-6)
    chances = [test.chance_of_good(rate) for rate in np.linspace(0, 1, 21)]
    assert (np.diff(chances) <= 1e-6).all() and chances[0] == 1 and chances[-1] == 0
    assert all(test.expected_n(rate) > 0 for rate in np.linspace(0, 1, 21))


@given(st.lists(st.booleans(), max_size=200), st.data())
def test_an_answer_once_reached_stays_and_more_events_never_make_it_good(events, data):
    test = Sprt(good=0.2, bad=0.4)
    steps = test.steps(events)
    assert all(step.answer == "undecided" for step in steps[:-1])
    assert [step.n for step in steps] == list(range(1, len(steps) + 1))
    if steps and steps[-1].answer != "undecided":
        assert test.of([*events, *data.draw(st.lists(st.booleans()))]) == test.of(events)
    if test.of(events).answer == "bad":
        assert test.of([True] * len(events)).answer == "bad"


@pytest.mark.parametrize(
    "wrong", [dict(good=0.3, bad=0.3), dict(good=0, bad=0.3), dict(good=0.1, bad=1), dict(good=0.1, bad=0.2, alpha=0),
              dict(good=0.1, bad=0.2, alpha=0.5, beta=0.5)]
)  # fmt: skip
def test_impossible_plans_are_refused(wrong):
    with pytest.raises(ValueError, match="good is|alpha is"):
        Sprt(**wrong)


def test_events_are_events():
    with pytest.raises(ValueError, match=r"events\[0\] is 2"):
        Sprt(good=0.1, bad=0.2).of([2])
    with pytest.raises(ValueError, match="rate is 2"):
        Sprt(good=0.1, bad=0.2).expected_n(2)
