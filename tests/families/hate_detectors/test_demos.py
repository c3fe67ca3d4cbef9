"""The demo releases, trained for real: the hardened detector passes everything, the brittle one is evaded."""

from __future__ import annotations

import tomllib

import msgspec
import pytest

import builtin_checks.hate_detectors as family
import pytest_trustml as tm
from builtin_checks.hate_detectors import demo
from pytest_trustml.release.demos import Workshop
from pytest_trustml.release.limits import read_limits
from pytest_trustml.work.folders import cache_root
from pytest_trustml.work.progress import Progress
from tests.families.hate_detectors.running import run, value

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def workshop():
    """The same cache as the command line's: what was built for one test is there for the next."""
    return Workshop(cache_root() / "demos", 0, Progress())


def records(folder, tmp_path):
    manifest = tomllib.loads((folder / "trustml.toml").read_text())
    limits = read_limits(manifest["limits"], "trustml.toml")
    model = tm.open_subject(manifest["model"], root=folder, device="cpu", dtype="float32")
    found = {}
    for name in family.__all__:
        check = getattr(family, name)
        own = {key.partition(":")[2]: limit for key, limit in limits.items() if key.startswith(f"{check.id}:")}
        check = msgspec.structs.replace(check, limits={**check.limits, **own})
        data = {
            parameter: tm.open_data(manifest["data"][role.name], role=role, root=folder)
            for parameter, role in check.data.items()
            if role.name in manifest["data"]
        }
        found[name] = run(check, model, tmp_path, data, **manifest["options"].get(check.id, {}))
    model.close()
    return found


def test_the_hardened_release_passes_everything(workshop, tmp_path):
    found = records(workshop.build("demo-hate-detector-hardened", demo.hate_detector_hardened), tmp_path)
    assert {name: record.outcome for name, record in found.items()} == dict.fromkeys(family.__all__, "PASS"), {
        name: record.why for name, record in found.items()
    }


def test_the_brittle_release_is_good_and_undone(workshop, tmp_path):
    found = records(workshop.build("demo-hate-detector-brittle", demo.hate_detector_brittle), tmp_path)
    assert found["quality"].outcome == "PASS", found["quality"].why
    assert found["evasion"].outcome == "FAIL", found["evasion"].why
    rate, typos = (value(found["evasion"], name) for name in ("attack_success_rate", "random_edit_rate"))
    assert rate.value - typos.value > 0.2, "the search does it, not the typos"
