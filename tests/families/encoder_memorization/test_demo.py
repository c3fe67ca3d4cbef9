"""The two demo releases: small ones of the same make by default, the real ones among the slow tests."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.encoder_memorization import demo, layer_profile, sample_score, unit_excess
from builtin_checks.encoder_memorization.pictures import draw_pictures
from builtin_checks.encoder_memorization.roles import ROLES
from builtin_checks.encoder_memorization.training import Recipe, contrastive, train
from pytest_trustml.checks.bound import BoundCheck, set_options
from pytest_trustml.release.manifest import read_manifest
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress
from tests.families.bench import Bench

CHECKS = {check.id.split(".")[1]: check for check in (unit_excess, layer_profile, sample_score)}
SMALL = demo.Plan(shared=24, listed=16, left_out=8, heldout=24, recipe=Recipe(epochs=2, augmentation="crop", batch_size=16))


def judge_release(folder, seed=0):
    """Records of all checks on a demo release, as its manifest asks for them."""
    manifest = read_manifest(folder / "trustml.toml")
    subjects = {role: tm.open_subject(spec, name=role, device="cpu", root=folder) for role, spec in manifest.models.items()}
    data = {name: tm.open_data(spec, role=ROLES[name], root=folder) for name, spec in manifest.data.items()}
    records = {}
    with Cache(folder / "cache") as cache:
        for name, check in CHECKS.items():
            given = manifest.options["encoder_memorization"]
            options = {key: value for key, value in given.items() if key in check.options}
            records[name] = tm.run_check(
                check, subjects["model"], {key: data[role.name] for key, role in check.data.items()}, folder / "report",
                companions={key: subjects[role] for key, role in check.companions.items()},
                options=options | manifest.options.get(check.id, {}), seed=seed, cache=cache,
            )  # fmt: skip
    return records


def test_pictures_are_of_a_kind_and_repeatable():
    images, labels = draw_pictures(40, np.random.default_rng(5))
    again, _ = draw_pictures(40, np.random.default_rng(5))
    assert images.shape == (40, 32, 32, 3) and images.dtype == np.uint8
    assert (images == again).all() and len({image.tobytes() for image in images}) == 40
    assert set(labels) <= set(range(10)) and len(set(labels)) > 5


def test_the_contrastive_loss_is_that_of_simclr():
    import torch

    codes = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    # The other view is at similarity 1, two others at 0: -log(e^2 / (e^2 + 2)).
    assert float(contrastive(codes, 0.5)) == pytest.approx(np.log(1 + 2 * np.exp(-2.0)), abs=1e-6)
    assert float(contrastive(codes[[0, 1, 1, 0]], 0.5)) > float(contrastive(codes, 0.5))


def test_training_refuses_what_it_cannot_learn():
    images, _ = draw_pictures(3, np.random.default_rng(0))
    with pytest.raises(ValueError, match="found 1"):
        train(images[:1], SMALL.recipe, seed=0)
    with pytest.raises(ValueError, match="2 units for 3 pictures"):
        train(images, SMALL.recipe._replace(task="instances", widths=(4, 4, 2)), seed=0)


def test_a_release_directory_is_complete_and_loads(tmp_path, capfd):
    bench = Bench()
    demo._build(tmp_path, bench, "tiny", SMALL, "Tiny.")
    assert capfd.readouterr() == ("", ""), "the libraries talked"
    assert set(bench.steps.values()) == {SMALL.recipe.steps(32)}
    manifest = read_manifest(tmp_path / "trustml.toml")
    data = {name: tm.open_data(spec, role=ROLES[name], root=tmp_path) for name, spec in manifest.data.items()}
    assert {name: len(own) for name, own in data.items()} == {
        "training_images": 24, "candidate_images": 8, "shared_images": 16, "independent_images": 8, "heldout_images": 24,
    }  # fmt: skip
    sets = demo.make_sets(SMALL, 0)
    assert (np.asarray(data["heldout_images"].column("image")[3]) == sets["heldout"][0][3]).all()
    model = tm.open_subject(manifest.models["model"], device="cpu", root=tmp_path)
    assert model.capabilities == ("encoder",)
    records = judge_release(tmp_path)
    assert {record.outcome for record in records.values()} <= {"INCONCLUSIVE", "INVALID"}, "a few pictures decide nothing"


def test_training_is_repeatable():
    images, _ = draw_pictures(20, np.random.default_rng(1))
    one, two, other = (train(images, SMALL.recipe, seed=seed).state_dict() for seed in (4, 4, 5))
    assert all((one[name] == two[name]).all() for name in one)
    assert any((one[name] != other[name]).any() for name in one)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_careful_encoder_passes(tmp_path, seed):
    demo.encoder_careful(tmp_path, Bench(seed))
    records = judge_release(tmp_path, seed)
    assert {name: (record.outcome, record.why) for name, record in records.items() if record.outcome != "PASS"} == {}


@pytest.mark.slow
def test_the_memorizing_encoder_fails(tmp_path):
    demo.encoder_memorizing(tmp_path, Bench())
    records = judge_release(tmp_path)
    excess = records["unit_excess"]
    assert excess.outcome == "FAIL", excess.why
    rank = next(m for m in excess.measurements if m.name == "trained_share")
    assert rank.details["p"] < 0.05 and rank.value > 0.6
    kinds = {piece.kind: piece.sensitive for m in excess.measurements for piece in m.evidence}
    assert kinds["heatmap"] is False and kinds["gallery"] is True


@pytest.mark.slow
def test_more_copies_of_a_canary_are_remembered_better_by_a_trained_encoder(tmp_path):
    """The whole chain on real training: noise planted once and 16 times, in the model or in the reference alone."""
    rng = np.random.default_rng(0)
    shared = draw_pictures(128, rng)[0]
    planted, elsewhere = (tm.draw_canaries(60, rng=rng, copies=(1, 16), share=1) for _ in range(2))
    recipe = Recipe(epochs=24, augmentation="crop", batch_size=64, widths=(8, 16, 32))
    subjects = []
    for name, canaries in (("model", planted), ("reference", elsewhere)):
        images = np.concatenate([shared, canaries.images[canaries.training_rows()]])
        tm.save_model(tmp_path / name, train(images, recipe, seed=1))
        subjects.append(tm.open_subject(str(tmp_path / name), name=name, device="cpu"))
    data = {
        "candidates": tm.Dataset({"image": planted.images, "copies": planted.copies}),
        "shared": tm.Dataset({"image": shared[:100]}),
        "independent": tm.Dataset({"image": elsewhere.images}),
        "heldout": tm.Dataset({"image": tm.draw_canaries(60, rng=rng).images}),
    }
    with Cache(tmp_path / "cache") as cache:
        trust = tm.Trust(
            name="layer_profile", seed=3, level=0.95, cache=cache, store=EvidenceStore(tmp_path), progress=Progress()
        )
        bound = BoundCheck(
            check=layer_profile, model=subjects[0], companions={"reference": subjects[1]}, data=data,
            options=set_options(layer_profile, {"augmentation": "crop"}), limits=layer_profile.limits,
        )  # fmt: skip
        record = bound.run(trust)[0]
    canaries = next(control for control in record.controls if control.name == "canaries")
    assert canaries.ok, canaries.why
    means = [float(word.split(" for ")[0]) for word in canaries.why.partition(": ")[2].split(", ")]
    assert means[1] > means[0] + 0.03, canaries.why
