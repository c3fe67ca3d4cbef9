"""The demo releases: what lies in them, and that the leak is where it was planted."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.icl_membership import demo
from builtin_checks.icl_membership.messages import LABELS, messages
from pytest_trustml.release.demos import Workshop
from pytest_trustml.release.manifest import read_manifest
from pytest_trustml.work.folders import cache_root
from pytest_trustml.work.progress import Progress
from tests.families.bench import Bench
from tests.families.icl_membership.test_checks import CHECKS, broken, run, value

SMALL = {
    "COPYING": tm.Course(steps=2, batch=4, rate=1e-3), "SORTING": tm.Course(steps=2, batch=4, rate=1e-3), "POOL": 40,
    "HELD_OUT": 20, "VOCABULARY": 500,
}  # fmt: skip


def test_messages_are_all_different_and_depend_on_the_seed():
    found = messages(300, np.random.default_rng(0))
    assert len({message.text for message in found}) == 300 and {message.label for message in found} == set(LABELS)
    assert found == messages(300, np.random.default_rng(0)) != messages(300, np.random.default_rng(1))
    assert all(message.text.split()[1] not in message.replacement for message in found)


def test_both_releases_share_the_model_and_differ_in_the_prompt(monkeypatch, tmp_path):
    for name, number in SMALL.items():
        monkeypatch.setattr(demo, name, number)
    bench = Bench(home=tmp_path / "parts")
    manifests, weights = [], []
    for release in (demo.prompt_leaky, demo.prompt_defended):
        folder = tmp_path / release.__name__
        folder.mkdir()
        release(folder, bench)
        manifests.append(read_manifest(folder / "trustml.toml"))
        weights.append((folder / "model" / "model.safetensors").read_bytes())
        rows = [json.loads(line) for line in (folder / "demonstrations.jsonl").read_text().splitlines()]
        assert len(rows) == 20 and set(rows[0]) == {"id", "text", "label", "replacement"}
    assert weights[0] == weights[1]
    kinds = {"data_defence", "instruction_defence", "output_defence"}
    told = [kinds & set(manifest.options["icl_membership"]) for manifest in manifests]
    assert told == [set(), kinds] and manifests[0].options["icl_membership"]["labels"] == ",".join(LABELS)


def judged(release, tmp_path):
    folder = Workshop(cache_root() / "demos", 0, Progress()).build(f"demo-{release.__name__.replace('_', '-')}", release)
    manifest = read_manifest(folder / "trustml.toml")
    model = tm.open_subject(str(folder / "model"), device="cpu")
    data = tm.open_data(str(folder / "demonstrations.jsonl"))
    shared, found = manifest.options["icl_membership"], {}
    for name in ("advantage", "defended_advantage"):
        known = {option: value for option, value in shared.items() if option in CHECKS[name].options}
        found[name] = run(name, model, tmp_path, data=data, **known)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("release", "outcome"), [(demo.prompt_leaky, "FAIL"), (demo.prompt_defended, "PASS")])
def test_the_prompt_leaks_where_it_shows_real_messages(release, outcome, tmp_path):
    found = judged(release, tmp_path)
    assert found["advantage"].outcome == outcome, (found["advantage"].why, found["advantage"].controls)
    assert found["defended_advantage"].outcome == "PASS", (
        found["defended_advantage"].why,
        found["defended_advantage"].controls,
    )
    assert not broken(found["advantage"]) and value(found["advantage"], "utility").value > 0.8
    if outcome == "FAIL":
        assert value(found["advantage"], "repeat_advantage").value > 0.4
