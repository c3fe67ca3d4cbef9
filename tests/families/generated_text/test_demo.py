"""The demo release: what lies in it, and that the share which is known by construction is found."""

from __future__ import annotations

import json
from collections import Counter

import pytest

import pytest_trustml as tm
from builtin_checks.generated_text import demo
from builtin_checks.generated_text.training import Recipe
from pytest_trustml.release.demos import Workshop
from pytest_trustml.release.manifest import read_manifest
from pytest_trustml.work.folders import cache_root
from pytest_trustml.work.progress import Progress
from tests.families.bench import Bench
from tests.families.generated_text.test_checks import run, value

TINY = {
    "CORPUS": 60,
    "HUMAN": 12,
    "MACHINE": 6,
    "TRAINING": 20,
    "VOCABULARY": 400,
    "TOKENS": 12,
    "SHARE": 0.1,
    "RECIPE": Recipe(steps=3, batch=4, width=24, rate=1e-3),
}


@pytest.fixture
def tiny(monkeypatch):
    for name, number in TINY.items():
        monkeypatch.setattr(demo, name, number)


def rows(folder, name):
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def test_a_release_is_whole(tiny, tmp_path):
    demo.text_corpus(tmp_path, Bench())
    manifest = read_manifest(tmp_path / "trustml.toml")
    assert manifest.models == {"model": "model"} and set(manifest.gate["required"]) == set(
        manifest.settings["checks"].split(",")
    )
    assert set(manifest.data) == {"human_text", "machine_text", "corpus", "divided_corpus"}
    corpus = rows(tmp_path, "corpus")
    assert Counter(row["machine"] for row in corpus) == {True: 6, False: 54}
    assert set(Counter(row["month"] for row in corpus).values()) == {5}
    assert min(row["month"] for row in corpus if row["machine"]) >= demo.FIRST_MACHINE
    texts = [row["text"] for name in ("human", "machine", "corpus") for row in rows(tmp_path, name)]
    assert len(set(texts)) == len(texts) == 78
    assert tm.open_subject(str(tmp_path / "model"), device="cpu").capabilities == ("text", "encoder")
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or str(tmp_path).encode() not in path.read_bytes(), path


def test_the_same_seed_makes_the_same_release(tiny, tmp_path):
    import torch

    made = []
    for turn, seed in enumerate((0, 0, 1)):
        folder = tmp_path / str(turn)
        folder.mkdir()
        torch.manual_seed(turn)
        state, threads = torch.get_rng_state(), torch.get_num_threads()
        demo.text_corpus(folder, Bench(seed))
        assert torch.equal(state, torch.get_rng_state()) and torch.get_num_threads() == threads
        made.append([(folder / name).read_bytes() for name in ("machine.jsonl", "corpus.jsonl", "model/model.safetensors")])
    assert made[0] == made[1] and not set(made[0]) & set(made[2])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.filterwarnings("ignore")
def test_the_release_passes_and_the_interval_holds_the_share(seed, tmp_path):
    folder = Workshop(cache_root() / "demos", seed, Progress()).build("demo-text-corpus", demo.text_corpus)
    manifest = read_manifest(folder / "trustml.toml")
    model = tm.open_subject(str(folder / "model"), device="cpu")
    roles = {"human": "human_text", "machine": "machine_text", "corpus": "corpus"}
    data = {name: tm.open_data(str(folder / manifest.data[role])) for name, role in roles.items()}
    for check in manifest.gate["required"]:
        name = check.partition(".")[2]
        options = {**manifest.options["generated_text"], **manifest.options.get(check, {})}
        record = run(name, model, tmp_path, seed=seed, limits=manifest.limits, **data, **options)
        assert record.outcome == "PASS", (name, record.why, record.controls)
        if name == "corpus_share":
            found = value(record, "machine_share")
            assert found.low <= demo.SHARE <= found.high and found.high < 0.045
            likeliest = value(record, "machine_share_em")
            assert likeliest.low <= demo.SHARE + 0.005 and likeliest.high >= demo.SHARE - 0.005
    model.close()
