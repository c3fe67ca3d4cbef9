"""The demo releases: disjoint sets with known wrong captions, twins that differ in their data alone, and the verdicts."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.clip_memorization import demo, twins
from builtin_checks.clip_memorization.checks import effect_size, mean_score, tail_rate
from builtin_checks.clip_memorization.observations import embeddings, matched_first
from builtin_checks.clip_memorization.roles import ROLES
from builtin_checks.clip_memorization.scoring import SETS
from builtin_checks.clip_memorization.twins import LONGEST, Recipe, train
from pytest_trustml.release.manifest import read_manifest
from pytest_trustml.work.cache import Cache
from tests.families.bench import Bench

SMALL = Recipe(epochs=2, smallest=0.8, noise=0.05, word_drop=0.1, weight_decay=0.1, batch=16)
PLAN = demo.Plan(shared=40, listed=30, left_out=20, wrong=8, external=30, recipe=SMALL)


@pytest.fixture(scope="module")
def sets():
    return demo.make_sets(PLAN, 0)


def test_sets_are_the_same_for_a_seed_and_disjoint(sets):
    again, other = demo.make_sets(PLAN, 0), demo.make_sets(PLAN, 1)
    for name, pairs in sets.items():
        assert (pairs.images == again[name].images).all()
        assert pairs.captions == again[name].captions
        assert pairs.captions != other[name].captions
    captions = [caption for pairs in sets.values() for caption in pairs.captions]
    pixels = [image.tobytes() for pairs in sets.values() for image in pairs.images]
    assert len(set(captions)) == len(set(pixels)) == len(captions) == 110


def test_wrong_captions_are_those_of_other_pictures_of_the_set(sets):
    right = demo.make_sets(PLAN._replace(wrong=0), 0)
    for name, pairs in sets.items():
        count = PLAN.wrong if name in ("candidates", "independent") else 0
        assert pairs.mislabelled.sum() == count
    changed = np.array([a != b for a, b in zip(sets["candidates"].captions, right["candidates"].captions, strict=True)])
    assert (changed == sets["candidates"].mislabelled).all()
    assert sorted(sets["candidates"].captions) == sorted(right["candidates"].captions)


def test_training_depends_on_the_seed_and_leaves_torch_alone(sets):
    import torch

    pairs = sets["shared"]
    tokenizer = tm.word_tokenizer(pairs.captions, context=LONGEST)
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    first, again, other = (train(pairs.images, pairs.captions, tokenizer, SMALL, seed=seed).state_dict() for seed in (0, 0, 1))
    assert torch.get_num_threads() == threads
    assert (torch.random.get_rng_state() == state).all()
    assert all(torch.allclose(first[name], again[name], atol=1e-4) for name in first)
    assert any(not torch.allclose(first[name], other[name], atol=1e-2) for name in first)


def test_twins_see_the_same_shared_rows_whatever_else_they_see(sets, monkeypatch):
    seen = {"short": [], "long": []}
    tokenizer = tm.word_tokenizer(sets["shared"].captions + sets["candidates"].captions, context=LONGEST)
    crops = twins._crops
    for name, other in (("short", ["red"] * 20), ("long", sets["candidates"].captions)):
        monkeypatch.setattr(twins, "_crops", lambda *given, name=name: seen[name].append(crops(*given)) or seen[name][-1])
        captions = [caption.split(":")[0] for caption in sets["shared"].captions] + other
        left_out = sets["candidates" if name == "long" else "independent"]
        train(np.concatenate([sets["shared"].images, left_out.images]), captions, tokenizer, SMALL, seed=0)
    assert len(seen["short"]) == len(seen["long"]) == SMALL.steps(60)
    for short, long in zip(seen["short"], seen["long"], strict=True):
        same = np.isclose(short, long, atol=1e-6).reshape(len(short), -1).all(axis=1)
        assert 0 < same.sum() < len(short)
    equal = np.mean([np.isclose(a, b, atol=1e-6).reshape(16, -1).all(axis=1) for a, b in zip(*seen.values(), strict=True)])
    assert abs(equal - 40 / 60) < 0.1


def test_training_refuses_too_few_pairs(sets):
    pairs = sets["candidates"]
    with pytest.raises(ValueError, match="20 images and 19 captions"):
        train(pairs.images, pairs.captions[1:], tm.word_tokenizer(pairs.captions, context=LONGEST), SMALL, seed=0)


def test_release_directory_is_complete_and_loads(tmp_path, sets, capfd):
    bench = Bench()
    demo._build(tmp_path, bench, "tiny", PLAN)
    assert capfd.readouterr() == ("", ""), "the libraries talked"
    assert set(bench.steps.values()) == {SMALL.steps(60)}
    manifest = read_manifest(tmp_path / "trustml.toml")
    assert manifest.models == {"model": "model", "reference_model": "reference"}
    data = {name: tm.open_data(spec, role=ROLES[name], root=tmp_path) for name, spec in manifest.data.items()}
    assert {name: len(pairs) for name, pairs in data.items()} == {
        "candidates": 20, "shared": 30, "independent": 20, "external": 30,
    }  # fmt: skip
    assert data["candidates"].ids[:2] == ["candidates-0000", "candidates-0001"]
    assert (np.array(data["candidates"].column("mislabelled")) == sets["candidates"].mislabelled).all()
    assert (np.asarray(data["external"].column("image")[3]) == sets["external"].images[3]).all()
    found = {}
    for role, spec in manifest.models.items():
        model = tm.open_subject(spec, name=role, device="cpu", root=tmp_path)
        assert "pairs" in model.capabilities
        found[role] = embeddings(model, data["external"])
        assert found[role]["image"].shape == (30, 64)
        assert np.ptp(found[role]["caption"], axis=0).max() > 0.01
    assert not np.allclose(found["model"]["image"], found["reference_model"]["image"], atol=1e-4)
    assert sorted(path.suffix for path in (tmp_path / "model").iterdir()) == [".json"] * 4 + [".safetensors"]


def test_saved_model_reads_captions_and_pictures_as_in_training(tmp_path, sets):
    import torch
    from PIL import Image

    pairs = sets["shared"]
    tokenizer = tm.word_tokenizer([caption for own in sets.values() for caption in own.captions], context=LONGEST)
    model = train(pairs.images, pairs.captions, tokenizer, SMALL, seed=0)
    demo.save(model, tokenizer, tmp_path / "model")
    subject = tm.open_subject("model", device="cpu", root=tmp_path)
    text = tokenizer(pairs.captions, padding=True, return_tensors="pt")
    pixels = (torch.from_numpy(pairs.images).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
    with torch.no_grad():
        texts = model.get_text_features(input_ids=text["input_ids"], attention_mask=text["attention_mask"]).pooler_output
        images = model.get_image_features(pixel_values=pixels).pooler_output
    pictures = [Image.fromarray(image) for image in pairs.images]
    assert np.allclose(subject.pairs.embed_texts(pairs.captions), texts.numpy(), atol=1e-4)
    assert np.allclose(subject.pairs.embed_images(pictures), images.numpy(), atol=1e-4)
    assert tokenizer.unk_token_id not in text["input_ids"]


@pytest.fixture(scope="module", params=["memorizing", "careful"])
def release(request, tmp_path_factory):
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp(request.param)
    {"memorizing": demo.clip_memorizing, "careful": demo.clip_careful}[request.param](folder, Bench())
    models = [tm.open_subject(name, name=name, device="cpu", root=folder) for name in ("model", "reference")]
    data = {name: tm.open_data(name, role=ROLES[name], root=folder) for name in SETS}
    cache = Cache(tmp_path_factory.mktemp("cache"))

    def judge(check, evidence):
        return tm.run_check(
            check, models[0], data, evidence, companions={"reference": models[1]}, options={"views": 4}, cache=cache
        )

    yield request.param, models, data, judge, folder
    torch.set_num_threads(threads)


@pytest.mark.slow
def test_demo_behaves_as_announced(release, tmp_path):
    name, models, data, judge, folder = release
    records = {check.id.split(".")[1]: judge(check, tmp_path) for check in (tail_rate, effect_size, mean_score)}
    assert all(control.ok for record in records.values() for control in record.controls)
    tail, effect, mean = (records[key].measurements[0] for key in ("tail_rate", "effect_size", "mean_score"))
    for model in models:
        pairs = embeddings(model, data["external"].take(range(256)))
        assert matched_first(pairs["image"], pairs["caption"]) > 0.9
    if name == "careful":
        assert {record.outcome for record in records.values()} == {"PASS"}
        assert tail.value < 0.025
        assert abs(effect.value) < 0.3
        assert abs(mean.value) < 0.05
    else:
        assert {record.outcome for record in records.values()} == {"FAIL"}
        assert tail.low > 0.15
        assert effect.low > 0.9
        assert mean.low > 0.2
        rows = [json.loads(line) for line in (folder / "candidates" / "metadata.jsonl").read_text().splitlines()]
        assert sum(row["mislabelled"] for row in rows) == demo.MEMORIZING.wrong


@pytest.mark.slow
def test_wrong_captions_are_the_most_memorised(release):
    from sklearn.metrics import roc_auc_score

    name, models, data, _, _ = release
    if name != "memorizing":
        pytest.skip("the other demo has no wrong captions")
    wrong = np.array(data["candidates"].column("mislabelled"))
    seen, unseen = (embeddings(model, data["candidates"]) for model in models)
    gap = np.einsum("nd,nd->n", seen["image"], seen["caption"]) - np.einsum("nd,nd->n", unseen["image"], unseen["caption"])
    assert roc_auc_score(wrong, gap) > 0.85
    assert wrong[np.argsort(-gap)[:20]].sum() >= 15
