"""How the demo releases are made: what lies in them, and that training leaves nothing behind in the process."""

from __future__ import annotations

import pytest

import pytest_trustml as tm
from builtin_checks.hate_detectors import demo, training
from builtin_checks.hate_detectors.normaliser import LOOKALIKES, normaliser
from builtin_checks.hate_detectors.roles import GENERATED, SUITE, read_suite
from builtin_checks.hate_detectors.training import Recipe
from pytest_trustml.release.manifest import read_manifest
from tests.families.bench import Bench

TINY = {
    "TRAINING": 40,
    "HELD_OUT": 40,
    "TEMPLATES": 3,
    "BRITTLE": Recipe(steps=2, batch=8, rate=1e-3, width=16, layers=1, copies=1, sloppy=True),
    "HARDENED": Recipe(steps=2, batch=8, rate=1e-3, width=16, layers=1, pieces=200, copies=1),
}


@pytest.fixture
def tiny(monkeypatch):
    for name, value in TINY.items():
        monkeypatch.setattr(demo, name, value)


@pytest.mark.parametrize("build", [demo.hate_detector_brittle, demo.hate_detector_hardened])
def test_a_release_is_whole_and_neutral(tiny, tmp_path, build):
    build(tmp_path, Bench())
    manifest = read_manifest(tmp_path / "trustml.toml")
    assert manifest.models == {"model": "model"} and manifest.gate["required"] == ["hate_detectors.*"]
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert path.suffix in {".json", ".jsonl", ".toml", ".safetensors"}, path
            assert str(tmp_path).encode() not in path.read_bytes(), path
    model = tm.open_subject("model", root=tmp_path, device="cpu", dtype="float32")
    assert model.classifier.labels == ["acceptable", "hateful"]
    assert model.classifier.logits(["the Blorbs", "muppets", "Let us go!"]).shape == (3, 2)
    texts = tm.open_data("posts.jsonl", role=GENERATED, root=tmp_path)
    assert set(texts.column("generation")) == {"old", "new"} and set(texts.column("label")) == {"hateful", "non-hateful"}
    assert not set(texts.column("text")) & {post.text for post in demo.training_posts(0)}
    read = read_suite(tm.open_data("suite.jsonl", role=SUITE, root=tmp_path), ["spell_*"])
    assert len(read.obfuscation.cases) and len(read.contrast.cases)
    model.close()


def test_the_same_seed_makes_the_same_release_whatever_the_process_drew_before(tiny, tmp_path):
    import torch

    before, made = torch.get_rng_state(), []
    for turn, seed in enumerate((0, 0, 1)):
        folder = tmp_path / f"release{turn}"
        folder.mkdir()
        torch.manual_seed(turn)
        state, threads = torch.get_rng_state(), torch.get_num_threads()
        demo.hate_detector_hardened(folder, Bench(seed))
        assert torch.equal(state, torch.get_rng_state()) and torch.get_num_threads() == threads
        made.append(
            [(folder / name).read_bytes() for name in ("model/model.safetensors", "model/tokenizer.json", "posts.jsonl")]
        )
    torch.set_rng_state(before)
    assert made[0] == made[1]
    assert all(one != other for one, other in zip(made[0], made[2], strict=True))


def test_the_normaliser_comes_back_with_the_tokenizer_and_undoes_what_nobody_sees(tmp_path):
    from transformers import AutoTokenizer

    texts = [post.text for post in demo.posts(50, tm.generator(0, "test"))]
    made = training.make_tokenizer(texts, TINY["HARDENED"])
    made.save_pretrained(str(tmp_path))
    again = AutoTokenizer.from_pretrained(str(tmp_path), local_files_only=True)
    clean = "You stupid MUPPET, those Zindles"
    families = ("homoglyph", "zero_width", "diacritic", "leet", "punct_insert", "case_flip", "space_insert")
    for family in families:
        (edited,) = tm.corrupt_texts([clean], [3], [family], seed=3)
        assert edited != clean
        assert again(edited)["input_ids"] == again(clean)["input_ids"] == made(clean)["input_ids"], family
    (typo,) = tm.corrupt_texts([clean], [3], ["delete_inner"], seed=3)
    assert again(typo)["input_ids"] != again(clean)["input_ids"], "what people see is left to the model"


def test_numbers_and_full_stops_stay():
    read = normaliser().normalize_str
    assert read("In 2015, 3 of 10.") == "in2015,3of10."
    assert read("See it. Then go") == "st.thng"
    assert all(read(f"x{look}x") == read(f"x{letter}x") for look, letter in LOOKALIKES.items())


def test_no_post_is_both_learnt_and_judged(tiny):
    learnt = demo.training_posts(0)
    assert learnt == demo.training_posts(0) != demo.training_posts(1)
    held_out = demo.held_out_posts(0, learnt)
    known = held_out[0]
    fewer = demo.held_out_posts(0, [*learnt, known])
    assert {post.prompt for post in held_out} - {post.prompt for post in fewer} == {known.prompt}, "with all that answers it"
