"""trustml.toml: what may stand in it, and what every mistake is answered with."""

from __future__ import annotations

from pathlib import Path

import pytest

import pytest_trustml as tm
from pytest_trustml.release.manifest import read_manifest, read_project
from pytest_trustml.release.release import Located, open_release

WHOLE = """
model = "adapter"
base_model = "base"
seed = 3
[data]
harmful_prompts = "harmful.jsonl"
harmless_prompts = { path = "x.csv", columns = { prompt = "goal" } }
[limits]
"lora_safety.harmful_rate_increase" = { at_most = 0.02 }
"lora_safety.first_token_refusal" = "at_least:-0.5"
"a.b:c" = { within = [0, 1] }
[options.clip_memorization]
views = 4
[gate]
required = ["lora_safety"]
waivers = [{ check = "lora_safety.refusal_direction", reason = "r", owner = "o", expires = 2027-01-31 }]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "trustml.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_whole_file(tmp_path):
    manifest = read_manifest(write(tmp_path, WHOLE))
    assert manifest.models == {"model": "adapter", "base_model": "base"}
    assert manifest.limits["lora_safety.harmful_rate_increase"] == tm.AtMost(0.02)
    assert manifest.limits["lora_safety.first_token_refusal"] == tm.AtLeast(-0.5)
    assert manifest.limits["a.b:c"] == tm.Within(0, 1)
    assert manifest.settings == {"seed": 3}
    assert manifest.options == {"clip_memorization": {"views": 4}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modle = 'x'", "Unknown key 'modle'. Did you mean 'model'"),
        ("model = 3", "model is 3. Write the path"),
        ("data = 'x'", r"It is a table: write \[data\]"),
        ("[data]\nx = 3", "data.x is 3. Write a path"),
        ("[limits]\n'a.b' = { at_mst = 1 }", "Unknown limit 'at_mst'. Did you mean 'at_most'"),
        ("[limits]\n'a.b' = { at_most = 'x' }", r"limits.a.b is .* Write \{ at_most = 0.05 \}"),
        ("[limits]\n'a.b' = 3", r"limits.a.b is 3. Write"),
        ("[options]\nx = 3", r"options.x is 3. Write"),
        ("[gate]\nrequred = []", "Unknown key 'gate.requred'. Did you mean 'gate.required'"),
        ("[gate]\nrequired = 'x'", "gate.required is 'x'. Write a list"),
        ("[gate]\nwaivers = [{ check = 'x' }]", "needs exactly check, reason, owner, expires"),
        ("model = ", "is not valid TOML"),
        ("[icl]\ntemplat = 'x'", "Unknown key 'icl.templat'. Did you mean 'icl.template'"),
        ("[icl]\nshots = true", "icl.shots is True. Write shots = 4"),
        ("[icl]\nlabels = 'a, b'", r"icl.labels is 'a, b'. Write labels = \["),
        ("[icl]\nlabels = ['a, b']", "icl.labels holds 'a, b'. Label words are texts without commas"),
        ("[icl]\ndefences = ['dat']", "Unknown defence 'dat'. Did you mean 'data'"),
        ("[icl]\nshots = 4\n[options.icl_membership]\nshots = 3", r"options.icl_membership.shots is also said by \[icl\]"),
        ("[icl]\ndemonstrations = 'x'\n[data]\ndemonstrations = 'y'", r"data.demonstrations is also said by \[icl\]"),
    ],
)
def test_every_mistake_is_answered(tmp_path, text, message):
    with pytest.raises(tm.UsageError, match=message):
        read_manifest(write(tmp_path, text))


def test_a_deployed_prompt_is_told_in_its_own_words(tmp_path):
    text = """
    [icl]
    demonstrations = "d.jsonl"
    template = "Q: {text}\\nA: {label}"
    labels = ["spam", "no spam"]
    shots = 8
    defences = ["output"]
    [options.icl_membership]
    targets = 100
    """
    manifest = read_manifest(write(tmp_path, text))
    assert manifest.data == {"demonstrations": "d.jsonl"}
    assert manifest.options["icl_membership"] == {
        "record": "Q: {text}\nA: {label}", "labels": "spam,no spam", "shots": 8, "output_defence": True, "targets": 100,
    }  # fmt: skip


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(tm.UsageError, match=r"There is no file .*trustml.toml"):
        read_manifest(tmp_path / "trustml.toml")
    with pytest.raises(tm.UsageError, match="is a folder"):
        read_manifest(tmp_path)


def opened(tmp_path, models=None, **changes):
    arguments = {"data": {}, "limits": {}, "options": {}, "config": None, "cwd": tmp_path, "demo": lambda name: tmp_path / name}
    return open_release(models if models is not None else {"model": "release"}, **(arguments | changes))


def test_the_command_line_wins_over_the_file(tmp_path):
    (tmp_path / "release").mkdir()
    write(tmp_path / "release", WHOLE)
    release = opened(
        tmp_path,
        {"model": "release", "base_model": "other"},
        data={"harmful_prompts": "mine.jsonl"},
        limits={"lora_safety.harmful_rate_increase": tm.AtMost(0.5)},
        options={"clip_memorization": {"views": "2"}},
    )
    assert release.models["model"] == Located("adapter", tmp_path / "release")
    assert release.models["base_model"] == Located("other", tmp_path)
    assert release.data["harmful_prompts"] == Located("mine.jsonl", tmp_path)
    assert release.data["harmless_prompts"].root == tmp_path / "release"
    assert release.limits_of("lora_safety.harmful_rate_increase") == {"": tm.AtMost(0.5)}
    assert release.limits_of("a.b") == {"c": tm.Within(0, 1)}
    assert release.options_of("clip_memorization.tail_rate", {"views": 10}) == {"views": "2"}
    assert release.options_of("clip_memorization.other", {}) == {}
    assert release.policy.requires("lora_safety.probe_transfer")
    assert not release.policy.requires("clip_memorization.tail_rate")


def test_a_plain_directory_is_the_model_itself(tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.trustml.limits]\n'a.b' = 'at_most:1'\n")
    release = opened(tmp_path, {"model": "adapter"})
    assert release.models["model"].spec == str(tmp_path / "adapter")
    assert release.limits == {"a.b": tm.AtMost(1.0)}
    assert read_project(tmp_path / "pyproject.toml").origin.endswith("[tool.trustml]")


def test_a_demo_is_a_release_directory(tmp_path):
    (tmp_path / "x").mkdir()
    write(tmp_path / "x", "model = 'm'")
    assert opened(tmp_path, {"model": "demo:x"}).models["model"] == Located("m", tmp_path / "x")


def test_a_release_without_a_model_is_an_error(tmp_path):
    (tmp_path / "release").mkdir()
    write(tmp_path / "release", "[data]")
    with pytest.raises(tm.UsageError, match="names no model"):
        opened(tmp_path)
    with pytest.raises(tm.UsageError, match="No model to judge"):
        opened(tmp_path, {})
