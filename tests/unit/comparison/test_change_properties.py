"""What must hold of any two releases: swapping them changes the sign and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_trustml.comparison.change import Measured, paired, unpaired
from pytest_trustml.comparison.examples import ExampleValues
from pytest_trustml.comparison.judgement import judge
from tests.unit.comparison.releases import keys, measured

KINDS = {
    "events": ("share", st.sampled_from([0.0, 1.0])),
    "changes": ("difference of shares", st.sampled_from([-1.0, 0.0, 1.0])),
    "parts": ("share", st.sampled_from([0.0, 0.25, 0.5, 1.0])),
    "numbers": ("nat", st.integers(-50, 50).map(lambda tenths: tenths / 10)),
}
levels = st.sampled_from([0.8, 0.95, 0.99])


@st.composite
def releases(draw):
    """Two releases on the same examples, and their unit."""
    unit, value = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    n = draw(st.integers(1, 45))
    after, before = (np.array(draw(st.lists(value, min_size=n, max_size=n))) for _ in range(2))
    codes = draw(st.none() | st.lists(st.integers(0, 7), min_size=n, max_size=n).map(np.array))
    names = tuple(keys(n))
    return ExampleValues(names, after, codes), ExampleValues(names, before, codes), unit


def both_ways(now, then, unit, level):
    words = ("comparison", "acme.rate", "rate")
    return tuple(paired(*pair, unit=unit, level=level, words=words) for pair in ((now, then), (then, now)))


@settings(max_examples=60)
@given(releases(), levels)
def test_swapping_the_releases_swaps_the_signs(two, level):
    there, back = both_ways(*two, level)
    assert back.change == pytest.approx(-there.change, abs=1e-12)
    assert (back.p_up, back.p_down, back.method, back.n) == (there.p_down, there.p_up, there.method, there.n)
    if there.ends is None:
        assert back.ends is None
        assert back.no_interval == there.no_interval
    else:
        assert back.ends == pytest.approx((-there.ends[1], -there.ends[0]), abs=1e-9)


@settings(max_examples=60)
@given(releases(), levels)
def test_an_interval_holds_its_value_and_agrees_with_the_test(two, level):
    found, _ = both_ways(*two, level)
    assert 0 < min(found.p_up, found.p_down) <= max(found.p_up, found.p_down) <= 1
    if found.ends is None:
        return
    low, high = found.ends
    assert low < high
    assert low <= found.change + 1e-12
    assert high >= found.change - 1e-12
    tail = (1 - level) / 2
    assert low <= 0 or found.p_up <= tail
    assert high >= 0 or found.p_down <= tail
    if "share" in two[2]:
        assert -2 <= low
        assert high <= 2


@settings(max_examples=60)
@given(releases(), levels, st.floats(0, 0.5), st.floats(0, 0.5), st.booleans())
def test_a_wider_margin_never_makes_a_release_worse(two, level, one, other, safer):
    found, _ = both_ways(*two, level)
    order = ("BETTER", "NO_WORSE", "CANNOT_TELL", "WORSE")
    strict, loose = (judge(found, higher_is_safer=safer, margin=margin, level=level)[0] for margin in sorted((one, other)))
    assert order.index(loose) <= order.index(strict)
    if strict == "BETTER":
        assert loose == "BETTER"


@given(releases(), levels)
@settings(max_examples=60)
def test_no_release_is_better_and_worse(two, level):
    found, back = both_ways(*two, level)
    first, second = (judge(one, higher_is_safer=True, margin=0.0, level=level)[0] for one in (found, back))
    assert (first == "BETTER") == (judge(found, higher_is_safer=False, margin=0.0, level=level)[0] == "WORSE")
    if first == "BETTER":
        assert second in ("WORSE", "CANNOT_TELL")
    if first == second == "WORSE":
        pytest.fail("each release is worse than the other")


ends = st.tuples(st.floats(0, 1), st.floats(0, 0.3), st.floats(0, 0.3), st.integers(1, 1000))


@given(ends, ends, levels)
def test_swapping_two_recorded_intervals_swaps_the_signs(one, other, level):
    now, then = (measured(value, low=value - down, high=value + up, n=n, unit="nat") for value, down, up, n in (one, other))
    there, back = unpaired(now, then, level), unpaired(then, now, level)
    assert back.change == -there.change
    assert back.ends == pytest.approx((-there.ends[1], -there.ends[0]), abs=1e-12)
    assert (back.p_up, back.p_down) == pytest.approx((there.p_down, there.p_up), abs=1e-9)
    assert there.ends[0] <= there.change <= there.ends[1]
    tail = (1 - level) / 2
    assert (there.ends[0] > 0) <= (there.p_up <= tail + 1e-9)


def test_what_has_no_interval_cannot_be_told():
    bare = Measured(change=1.0, ends=None, p_up=0.1, p_down=0.9, method="none", n=3, no_interval="all alike")
    assert judge(bare, higher_is_safer=True, margin=9.0, level=0.95) == (
        "CANNOT_TELL",
        "there is no interval to judge by: all alike",
    )
