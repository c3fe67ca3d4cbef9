"""``record.schema.json`` accepts what this version writes, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_trustml.reports.report import write_report
from pytest_trustml.reports.schema import record_schema
from pytest_trustml.result.record import RunRecord, decode_run
from tests.unit.reports.gated_records import gated, hostile_gated
from tests.unit.reports.hostile_records import HOSTILE


@pytest.fixture
def written(tmp_path: Path) -> dict[str, Any]:
    write_report(gated(), tmp_path)
    return json.loads((tmp_path / "run.json").read_text("utf-8"))


def valid(record: Any) -> bool:
    schema = json.loads(record_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).is_valid(record)


def test_what_is_written_is_valid(hostile: RunRecord, tmp_path: Path) -> None:
    names = ["index.html", "model-index.yml", "record.schema.json", "results.sarif", "run.json", "summary.md"]
    for record in (gated(), hostile, hostile_gated(HOSTILE)):
        write_report(record, tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == names
        content = (tmp_path / "run.json").read_bytes()
        assert valid(json.loads(content)) and decode_run(content, "run.json")
    assert (tmp_path / "record.schema.json").read_bytes() == record_schema()


def test_a_missing_field_is_refused(written: dict[str, Any]) -> None:
    assert valid(written)
    for name in ("model", "level", "created"):
        assert not valid({key: value for key, value in written.items() if key != name})
    del written["checks"][0]["measurements"][0]["n"]
    assert not valid(written)


def test_an_unknown_field_is_refused(written: dict[str, Any]) -> None:
    assert not valid(written | {"surprise": 1})
    written["decision"]["findings"][0]["surprise"] = 1
    assert not valid(written)


def test_another_schema_is_refused(written: dict[str, Any]) -> None:
    assert not valid(written | {"schema": 2})


def test_it_is_the_same_in_every_process() -> None:
    script = "import sys; from pytest_trustml.reports.schema import record_schema; sys.stdout.buffer.write(record_schema())"
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment, check=True)
        assert done.stdout == record_schema()
