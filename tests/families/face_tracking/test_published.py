"""The trackers of the published evaluation: everybody at once, and a classifier that is fitted anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builtin_checks.face_tracking.published import averages, track_jointly, track_refitting, track_templates
from builtin_checks.face_tracking.score import strongest, track, unit_rows
from tests.families.face_tracking.angles import at, simulated


def test_alone_it_is_the_tracker_of_one_person():
    queries = at(40, 60, 74, 84)
    bar = strongest(queries, at(90))
    found = track_jointly(queries, np.zeros(4, int), at(0), np.zeros(1, int), bar)
    assert found.tolist() == track(queries, at(0), bar).rounds.tolist() == [1, 2, 3, 0]


def test_other_people_stand_in_the_way():
    # Alone, 40 leads to 60. With somebody else known at 58, nearer to 60 than 40 is, it does not.
    queries, who = at(40, 60), np.zeros(2, int)
    assert track_jointly(queries, who, at(0), np.zeros(1, int), np.full(2, -1.0)).tolist() == [1, 1]
    found = track_jointly(queries, who, at(0, 58), np.array([0, 1]), np.full(2, -1.0))
    assert found.tolist() == [0, 0]


def test_a_picture_that_was_added_can_block_somebody_else():
    # Person 1's picture at 100 is added in round 1 and from then on is nearer to person 0's picture at 80 than 55 is.
    queries, who = at(30, 55, 80, 100), np.array([0, 0, 0, 1])
    far = np.full(4, -1.0)
    alone = track_jointly(queries[:3], who[:3], at(0), np.zeros(1, int), far[:3])
    assert alone.tolist() == [1, 1, 1], "alone there is nobody else"
    together = track_jointly(queries, who, at(0, 130), np.array([0, 1]), far)
    assert together.tolist() == [1, 1, 0, 1]


def naive(queries, who, anchors, anchor_who, impostor):
    """Everybody is compared with the whole gallery in every round; only right predictions are added."""
    rounds, turn = np.zeros(len(queries), int), 0
    gallery, labels = list(anchors), list(anchor_who)
    while True:
        new = []
        for row in np.flatnonzero(rounds == 0):
            own = max(
                (queries[row] @ e for e, label in zip(gallery, labels, strict=True) if label == who[row]), default=-np.inf
            )
            other = max(
                (queries[row] @ e for e, label in zip(gallery, labels, strict=True) if label != who[row]), default=-np.inf
            )
            if own > max(other, impostor[row]) + 1e-9:
                new.append(row)
        if not new:
            return rounds
        turn += 1
        rounds[new] = turn
        gallery += [queries[row] for row in new]
        labels += [who[row] for row in new]


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(2, 4))
def test_it_is_the_published_loop(seed, count, width):
    rng = np.random.default_rng(seed)
    queries, anchors = unit_rows(rng.normal(size=(count, width))), unit_rows(rng.normal(size=(3, width)))
    who, impostor = rng.integers(3, size=count), rng.uniform(-1, 0.7, size=count)
    found = track_jointly(queries, who, anchors, np.arange(3), impostor)
    assert found.tolist() == naive(queries, who, anchors, np.arange(3), impostor).tolist()


def test_an_average_of_the_person_forgets():
    queries = at(40, 60, 74, 84)
    # The average of 0 and 40 lies at 20, and 60 is nearer to 90 than to that.
    assert track_templates(queries, at(0), strongest(queries, at(90))).tolist() == [1, 0, 0, 0]
    # Adding 40 moves the average away from -44, so that what was in reach before is out of it: it is no least fixed point.
    pair = at(40, -44)
    assert track_templates(pair, at(0), np.full(2, 0.7)).tolist() == [1, 1]
    assert track_templates(pair, at(0, 40), np.full(2, 0.7)).tolist() == [1, 0], "a further anchor hides a picture"
    assert track_templates(at(10), np.concatenate([at(0), -at(0)]), np.zeros(1)).tolist() == [0], "an average of nothing"
    names = averages(np.concatenate([at(0, 90), at(30)]), ["a", "a", "b"])
    assert names == pytest.approx(at(45, 30))


def test_scikit_learn_finds_the_same_rounds():
    """What the evaluation of fiora6/divtrackee (f88880ddb24c, eval.py) does, written anew: one classifier for everybody."""
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(11)
    people, impostors = unit_rows(rng.normal(size=(6, 16))), unit_rows(rng.normal(size=(90, 16)))
    who = np.repeat(np.arange(6), 15)
    pull = rng.uniform(0, 0.8, size=(90, 1))
    queries = unit_rows(pull * people[who] + np.roll(people, 1, axis=0)[who] + unit_rows(rng.normal(size=(90, 16))))
    entries, labels = np.concatenate([impostors, people]), np.concatenate([100 + np.arange(90) // 3, np.arange(6)])
    rounds, turn = np.zeros(90, int), 0
    while True:
        model = KNeighborsClassifier(n_neighbors=1, metric="cosine").fit(entries, labels)
        new = (model.predict(queries) == who) & (rounds == 0)
        if not new.any():
            break
        turn += 1
        rounds[new] = turn
        entries, labels = np.concatenate([entries, queries[new]]), np.concatenate([labels, who[new]])
    assert 2 <= turn and 0.1 < (rounds > 0).mean() < 0.95, "the case is neither empty nor full"
    found = track_jointly(queries, who, people, np.arange(6), strongest(queries, impostors))
    assert found.tolist() == rounds.tolist()


def test_a_logistic_regression_follows_clean_pictures_and_pictures_that_are_alike():
    sets = simulated(0)
    impostors, names = sets["impostors"][:60], [row // 3 for row in range(60)]
    clean = track_refitting(sets["clean"][:20], sets["anchor"], impostors, names)
    assert (clean > 0).mean() > 0.9
    alike, diverse = (track_refitting(sets[kind][:20], sets["anchor"], impostors, names) for kind in ("alike", "diverse"))
    assert (alike > 0).mean() > (diverse > 0).mean() and alike.max() >= 2
    with pytest.raises(ValueError, match="impostor too"):
        track_refitting(sets["clean"], sets["anchor"], impostors, names, name=3)
