"""Queries and training sets: balanced, disjoint, and the same whatever the order of the files."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts.scenario import compose, half_of, overlaps, reserve
from tests.families.synthetic_artifacts.scripted_classifiers import CLASSES, texts


def pools(n=200, generators=0):
    return texts(n, 1), texts(n, 2, machine=True, generators=generators)


def shuffled(data):
    return data.take(np.random.default_rng(5).permutation(len(data)))


@pytest.mark.parametrize(("kind", "synthetic"), [("real", 0), ("synthetic", 41), ("both", 20)])
def test_queries_are_balanced_and_taken_out_of_the_pools(kind, synthetic):
    real, machine = pools(generators=4)
    queries, *rest = reserve(real, machine, kind=kind, count=41, rng=np.random.default_rng(0))
    assert len(queries) == 41 and queries.column("origin").count("synthetic") == synthetic
    counts = [queries.column("label").count(name) for name in CLASSES]
    assert abs(counts[0] - counts[1]) <= (2 if kind == "both" else 1)
    asked = set(queries.column("text"))
    assert len(asked) == 41 and all(not asked & set(pool.column("text")) for pool in rest)
    assert sum(map(len, rest)) == 400 - 41


def test_generators_take_turns():
    real, machine = pools(generators=4)
    queries = reserve(real, machine, kind="synthetic", count=40, rng=np.random.default_rng(0)).queries
    writer = dict(zip(machine.ids, machine.column("generator"), strict=True))
    names = [writer[id.partition(":")[2]] for id in queries.ids]
    assert {names.count(name) for name in set(names)} == {10}


def test_a_text_that_is_asked_about_is_in_no_pool_however_it_is_spelt():
    real, machine = pools()
    twin = tm.Dataset(
        {"id": ["twin"], "text": [machine.column("text")[0].upper() + " "], "label": [machine.column("label")[0]]}
    )
    real = tm.Dataset({name: [*real.column(name), *twin.column(name)] for name in ("id", "text", "label")})
    found = [reserve(real, machine, kind="synthetic", count=100, rng=np.random.default_rng(seed)) for seed in range(6)]
    drawn = [f"synthetic:{machine.ids[0]}" in one.queries.ids for one in found]
    assert any(drawn) and not all(drawn)
    assert [("twin" in one.real.ids) for one in found] == [not was for was in drawn]


@pytest.mark.parametrize("scenario", ["pure", "mixed", "several"])
def test_nothing_depends_on_the_order_of_the_files(scenario):
    real, machine = pools(generators=3)

    def picked(one, other):
        found = reserve(one, other, kind="both", count=30, rng=np.random.default_rng(3))
        made = compose(found.real, found.synthetic, scenario=scenario, count=12, size=40, rng=np.random.default_rng(4))
        return sorted(found.queries.ids), [sorted(made.dataset.ids[row] for row in rows) for rows in made.members], made.shares

    first, second = picked(real, machine), picked(shuffled(real), shuffled(machine))
    assert first[:2] == second[:2] and (first[2] == second[2]).all()


@pytest.mark.parametrize("scenario", ["pure", "mixed", "several"])
def test_training_sets_have_their_share_and_the_classes_of_the_real_pool(scenario):
    real, machine = pools(generators=3)
    real = real.take([row for row in range(200) if row % 4 != 1])  # three quarters of what is left are calm: 2 to 1
    made = compose(real, machine, scenario=scenario, count=20, size=60, rng=np.random.default_rng(0))
    origins, labels = np.array(made.dataset.column("origin")), np.array(made.dataset.column("label"))
    assert len(made.members) == 40 and (made.shares[:20] == 0).all() and (made.shares[20:] > 0).all()
    for rows, share in zip(made.members, made.shares, strict=True):
        assert len(set(rows.tolist())) == 60 and (origins[rows] == "synthetic").sum() == round(share * 60)
        assert (labels[rows] == "calm").sum() == 40
    if scenario == "mixed":
        assert sorted(set(made.shares[20:])) == [round(k / 10, 1) for k in range(1, 11)]
        assert {(made.shares == k / 10).sum() for k in range(1, 11)} == {2}


def test_several_generators_are_mixed_differently():
    real, machine = pools(600, generators=3)
    made = compose(real, machine, scenario="several", count=8, size=100, rng=np.random.default_rng(0))
    writers = np.array([""] * len(real) + machine.column("generator"))
    parts = [[(writers[rows] == name).sum() for name in sorted(set(writers) - {""})] for rows in made.members[8:]]
    assert len({tuple(part) for part in parts}) == 8 and all(sum(part) for part in parts)


def test_language_model_pairs_are_composed_as_well():
    rows = {"id": ["a", "b", "c", "d"], "prompt": ["p"] * 4, "text": ["w", "x", "y", "z"]}
    made = compose(tm.Dataset(rows), tm.Dataset(rows), scenario="pure", count=2, size=3, rng=np.random.default_rng(0))
    assert set(made.dataset.columns) == {"id", "prompt", "text", "origin"}
    assert [set(np.array(made.dataset.column("origin"))[rows]) for rows in made.members] == [{"real"}] * 2 + [{"synthetic"}] * 2


def test_overlap_is_the_share_that_two_training_sets_have_in_common():
    real, machine = pools(400)
    made = compose(real, machine, scenario="pure", count=30, size=100, rng=np.random.default_rng(0))
    assert overlaps(made.members, made.shares) == pytest.approx((0.25, 0.25), abs=0.02)
    assert half_of(real, machine) == 200


@pytest.mark.parametrize(
    ("what", "match"),
    [
        (dict(scenario="puer"), "scenario is 'puer'"), (dict(size=300), "needs 150 real texts of the class 'calm'"),
        (dict(scenario="several"), "column generator"), (dict(count=0), "0 references"),
    ],
)  # fmt: skip
def test_what_cannot_be_composed_is_told(what, match):
    how = {"scenario": "pure", "count": 3, "size": 20} | what
    with pytest.raises(tm.TrustmlError, match=match):
        compose(*pools(), rng=np.random.default_rng(0), **how)


def test_too_many_queries_and_other_classes_are_refused():
    real, machine = pools()
    with pytest.raises(tm.DataError, match="fewer queries"):
        reserve(real, machine, kind="synthetic", count=150, rng=np.random.default_rng(0))
    other = machine.with_columns(label=["calm", "rain"] * 100)
    with pytest.raises(tm.DataError, match="'rain'"):
        reserve(real, other, kind="real", count=30, rng=np.random.default_rng(0))
    with pytest.raises(tm.UsageError, match="query_kind"):
        reserve(real, machine, kind="mixed", count=30, rng=np.random.default_rng(0))
