"""The two demo releases: small ones of the same make by default, the real ones among the slow tests."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.face_tracking import demo, dynamic_tracking, static_dynamic_gap
from builtin_checks.face_tracking.roles import ROLES
from builtin_checks.face_tracking.training import Recipe
from pytest_trustml.release.manifest import read_manifest
from pytest_trustml.work.cache import Cache
from tests.families.bench import Bench

CHECKS = (dynamic_tracking, static_dynamic_gap)
SMALL = demo.Plan(
    protected_people=6, protected_pictures=4, private_pictures=2, gallery_people=12, gallery_pictures=2, strangers=4, guides=8,
    recipe=Recipe(people=24, pictures=8, epochs=2, batch_size=48, widths=(8, 8, 16)),
)  # fmt: skip


def judge_release(folder, seed=0, **options):
    """Records of both checks on a demo release, as its manifest asks for them."""
    manifest = read_manifest(folder / "trustml.toml")
    subjects = {role: tm.open_subject(spec, name=role, device="cpu", root=folder) for role, spec in manifest.models.items()}
    data = {name: tm.open_data(spec, role=ROLES[name], root=folder) for name, spec in manifest.data.items()}
    records = {}
    with Cache(folder / "cache") as cache:
        for check in CHECKS:
            records[check.id.split(".")[1]] = tm.run_check(
                check, subjects["model"], {key: data[role.name] for key, role in check.data.items()}, folder / "report",
                companions={key: subjects[role] for key, role in check.companions.items()}, options=options, seed=seed,
                cache=cache,
            )  # fmt: skip
    return records


def named(record, name):
    return next(m for m in record.measurements if m.name == name)


def test_a_release_directory_is_complete_and_loads(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(demo, "PLAN", SMALL)
    bench = Bench(home=tmp_path / "parts")
    folder = tmp_path / "release"
    folder.mkdir()
    demo.tracker_weak_protection(folder, bench)
    assert capfd.readouterr() == ("", ""), "the libraries talked"
    assert set(bench.steps.values()) == {SMALL.recipe.steps, 24}
    manifest = read_manifest(folder / "trustml.toml")
    data = {name: tm.open_data(spec, role=ROLES[name], root=folder) for name, spec in manifest.data.items()}
    assert {name: len(own) for name, own in data.items()} == {
        "protected_images": 24, "gallery_images": 24, "clean_images": 36, "stranger_images": 4,
    }  # fmt: skip
    protected, clean = data["protected_images"], data["clean_images"]
    place = {name: row for row, name in enumerate(clean.ids)}
    for row, original in enumerate(protected.column("original")):
        before, after = (
            np.asarray(one, int) for one in (clean.column("image")[place[original]], protected.column("image")[row])
        )
        assert 0 < np.abs(before - after).max() <= demo.BUDGET
        assert clean.column("identity")[place[original]] == protected.column("identity")[row]
    people = [set(data[name].column("identity")) for name in ("clean_images", "gallery_images", "stranger_images")]
    assert len(set.union(*people)) == sum(map(len, people)), "nobody is in two sets"
    assert tm.open_subject(manifest.models["model"], root=folder).capabilities == ("encoder",)
    assert {record.outcome for record in judge_release(folder).values()} == {"INVALID"}, "twelve impostors are too few"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_diverse_pictures_pass_and_pictures_under_one_mask_fail(tmp_path, seed):
    records = {}
    for kind, build in (("weak", demo.tracker_weak_protection), ("strong", demo.tracker_strong_protection)):
        folder = tmp_path / kind
        folder.mkdir()
        build(folder, Bench(seed, home=tmp_path / "parts"))
        records[kind] = judge_release(folder, seed)
    for record in records["weak"].values():
        assert record.outcome == "FAIL", (record.check, record.why)
    for record in records["strong"].values():
        assert record.outcome == "PASS", (record.check, record.why)
    weak, strong = (records[kind]["dynamic_tracking"] for kind in ("weak", "strong"))
    assert named(weak, "static_tracking").value < 0.5 < named(weak, "dynamic_tracking").value
    for record in (weak, strong):
        assert named(record, "likeness").value > 0.8 and named(record, "clean_tracking").value >= 0.95
        assert named(record, "second_extractor_tracking").value > 0.8, "what it was not made against is not misled"
    assert named(records["strong"]["static_dynamic_gap"], "mean_cosine").value < 0.2
    assert named(records["weak"]["static_dynamic_gap"], "mean_cosine").value > 0.4
