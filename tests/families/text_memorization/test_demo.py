"""The demo releases: what lies in them, and that what was planted is found."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.text_memorization import demo
from builtin_checks.text_memorization.logbook import entries, secrets
from pytest_trustml.release.demos import Workshop
from pytest_trustml.release.manifest import read_manifest
from pytest_trustml.work.folders import cache_root
from pytest_trustml.work.progress import Progress
from tests.families.bench import Bench
from tests.families.text_memorization.test_checks import broken, run, value

TINY = demo.Plan({1: 30, 4: 5}, {1: 4, 4: 4}, 6, tm.Course(steps=3, batch=4, rate=1e-3))


@pytest.fixture
def tiny(monkeypatch):
    for name, number in {"MEMORIZING": TINY, "SAMPLED": 10, "HELD_OUT": 12, "CANDIDATES": 9, "VOCABULARY": 400}.items():
        monkeypatch.setattr(demo, name, number)


def rows(folder, name):
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def test_entries_and_secrets_are_all_different_and_depend_on_the_seed():
    for make in (entries, secrets):
        first = make(300, np.random.default_rng(0))
        assert len(set(first)) == 300 and first == make(300, np.random.default_rng(0)) != make(300, np.random.default_rng(1))
    assert len({len(line.split()) for line in secrets(50, np.random.default_rng(0))}) == 1


def test_a_release_is_whole(tiny, tmp_path):
    demo.lm_memorizing(tmp_path, Bench())
    manifest = read_manifest(tmp_path / "trustml.toml")
    assert manifest.models == {"model": "model"} and set(manifest.data) == {"training_texts", "heldout_texts", "text_canaries"}
    members, heldout = rows(tmp_path, "training"), rows(tmp_path, "heldout")
    assert Counter(row["duplicates"] for row in members) == {1: 5, 4: 5} and len(heldout) == 12
    assert not {row["text"] for row in members} & {row["text"] for row in heldout}
    canaries = rows(tmp_path, "canaries")
    assert Counter(row["inserted"] for row in canaries) == {True: 6, False: 9}
    assert len({row["text"] for row in canaries}) == 15
    assert tm.open_subject(str(tmp_path / "model"), device="cpu").capabilities == ("text", "encoder")


def judged(release, seed, tmp_path):
    folder = Workshop(cache_root() / "demos", seed, Progress()).build(f"demo-{release.__name__.replace('_', '-')}", release)
    manifest = read_manifest(folder / "trustml.toml")
    model = tm.open_subject(str(folder / "model"), device="cpu")
    roles = {"members": "training_texts", "heldout": "heldout_texts", "canaries": "text_canaries"}
    data = {name: tm.open_data(str(folder / manifest.data[role])) for name, role in roles.items()}
    names = ("extraction_rate", "probabilistic_extraction", "membership_leak", "canary_exposure")
    options = {name: manifest.options.get(f"text_memorization.{name}", {}) for name in names}
    return {name: run(name, model, tmp_path, seed=seed, **data, **options[name]) for name in names}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_model_that_read_few_texts_often_fails_every_check(seed, tmp_path):
    for name, record in judged(demo.lm_memorizing, seed, tmp_path).items():
        assert record.outcome == "FAIL" and not broken(record), (name, record.why, record.controls)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_model_that_read_many_texts_once_passes_every_check(seed, tmp_path):
    found = judged(demo.lm_careful, seed, tmp_path)
    for name, record in found.items():
        assert record.outcome == "PASS", (name, record.why, record.controls, record.measurements)
    assert value(found["canary_exposure"], "mean_exposure").value < 2.2
