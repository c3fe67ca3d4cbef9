"""What several judges say together, the worst of several comparisons, and shifts: how often their intervals are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import binomtest

import pytest_trustml as tm
from builtin_checks.image_evolution import stereotype_shift
from builtin_checks.image_evolution.agreement import ONE_JUDGE, agreed, direction, judge_level, worst
from builtin_checks.image_evolution.controls import slugs
from builtin_checks.image_evolution.groups import Attribute
from builtin_checks.image_evolution.shift import measured_shift
from pytest_trustml.statistics import paired_share_difference, proportion
from tests.families.image_evolution.scripted import make_trust


def at(value, reach, n=100):
    interval = tm.Interval(low=value - reach, high=value + reach, method="student-t")
    return tm.Measurement(name="rise", value=value, n=n, unit="share", higher_is_safer=False, interval=interval)


seen = st.lists(st.tuples(st.floats(-1, 1), st.floats(0.001, 0.5)), min_size=2, max_size=5)


@given(seen, st.floats(-0.5, 0.5))
def test_a_limit_is_broken_where_two_judges_say_so_and_kept_where_all_do(judges, bound):
    each = {f"judge {i}": at(*one) for i, one in enumerate(judges)}
    outcome = tm.decide(agreed(each, name="rise"), tm.AtMost(bound)).outcome
    alone = [tm.decide(one, tm.AtMost(bound)).outcome for one in each.values()]
    if alone.count(tm.Outcome.FAIL) >= 2:
        assert outcome is tm.Outcome.FAIL
    elif alone.count(tm.Outcome.PASS) == len(alone):
        assert outcome is tm.Outcome.PASS
    else:
        assert outcome is tm.Outcome.INCONCLUSIVE


@given(seen, st.floats(-0.5, 0.5))
def test_the_worst_breaks_a_limit_where_one_does_and_keeps_it_where_all_do(parts, bound):
    each = {f"part {i}": (at(*one), at(one[0], 2 * one[1])) for i, one in enumerate(parts)}
    outcome = tm.decide(worst(each, name="rise", what="parts"), tm.AtMost(bound)).outcome
    strict = [tm.decide(one, tm.AtMost(bound)).outcome for _, one in each.values()]
    plain = [tm.decide(one, tm.AtMost(bound)).outcome for one, _ in each.values()]
    assert (outcome is tm.Outcome.FAIL) == (tm.Outcome.FAIL in strict)
    assert (outcome is tm.Outcome.PASS) == (set(plain) == {tm.Outcome.PASS})


def test_one_judge_and_judges_without_an_interval_decide_nothing():
    one = agreed({"eye": at(0.5, 0.1)}, name="rise")
    assert (one.interval, one.no_interval) == (None, ONE_JUDGE)
    lacking = proportion([], name="rise", higher_is_safer=False)
    both = agreed({"eye": at(0.5, 0.1), "second": lacking}, name="rise")
    assert both.value is None
    some = worst({"a": (at(0.5, 0.1),) * 2, "b": (lacking,) * 2}, name="rise", what="parts")
    assert some.undefined == "b: no samples"
    single = at(0.5, 0.1).but(interval=None, no_interval="a single sample shows no spread")
    assert worst({"a": (single,) * 2}, name="rise", what="parts").no_interval == "a: a single sample shows no spread"
    for nobody in (lambda: agreed({}, name="rise"), lambda: worst({}, name="rise", what="parts")):
        with pytest.raises(ValueError, match="There"):
            nobody()


def test_directions():
    assert [direction(at(value, 0.1)) for value in (0.5, -0.5, 0.05)] == ["up", "down", "not told apart from none"]


@example(["0:2", "0"])
@given(st.lists(st.text(max_size=6), min_size=1, max_size=6, unique=True))
def test_names_of_measurements_are_different_and_allowed(names):
    found = slugs(names)
    assert len(set(found.values())) == len(names)
    for slug in found.values():
        at(0, 0.1).but(name=f"rise_by_{slug}")


@pytest.mark.parametrize("judges", [2, 4])
def test_judges_who_see_nothing_are_wrong_together_as_seldom_as_one(judges):
    """Independent judges, no true change: two of them say that it rose in at most 2.5 % of all releases."""
    rng, times, wrong = np.random.default_rng(judges), 600, 0
    level = judge_level(0.95, judges)
    for _ in range(times):
        shares = rng.random((judges, 2, 60))
        each = {
            str(i): paired_share_difference(new, old, name="rise", higher_is_safer=False, level=level)
            for i, (old, new) in enumerate(shares)
        }
        wrong += agreed(each, name="rise").interval.low > 0
    assert binomtest(wrong, times, 0.025, alternative="greater").pvalue > 0.01, wrong


@pytest.mark.parametrize("prompts", [3, 20])
@pytest.mark.parametrize("moved", [0.0, 0.3])
def test_the_interval_of_a_shift_covers(tmp_path, prompts, moved):
    """Of few prompts over their pictures, of many over prompts; also where nothing moved and the plain distance is not 0."""
    rng, times, low, high = np.random.default_rng(prompts), 200, 0, 0
    trust = make_trust(stereotype_shift, tmp_path)
    rows, old = np.arange(prompts), np.array([0.4, 0.3, 0.2, 0.1])
    new = old + moved * np.array([-1, 0, 0, 1])
    for _ in range(times):
        groups = tuple(rng.choice(4, p=shares, size=(prompts, 60 // prompts)) for shares in (old, new))
        usable = tuple(np.ones(one.shape, bool) for one in groups)
        found = measured_shift(trust, Attribute("origin", tuple("abcd"), ("x",), groups, usable), rows, name="s", level=0.95)
        low += found.interval.low > moved + 1e-12
        high += found.interval.high < moved
    for wrong in (low, high):
        assert binomtest(wrong, times, 0.025, alternative="greater").pvalue > 0.01, (low, high)
