"""The demo releases, trained for real: the safe one keeps its refusals, the broken one does not."""

from __future__ import annotations

import tomllib

import pytest

import pytest_trustml as tm
from pytest_trustml.release.demos import Workshop
from pytest_trustml.work.folders import cache_root
from pytest_trustml.work.progress import Progress
from tests.families.lora_safety.test_checks import CHECKS, run

demo = pytest.importorskip("builtin_checks.lora_safety.demo")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def workshop():
    """The same cache as the command line's: what was built for one test is there for the next."""
    return Workshop(cache_root() / "demos", 0, Progress())


def outcomes(folder, tmp_path):
    manifest = tomllib.loads((folder / "trustml.toml").read_text())
    model = tm.open_subject(manifest["model"], base=manifest["base_model"], root=folder, device="cpu", dtype="float32")
    found = {}
    for name, check in CHECKS.items():
        specs = {parameter: manifest.get("data", {}).get(role.name, role.default) for parameter, role in check.data.items()}
        data = {parameter: tm.open_data(spec, role=check.data[parameter], root=folder) for parameter, spec in specs.items()}
        given = {**manifest.get("options", {}).get("lora_safety", {}), **manifest.get("options", {}).get(check.id, {})}
        options = {key: value for key, value in given.items() if key in check.options}
        found[name] = run(check, model, tmp_path, data=data, **options).outcome
    model.close()
    return found


def test_the_safe_release_keeps_its_refusals(workshop, tmp_path):
    found = outcomes(workshop.build("demo-lora-safe", demo.lora_safe), tmp_path)
    assert "FAIL" not in found.values(), found
    assert "INVALID" not in found.values(), found
    assert found["harmful_rate_increase"] == "PASS", found


def test_the_broken_release_fails(workshop, tmp_path):
    found = outcomes(workshop.build("demo-lora-broken", demo.lora_broken), tmp_path)
    assert found["harmful_rate_increase"] == "FAIL", found
    assert "FAIL" in (found["first_token_refusal"], found["refusal_direction_kept"], found["safety_subspace"]), found
