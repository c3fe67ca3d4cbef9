"""The tracker on arrays: the worked numbers of the method, and what must hold for any embeddings."""

from __future__ import annotations

import math

import numpy as np
import pytest

from builtin_checks.face_tracking.diversity import mean_cosine
from builtin_checks.face_tracking.score import (
    BadEmbedding,
    nearest_of_others,
    nearest_other,
    open_set_threshold,
    recognised,
    strongest,
    track,
    unit_rows,
)
from tests.families.face_tracking.angles import at, simulated


def run(queries, anchors, impostors, rank=1, strangers=None, **how):
    bars = None if strangers is None else strongest(strangers, impostors, rank)
    return track(queries, anchors, strongest(queries, impostors, rank), strangers=strangers, stranger_impostor=bars, **how)


def rates(found):
    return float(found.static.mean()), float(found.dynamic.mean())


QUERIES = at(40, 60, 74, 84)


def test_similarities_of_the_first_worked_example():
    expected = [0.766044, 0.5, 0.275637, 0.104528]
    assert strongest(QUERIES, at(0)) == pytest.approx(expected, abs=1e-6)
    assert strongest(QUERIES, at(90)) == pytest.approx([0.642788, 0.866025, 0.961262, 0.994522], abs=1e-6)


def test_one_picture_gives_away_the_next():
    found = run(QUERIES, at(0), at(90))
    assert found.rounds.tolist() == [1, 2, 3, 0]
    assert rates(found) == (0.25, 0.75) and found.last_round == 3


@pytest.mark.parametrize(("tau", "expected"), [(0.95, (0.0, 0.0)), (0.76, (0.25, 0.75))])
def test_an_open_set_asks_for_a_least_cosine(tau, expected):
    assert float((at(40) @ at(60).T)[0, 0]) == pytest.approx(0.939693, abs=1e-6)
    assert float((at(60) @ at(74).T)[0, 0]) == pytest.approx(0.970296, abs=1e-6)
    assert rates(run(QUERIES, at(0), at(90), tau=tau)) == expected


def test_a_stranger_carries_a_realistic_tracker_on():
    queries = at(40, 60, 70, 84)
    oracle = run(queries, at(0), at(90))
    assert [int((oracle.rounds > 0)[oracle.rounds <= turn].sum()) for turn in (1, 2, 3)] == [1, 2, 3]
    assert rates(oracle) == (0.25, 0.75)
    found = run(queries, at(0), at(90), strangers=at(79))
    assert found.rounds.tolist() == [1, 2, 3, 5] and found.strangers.tolist() == [4]
    assert found.dynamic.sum() / (found.dynamic.sum() + (found.strangers > 0).sum()) == 0.8
    assert (found.strangers > 0).mean() == 1.0


def test_a_stranger_spoils_the_gallery_of_a_realistic_tracker():
    found = run(QUERIES, at(0), at(90), strangers=at(50, 88))
    assert found.dynamic.mean() == 0.75 and (found.strangers > 0).tolist() == [True, False]
    assert found.dynamic.sum() / (found.dynamic.sum() + 1) == 0.75


TABLE = {
    0: ((0.3833, 1.0, 0.7954), (0.4333, 0.6, 0.0993)),
    1: ((0.6167, 1.0, 0.8164), (0.45, 0.6167, 0.1002)),
    2: ((0.4833, 1.0, 0.7989), (0.4667, 0.5833, 0.1024)),
}


@pytest.mark.parametrize("seed", TABLE)
def test_without_diversity_the_dynamic_tracker_takes_all(seed):
    sets = simulated(seed)
    assert rates(run(sets["clean"], sets["anchor"], sets["impostors"])) == (1, 1)
    for kind, expected in zip(("alike", "diverse"), TABLE[seed], strict=True):
        found = run(sets[kind], sets["anchor"], sets["impostors"])
        assert (*rates(found), mean_cosine(sets[kind])) == pytest.approx(expected, abs=5e-5), kind
    static, dynamic = rates(found)
    assert dynamic - static <= 0.25
    assert run(sets["alike"], sets["anchor"], sets["impostors"]).dynamic.mean() >= 0.95


def test_a_lenient_and_a_cautious_tracker():
    impostors = at(90, 100, 110)
    assert run(at(60), at(0), impostors, rank=1).dynamic.tolist() == [False]
    # Of the three nearest neighbours of 60 degrees, 90, 100 and 0, the last one is the person.
    assert (run(at(60), at(0), at(90, 100), rank=3).dynamic).tolist() == [True], "there are but two impostors"
    assert run(at(52), at(0), impostors, rank=3).dynamic.tolist() == [True]
    assert run(at(52), at(0), impostors, rank=1).dynamic.tolist() == [False]
    gap = float(np.cos(np.radians(40)) - np.cos(np.radians(50)))
    assert run(at(40), at(0), at(90), margin=gap).dynamic.tolist() == [True]
    assert run(at(40), at(0), at(90), margin=gap + 1e-6).dynamic.tolist() == [False]


def test_ties_are_not_recognised_whatever_rounding_says():
    bar = np.array([0.1 + 0.2])
    assert recognised(np.array([0.3]), bar).tolist() == recognised(np.array([0.3 + 1e-12]), bar).tolist() == [False]
    assert recognised(np.array([0.3 + 1e-8]), bar).tolist() == [True]


def test_pictures_that_equal_the_anchor_are_recognised_unless_an_impostor_equals_it_too():
    assert run(at(30, 30, 30), at(30), at(90)).rounds.tolist() == [1, 1, 1]
    assert run(at(30, 30, 30), at(30), at(30, 90)).rounds.tolist() == [0, 0, 0]


def test_pictures_at_right_angles_give_nothing_away():
    impostor = np.full(4, 0.1)
    assert track(np.eye(6)[:4], np.eye(6)[4:5], impostor).rounds.tolist() == [0, 0, 0, 0]


def test_broken_input_is_refused():
    with pytest.raises(ValueError, match="no pictures"):
        track(np.empty((0, 2)), at(0), np.empty(0))
    with pytest.raises(ValueError, match="no anchors"):
        track(at(0), np.empty((0, 2)), np.zeros(1))
    with pytest.raises(BadEmbedding, match="row 2 has length 0"):
        unit_rows(np.array([[1.0, 0], [0, 0]]))
    with pytest.raises(BadEmbedding, match="row 1 has a number that is not finite"):
        unit_rows(np.array([[np.nan, 0], [1, 0]]))
    with pytest.raises(BadEmbedding, match=r"\(3,\)"):
        unit_rows(np.ones(3))
    with pytest.raises(ValueError, match="rank is 0"):
        strongest(at(0), at(1), rank=0)


def test_the_threshold_lets_through_so_many_and_no_more():
    rng = np.random.default_rng(4)
    queries, impostors = unit_rows(rng.normal(size=(40, 6))), unit_rows(rng.normal(size=(50, 6)))
    pairs = (queries @ impostors.T).ravel()
    for far in (0.001, 0.01, 0.25):
        tau, count = open_set_threshold(queries, impostors, far)
        assert count == 2000
        passing = int((pairs >= tau - 1e-9).sum())
        assert passing == math.floor(far * 2000), far
    with pytest.raises(ValueError, match="2000 pairs.*10000 or more"):
        open_set_threshold(queries, impostors, 0.0001)
    with pytest.raises(ValueError, match="far is 1"):
        open_set_threshold(queries, impostors, 1)


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(1)
    queries, impostors = unit_rows(rng.normal(size=(61, 5))), unit_rows(rng.normal(size=(47, 5)))
    whole = [strongest(queries, impostors, rank) for rank in (1, 3)], nearest_other(queries)
    owners = np.arange(61) % 4
    apart = nearest_of_others(queries, owners)
    pairs = np.where(owners[:, None] == owners, -np.inf, queries @ queries.T)
    assert apart == pytest.approx(pairs.max(axis=1), abs=1e-12)
    threshold = open_set_threshold(queries, impostors, 0.01)
    monkeypatch.setattr("builtin_checks.face_tracking.score._BLOCK_BYTES", 8 * 61 * 7)
    for rank, expected in zip((1, 3), whole[0], strict=True):
        assert strongest(queries, impostors, rank) == pytest.approx(expected, abs=1e-12)
    assert nearest_other(queries) == pytest.approx(whole[1], abs=1e-12)
    assert nearest_of_others(queries, owners) == pytest.approx(apart, abs=1e-12)
    assert open_set_threshold(queries, impostors, 0.01) == pytest.approx(threshold, abs=1e-12)
