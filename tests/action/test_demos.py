"""The action on demo releases: one that must go out and one that must not."""

from __future__ import annotations

import pytest

from tests.action.job import run_job

pytestmark = pytest.mark.slow


def test_the_safe_demo_is_released_and_the_broken_one_is_blocked(tmp_path):
    cache = tmp_path / "cache"
    safe = run_job(tmp_path, {"model": "demo:lora-safe"}, cache=cache)
    assert safe.code == 0, safe.log
    assert safe.outputs["verdict"] == "released"
    assert int(safe.outputs["passed"]) >= 4
    assert safe.outputs["failed"] == safe.outputs["inconclusive"] == "0"
    assert not [command for command in safe.commands if command.name == "error"]

    broken = run_job(tmp_path, {"model": "demo:lora-broken"}, cache=cache)
    assert broken.code == 1, broken.log
    assert broken.outputs["verdict"] == "blocked"
    assert int(broken.outputs["failed"]) >= 1
    assert broken.commands[0].name == "error"
    assert len(broken.commands) <= 10
    assert "Blocked" in broken.summary
    folder = broken.workspace / broken.outputs["report"]
    assert (folder / "index.html").is_file()
    assert list((folder / "evidence").iterdir())
