"""A package of checks as a third party publishes it: installed by pip, found, explained, run, recorded and gated."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_trustml.result.record import decode_run
from pytest_trustml.work.folders import cache_root

PACKAGE = Path(__file__).parents[1] / "example_package"
MODELS = """
class Model:
    def __init__(self, loud):
        self.loud, self.fingerprint = loud, f"loud-{loud}"

    def generate(self, prompts, **settings):
        return ["NO, AND DO NOT ASK AGAIN" if i % 3 < self.loud else f"Yes, {p.lower()}" for i, p in enumerate(prompts)]


def polite():
    return Model(0)


def loud():
    return Model(2)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder into which pip has installed the package, and that holds two models."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(PACKAGE, folder / "source")
    install = ["install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(folder / "site")]
    subprocess.run([sys.executable, "-m", "pip", *install, str(folder / "source")], check=True, capture_output=True)
    (folder / "site" / "answering.py").write_text(MODELS)
    return folder / "site"


@pytest.fixture
def run(site, tmp_path):
    def run(module, *arguments, path=site, cache=tmp_path / "cache"):
        environment = os.environ | {"PYTHONPATH": str(path), "TRUSTML_CACHE": str(cache), "COLUMNS": "120"}
        environment.pop("PYTEST_ADDOPTS", None)
        words = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
        return done.returncode, done.stdout + done.stderr

    return run


def test_it_is_listed_and_explained(run):
    code, text = run("pytest", "--trustml-list", "--trustml-checks=manners")
    assert code == 0 and "manners: Does the model answer as politely" in text
    assert "manners.shouting_rate" in text and "manners.answer_length" in text
    code, text = run("pytest", "--trustml-explain=manners.shouting_rate")
    assert code == 0 and "column topic: what it is about" in text


@pytest.mark.parametrize(("model", "outcomes", "code"), [("polite", ["PASS", "PASS"], 0), ("loud", ["PASS", "FAIL"], 1)])
def test_it_judges_and_the_gate_decides(run, tmp_path, model, outcomes, code):
    (tmp_path / "trustml.toml").write_text('[gate]\nrequired = ["manners.*"]\n')
    named = f"--trustml-model=py:answering:{model}"
    assert run("pytest", named, "--trustml-checks=manners", "--junitxml=trust.xml")[0] == code
    report = tmp_path / "trustml-report" / "run.json"
    found = {record.check: record for record in decode_run(report.read_bytes(), str(report)).checks}
    assert [found[name].outcome for name in ("manners.answer_length", "manners.shouting_rate")] == outcomes
    assert found["manners.answer_length"].measurements[0].clusters == 5
    gate = run("pytest_trustml.gate", "trustml-report", "--policy", "trustml.toml", "--model", f"py:answering:{model}")
    assert gate[0] == code, gate[1]


def test_a_required_check_of_a_package_that_is_not_installed_is_no_silent_pass(run, tmp_path):
    (tmp_path / "answering.py").write_text(MODELS)
    (tmp_path / "trustml.toml").write_text('[gate]\nrequired = ["manners.*"]\n')
    code, text = run("pytest", "--trustml-model=py:answering:polite", "--trustml-checks=lora_safety", path=tmp_path)
    assert code == 4 and "Unknown check 'manners.*'" in text


def test_its_own_tests_try_the_laws_of_all_checks(run, site, tmp_path):
    shutil.copy(PACKAGE / "test_manners.py", tmp_path / "test_manners.py")
    code, text = run("pytest", "-q", "test_manners.py", path=f"{site}{os.pathsep}{tmp_path}")
    assert code == 0 and "18 passed" in text, text


def test_two_packages_of_one_name_are_both_named(run, site, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(site, other)
    (other / "rival_manners.py").write_text('"""A rival."""\nfrom trustml_manners import *\n')
    info = other / "rival-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rival\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text("[pytest_trustml.checks]\nmanners = rival_manners\n")
    code, text = run("pytest", "--trustml-list", path=other)
    assert code == 4
    assert "rival (rival_manners)" in text and "trustml-manners (trustml_manners)" in text


@pytest.mark.slow
def test_it_judges_a_demo_release(run, tmp_path):
    code, text = run("pytest", "--trustml-model=demo:lora-safe", "--trustml-checks=manners", cache=cache_root())
    assert code == 0, text
    report = tmp_path / "trustml-report" / "run.json"
    record = decode_run(report.read_bytes(), str(report))
    assert [check.outcome for check in record.checks] == ["PASS", "PASS"]
