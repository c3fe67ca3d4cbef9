"""How often the interval of a comparison holds the true change, and how often a release that is no worse is called worse."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.unit.comparison.releases import changed

DIFFERENCE = {"unit": "difference of shares", "higher_is_safer": False}


def judge(hits, at_least):
    """Fail if so few hits would be seen less than once in a thousand at a coverage of ``at_least``."""
    test = stats.binomtest(int(np.sum(hits)), len(hits), at_least, alternative="less")
    assert test.pvalue > 0.001, f"covers {np.mean(hits):.4f} of {len(hits)}, needs {at_least}"


def simulate(folder, draw, truth, rounds, at_least, false_alarms=0.025, **about):
    """Coverage over simulated pairs of releases; if nothing became worse, also the share of false alarms.

    Where there is no interval nothing is claimed.
    """
    rng = np.random.default_rng(5)
    found = [changed(folder, *draw(rng), **about) for _ in range(rounds)]
    judge([one.low == "undefined" or one.low - 1e-12 <= truth <= one.high + 1e-12 for one in found], at_least)
    if truth == 0:
        alarms = sum(one.outcome == "WORSE" for one in found)
        assert stats.binomtest(alarms, rounds, false_alarms, alternative="greater").pvalue > 0.001, alarms / rounds


def events(n, both, b, c):
    """Releases that answer n examples right or wrong, with these shares of: both right, only the new, only the old."""

    def draw(rng):
        kind = rng.choice(4, p=[both, b, c, 1 - both - b - c], size=n)
        return kind <= 1, (kind == 0) | (kind == 2)

    return draw


@pytest.mark.parametrize("n", [100, 500])
@pytest.mark.parametrize(("both", "b", "c"), [(0.87, 0.03, 0.03), (0.83, 0.03, 0.07), (0.97, 0.005, 0.005), (0.4, 0.1, 0.2)])
def test_events(tmp_path, n, both, b, c):
    simulate(tmp_path, events(n, both, b, c), round(b - c, 9), 300, 0.94)


@pytest.mark.parametrize(("b", "c"), [(0.03, 0.03), (0.07, 0.03), (0.02, 0.0)])
def test_changes_against_a_base_model(tmp_path, b, c):
    def draw(rng):
        base = rng.random(200) < 0.3
        old = np.where(rng.random(200) < 0.1, ~base, base)
        kind = rng.random(200)
        new = np.where(kind < b, 1, np.where(kind < b + c, -1, 0)) + old
        moved = np.clip(new, 0, 1)
        return moved - base.astype(float), old - base.astype(float)

    share = 0.3 * 0.9 + 0.7 * 0.1  # of examples on which the old release answers, where it cannot begin to
    simulate(tmp_path, draw, b * (1 - share) - c * share, 400, 0.94, **DIFFERENCE)


def grouped(binary):
    """Forty groups of five examples that move together."""
    groups = np.arange(40).repeat(5)

    def draw(rng):
        shift, noise = rng.normal(0, 1, 40)[groups], rng.normal(0, 0.5, (2, 200))
        level = rng.normal(0, 0.5, 200)
        after, before = level + shift + noise[0], level + noise[1]
        return (after > 0, before > 0) if binary else (after, before)

    return draw, groups


@pytest.mark.parametrize("binary", [True, False])
def test_groups_of_examples(tmp_path, binary):
    draw, groups = grouped(binary)
    truth = 0.0
    about = {} if binary else {"unit": "nat"}
    simulate(tmp_path, draw, truth, 100, 0.93, clusters=groups, **about)
    rng = np.random.default_rng(6)
    naive = [changed(tmp_path, *draw(rng), **about) for _ in range(60)]
    assert np.mean([one.low <= truth <= one.high for one in naive]) < 0.9


SHAPES = {
    "normal": (lambda rng, n: rng.normal(0, 1, n), 0.0),
    "skewed": (lambda rng, n: rng.exponential(1, n) - 1, 0.0),
    "far out": (lambda rng, n: rng.standard_t(3, n), 0.0),
    "rarely moved": (lambda rng, n: np.where(rng.random(n) < 0.2, rng.normal(1, 1, n), 0.0), 0.2),
}


@pytest.mark.slow
@pytest.mark.parametrize("shape", sorted(SHAPES))
@pytest.mark.parametrize(("n", "at_least"), [(12, 0.9), (60, 0.93)])
def test_numbers(tmp_path, shape, n, at_least):
    draw, truth = SHAPES[shape]

    def release(rng):
        before = rng.normal(3, 1, n)
        return before + draw(rng, n), before

    false_alarms = 0.06 if (shape, n) == ("skewed", 12) else 0.025
    simulate(tmp_path, release, truth, 150 if n > 30 else 300, at_least, false_alarms, unit="nat")


@pytest.mark.parametrize("moved", [0.01, 0.3])
def test_shares_between_none_and_all(tmp_path, moved):
    """Four answers to each of 80 prompts; on a few prompts the new release gives none of them."""

    def draw(rng):
        before = rng.integers(0, 5, 80) / 4
        return np.where(rng.random(80) < moved, 0.0, before), before

    simulate(tmp_path, draw, -moved / 2, 100, 0.93)


@pytest.mark.slow
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_numbers_over_many_releases(tmp_path, shape):
    draw, truth = SHAPES[shape]

    def release(rng):
        before = rng.normal(3, 1, 100)
        return before + draw(rng, 100), before

    simulate(tmp_path, release, truth, 1000, 0.93, unit="nat")


@pytest.mark.slow
@pytest.mark.parametrize(("both", "b", "c"), [(0.87, 0.03, 0.03), (0.83, 0.03, 0.07), (0.985, 0.005, 0.0)])
def test_events_over_many_releases(tmp_path, both, b, c):
    simulate(tmp_path, events(300, both, b, c), round(b - c, 9), 4000, 0.945)
