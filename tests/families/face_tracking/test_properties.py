"""What must hold for the tracker on any embeddings."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from builtin_checks.face_tracking.score import at_risk, strongest, unit_rows
from tests.families.face_tracking.angles import at
from tests.families.face_tracking.test_score import rates, run


# Small whole numbers make many ties and short chains; angles in a plane make long chains.
def directions(least, most):
    coordinates = st.integers(-2, 2)
    rows = arrays(np.float64, st.tuples(st.integers(least, most), st.just(3)), elements=coordinates)
    return rows.filter(lambda found: (np.abs(found).sum(axis=1) > 0).all()).map(unit_rows)


SCENE = st.tuples(directions(1, 12), directions(1, 2), directions(1, 5))


@st.composite
def plane_scenes(draw):
    """Pictures in the plane between the anchor and an impostor: chains of any length."""
    angles = draw(st.lists(st.integers(1, 179), min_size=1, max_size=14))
    return at(*angles), at(0), at(draw(st.integers(60, 180)))


scenes = given(st.one_of(SCENE, plane_scenes()))


def naive(queries, anchors, impostors, tau=-np.inf):
    """The published loop: every round everybody is compared with the whole gallery."""
    rounds, gallery, turn = np.zeros(len(queries), int), list(anchors), 0
    while True:
        new = [
            row
            for row, query in enumerate(queries)
            if not rounds[row]
            and max(query @ entry for entry in gallery) > max(query @ entry for entry in impostors) + 1e-9
            and max(query @ entry for entry in gallery) >= tau - 1e-9
        ]
        if not new:
            return rounds
        turn += 1
        rounds[new] = turn
        gallery += [queries[row] for row in new]


def one_by_one(queries, anchors, impostors, rng):
    """A tracker that looks at one picture at a time, in random order, until nothing changes."""
    inside, gallery, changed = np.zeros(len(queries), bool), list(anchors), True
    while changed:
        changed = False
        for row in rng.permutation(len(queries)):
            own = max(queries[row] @ entry for entry in gallery)
            if not inside[row] and own > max(queries[row] @ entry for entry in impostors) + 1e-9:
                inside[row] = changed = True
                gallery.append(queries[row])
    return inside


@scenes
def test_static_is_part_of_dynamic_and_rounds_are_few(scene):
    found = run(*scene)
    static, dynamic = rates(found)
    assert 0 <= static <= dynamic <= 1 and not (found.static & ~found.dynamic).any()
    assert found.last_round <= len(scene[0])
    assert set(range(1, found.last_round + 1)) == set(found.rounds[found.rounds > 0].tolist())


@scenes
def test_it_is_the_published_loop(scene):
    assert run(*scene).rounds.tolist() == naive(*scene).tolist()


@settings(max_examples=50)
@given(st.one_of(SCENE, plane_scenes()), st.integers(0, 2**32 - 1))
def test_the_order_does_not_matter(scene, seed):
    queries, anchors, impostors = scene
    rng = np.random.default_rng(seed)
    found = run(*scene)
    assert one_by_one(queries, anchors, impostors, rng).tolist() == found.dynamic.tolist()
    order = rng.permutation(len(queries))
    again = run(queries[order], anchors[rng.permutation(len(anchors))], impostors[rng.permutation(len(impostors))])
    assert again.rounds.tolist() == found.rounds[order].tolist()


@given(st.one_of(SCENE, plane_scenes()), st.integers(0, 2**32 - 1))
def test_turning_and_scaling_change_nothing(scene, seed):
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(scene[0].shape[1],) * 2))[0]
    turned = [unit_rows(rng.uniform(0.1, 9, size=(len(rows), 1)) * (rows @ turn)) for rows in scene]
    assert run(*turned).rounds.tolist() == run(*scene).rounds.tolist()


@given(SCENE, directions(1, 3), st.floats(-1, 1), st.floats(0, 1))
def test_more_impostors_fewer_anchors_and_a_higher_threshold_only_help(scene, more, tau, higher):
    queries, anchors, impostors = scene
    found = run(*scene)
    crowded = run(queries, anchors, np.concatenate([impostors, more]))
    assert not (crowded.dynamic & ~found.dynamic).any()
    known = run(queries, np.concatenate([anchors, more]), impostors)
    assert not (found.dynamic & ~known.dynamic).any()
    open_, stricter = run(*scene, tau=tau), run(*scene, tau=tau + higher)
    assert not (stricter.dynamic & ~open_.dynamic).any() and not (stricter.static & ~open_.static).any()


@given(SCENE, directions(1, 4))
def test_more_pictures_never_hide_one_and_a_duplicate_is_found_with_its_twin(scene, more):
    queries, anchors, impostors = scene
    found = run(*scene)
    wider = run(np.concatenate([queries, more]), anchors, impostors)
    assert not (found.dynamic & ~wider.dynamic[: len(queries)]).any()
    twice = run(np.concatenate([queries, queries]), anchors, impostors)
    assert twice.dynamic[: len(queries)].tolist() == twice.dynamic[len(queries) :].tolist() == found.dynamic.tolist()


@scenes
def test_starting_from_the_end_adds_nothing(scene):
    queries, anchors, impostors = scene
    found = run(*scene)
    assume(not found.dynamic.all())
    grown = np.concatenate([anchors, queries[found.dynamic]])
    assert not run(queries[~found.dynamic], grown, impostors).dynamic.any()


@given(SCENE, directions(1, 5))
def test_a_realistic_tracker_recalls_no_less(scene, strangers):
    found, realistic = run(*scene), run(*scene, strangers=strangers)
    assert not (found.dynamic & ~realistic.dynamic).any()
    assert realistic.static.tolist() == found.static.tolist()


@scenes
def test_whoever_is_tracked_was_recognised_at_once_or_at_risk(scene):
    queries, _, impostors = scene
    bar = strongest(queries, impostors)
    found = run(*scene)
    assert not (found.dynamic & ~found.static & ~at_risk(queries, bar)).any()
    strangers = np.roll(queries, 1, axis=1)
    found = run(*scene, strangers=strangers)
    assert not (found.dynamic & ~found.static & ~at_risk(queries, bar, strangers=strangers)).any()
