"""p-values of limits from recorded intervals: they agree with the verdict, and Holm over them blocks few good releases."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from pytest_trustml.result.measurement import Interval, Measurement
from pytest_trustml.result.verdict import AtLeast, AtMost, Outcome, Within, decide
from pytest_trustml.statistics import holm, limit_p, mean, paired_rate_difference, proportion
from pytest_trustml.statistics.intervals import clopper_pearson_ends

SHARE = {"level": 0.95, "unit": "share"}


@st.composite
def measured(draw):
    """A value inside an interval, with everything that is recorded about it."""
    unit = draw(st.sampled_from(["share", "nat", "difference of shares"]))
    lowest = {"share": 0, "nat": -3000, "difference of shares": -1000}[unit]
    low, value, high = sorted(draw(st.lists(st.integers(lowest, 3000 if unit == "nat" else 1000), min_size=3, max_size=3)))
    return {
        "value": value / 1000, "low": low / 1000, "high": high / 1000, "level": draw(st.sampled_from([0.8, 0.95, 0.99])),
        "n": draw(st.integers(1, 1000)), "clusters": draw(st.none() | st.just("none") | st.integers(1, 50)), "unit": unit,
    }  # fmt: skip


bounds = st.integers(-3500, 3500).map(lambda thousandths: thousandths / 1000)


def verdict(m, limit):
    interval = Interval(low=m["low"], high=m["high"], level=m["level"])
    return decide(
        Measurement(name="m", value=m["value"], n=m["n"], unit=m["unit"], higher_is_safer=False, interval=interval), limit
    ).outcome


@given(measured(), bounds, st.sampled_from([AtMost, AtLeast]))
def test_a_verdict_and_its_p_value_never_disagree(m, bound, kind):
    p, tail = limit_p(limit=kind(bound), **m), (1 - m["level"]) / 2
    assert 0 <= p <= 1
    if verdict(m, kind(bound)) is Outcome.FAIL:
        assert p <= tail + 1e-9
    else:
        assert p >= tail - 1e-9


@given(measured(), bounds, bounds)
def test_a_range_is_two_limits_of_which_either_may_be_broken(m, one, other):
    low, high = sorted((one, other))
    p, tail = limit_p(limit=Within(low, high), **m), (1 - m["level"]) / 2
    sides = limit_p(limit=AtMost(high), **m), limit_p(limit=AtLeast(low), **m)
    assert p == min(1.0, 2 * min(sides))
    if verdict(m, Within(low, high)) is Outcome.FAIL:
        assert p <= 2 * tail + 1e-9
    else:
        assert p >= min(1.0, 2 * tail) - 1e-9


@given(measured(), bounds, bounds)
def test_loosening_a_limit_never_makes_it_more_broken(m, one, other):
    strict, loose = sorted((one, other))
    assert limit_p(limit=AtMost(strict), **m) <= limit_p(limit=AtMost(loose), **m) + 1e-12
    assert limit_p(limit=AtLeast(loose), **m) <= limit_p(limit=AtLeast(strict), **m) + 1e-12


@given(measured(), bounds)
def test_a_value_that_meets_its_limit_is_no_evidence_against_it(m, bound):
    if m["value"] <= bound and m["low"] <= bound:
        assert limit_p(limit=AtMost(bound), **m) >= 0.5 - 1e-12
    if m["value"] >= bound and m["high"] >= bound:
        assert limit_p(limit=AtLeast(bound), **m) >= 0.5 - 1e-12


@given(measured(), bounds)
def test_both_directions_are_mirror_images(m, bound):
    if m["unit"] == "nat":
        other = m | {"value": -m["value"], "low": -m["high"], "high": -m["low"]}
        assert limit_p(limit=AtLeast(-bound), **other) == pytest.approx(limit_p(limit=AtMost(bound), **m), abs=1e-12)
    elif m["unit"] == "share":
        assume(0 <= bound <= 1)
        other = m | {"value": 1 - m["value"], "low": 1 - m["high"], "high": 1 - m["low"]}
        assert limit_p(limit=AtLeast(1 - bound), **other) == pytest.approx(limit_p(limit=AtMost(bound), **m), abs=1e-6)


@pytest.mark.parametrize("n", [1, 7, 60, 1000])
@pytest.mark.parametrize("bound", [0.001, 0.3, 0.97])
def test_shares_at_either_end_take_the_binomial_formula(n, bound):
    none, every = (clopper_pearson_ends(count, n, 0.95) for count in (0, n))
    p = limit_p(1.0, *every, limit=AtMost(bound), n=n, **SHARE)
    assert p == pytest.approx(stats.binomtest(n, n, bound, alternative="greater").pvalue, rel=1e-9)
    p = limit_p(0.0, *none, limit=AtLeast(bound), n=n, **SHARE)
    assert p == pytest.approx(stats.binomtest(0, n, bound, alternative="less").pvalue, rel=1e-9)
    assert limit_p(1.0, *every, limit=AtMost(-0.1), n=n, **SHARE) == 0
    assert limit_p(1.0, *every, limit=AtMost(1.0), n=n, **SHARE) == 1


@pytest.mark.parametrize(("count", "n", "bound"), [(10, 200, 0.02), (30, 200, 0.08), (120, 200, 0.5), (8, 40, 0.05)])
def test_shares_are_judged_a_little_more_carefully_than_the_exact_test_does(count, n, bound):
    exact = stats.binomtest(count, n, bound, alternative="greater").pvalue
    p = limit_p(count / n, *clopper_pearson_ends(count, n, 0.95), limit=AtMost(bound), n=n, **SHARE)
    assert exact < p < 10 * exact


def test_means_get_the_p_value_of_students_test():
    values = np.random.default_rng(0).normal(0.8, 1, 30)
    m = mean(values, name="m", unit="nat", higher_is_safer=False)
    p = limit_p(m.value, m.interval.low, m.interval.high, 0.95, AtMost(0.0), n=30, clusters=None, unit="nat")
    assert p == pytest.approx(stats.ttest_1samp(values, 0, alternative="greater").pvalue)
    grouped = limit_p(m.value, m.interval.low, m.interval.high, 0.95, AtMost(0.0), n=30, clusters=4, unit="nat")
    assert grouped > p


def test_an_interval_without_room_on_one_side_tells_no_distance():
    aside = {"value": 0.5, "low": 0.6, "high": 0.9, "level": 0.95, "n": 40, "unit": "nat"}
    assert limit_p(limit=AtMost(0.55), **aside) == pytest.approx(0.025)
    assert limit_p(limit=AtMost(0.7), **aside) == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"value": math.nan}, "The value is nan"),
        ({"low": 0.7}, "low <= high"),
        ({"level": 1.0}, "level is 1.0"),
        ({"n": 0}, "n is 0"),
        ({"limit": 0.05}, "The limit is 0.05. Use AtMost"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, says):
    given = {"value": 0.1, "low": 0.05, "high": 0.2, "limit": AtMost(0.1), "n": 5, "clusters": None} | SHARE
    with pytest.raises(ValueError, match=says):
        limit_p(**(given | changes))


# A release of twenty checks, each of which exactly meets its limit: the worst release that must not be blocked.


@cache
def rate_p(count: int, limit: float, higher_is_safer: bool) -> float:
    m = proportion([1] * count + [0] * (200 - count), name="rate", higher_is_safer=higher_is_safer)
    bound = AtLeast(limit) if higher_is_safer else AtMost(limit)
    return limit_p(m.value, m.interval.low, m.interval.high, 0.95, bound, n=200, unit=m.unit)


@cache
def difference_p(both: int, b: int, c: int, none: int, limit: float) -> float:
    after, before = [1] * (both + b) + [0] * (c + none), [1] * both + [0] * b + [1] * c + [0] * none
    m = paired_rate_difference(after, before, name="rise", higher_is_safer=False)
    return limit_p(m.value, m.interval.low, m.interval.high, 0.95, AtMost(limit), n=200, unit=m.unit)


def mean_p(values: np.ndarray) -> float:
    m = mean(values, name="m", unit="nat", higher_is_safer=False)
    return limit_p(m.value, m.interval.low, m.interval.high, 0.95, AtMost(0.0), n=30, unit="nat")


PAIRS = [(0.05, 0.04, 0.02, 0.89), (0.3, 0.06, 0.06, 0.58), (0.02, 0.05, 0.05, 0.88), (0.5, 0.1, 0.05, 0.35)]


def releases(rng: np.random.Generator, count: int) -> np.ndarray:
    """p-values, shape (count, 20): nine rates, six paired differences, five means."""
    columns = []
    for rate in (0.02, 0.02, 0.05, 0.05, 0.5, 0.5):
        columns.append([rate_p(int(k), rate, False) for k in rng.binomial(200, rate, count)])
    for rate in (0.98, 0.95, 0.5):
        columns.append([rate_p(int(k), rate, True) for k in rng.binomial(200, rate, count)])
    for cells in (*PAIRS, PAIRS[1], PAIRS[2]):
        drawn = rng.multinomial(200, cells, count)
        columns.append([difference_p(*map(int, row), round(cells[1] - cells[2], 9)) for row in drawn])
    for _ in range(5):
        columns.append([mean_p(values) for values in rng.normal(size=(count, 30))])
    return np.array(columns).T


def blocked(p_values: np.ndarray) -> tuple[int, int]:
    """How many releases are blocked with Holm at 0.05, and how many by any verdict alone."""
    return sum(holm(row).min() <= 0.05 for row in p_values), int((p_values.min(axis=1) <= 0.025).sum())


def judge_family_error(count: int, seed: int) -> None:
    together, alone = blocked(releases(np.random.default_rng(seed), count))
    assert stats.binomtest(int(together), count, 0.05, alternative="greater").pvalue > 0.001, together / count
    assert alone / count > 0.2


def test_twenty_limits_exactly_met_block_a_release_at_most_one_time_in_twenty():
    judge_family_error(1000, 0)


@pytest.mark.slow
def test_twenty_limits_exactly_met_block_a_release_at_most_one_time_in_twenty_over_many_releases():
    judge_family_error(20_000, 1)


@pytest.mark.parametrize("cells", PAIRS)
def test_differences_keep_their_level_far_out(cells):
    """Holm compares the smallest of twenty with 0.0025: there, too, a good release is rarely beyond."""
    drawn = np.random.default_rng(4).multinomial(200, cells, 5000)
    p = np.array([difference_p(*map(int, row), round(cells[1] - cells[2], 9)) for row in drawn])
    for level in (0.025, 0.0025):
        assert stats.binomtest(int((p <= level).sum()), len(p), level, alternative="greater").pvalue > 0.001
