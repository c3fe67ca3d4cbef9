"""The baseline's record: found, read whole, or refused by name."""

from __future__ import annotations

import json
import os

import pytest

from pytest_trustml.comparison.recorded import open_recorded
from pytest_trustml.errors import UsageError
from pytest_trustml.result.comparison import Baseline
from pytest_trustml.result.record import encode
from tests.unit.comparison.releases import NODEID, check, measured, run

WHOLE = encode(run(check("old", measured(0.9))))


def test_a_record_is_found_by_file_or_by_folder(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "run.json").write_bytes(WHOLE)
    (tmp_path / "other.json").write_bytes(WHOLE)
    for spec in ("report", "report/run.json", tmp_path / "report", str(tmp_path / "report" / "run.json")):
        found = open_recorded(spec, tmp_path)
        assert (found.folder, found.run) == (tmp_path / "report", run(check("old", measured(0.9))))
        assert found.baseline == Baseline(spec=str(spec), model="./old", fingerprint="old" * 16, created="2026-01-01T00:00:00Z")
    assert open_recorded("other.json", tmp_path).folder == tmp_path


def test_a_check_is_found_by_test_and_by_name(tmp_path):
    (tmp_path / "run.json").write_bytes(WHOLE)
    found = open_recorded(tmp_path)
    assert found.find(NODEID, "acme.rate").measurements == (measured(0.9),)
    assert found.find(NODEID, "acme.other") is None
    assert found.find("test_other.py::test", "acme.rate") is None


def test_several_models_in_one_record_are_all_named(tmp_path):
    (tmp_path / "run.json").write_bytes(encode(run(check("b"), check("a", check="acme.other"))))
    assert open_recorded(tmp_path).baseline.fingerprint == f"{'a' * 16}, {'b' * 16}"
    (tmp_path / "run.json").write_bytes(encode(run()))
    assert open_recorded(tmp_path).baseline.fingerprint == "undefined"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (WHOLE[: len(WHOLE) // 2], "run.json is not a record of schema 1: Input data was truncated"),
        (b"", "run.json is not a record of schema 1"),
        (b"[]", "run.json is not a record of schema 1"),
        (b"\xff\xfe\x00", "run.json is not a record of schema 1"),
        (b"[" * 100_000, "run.json is not a record of schema 1"),
        (
            json.dumps(json.loads(WHOLE) | {"schema": 7, "new": 1}).encode(),
            "run.json has schema 7, this version reads schema 1",
        ),
        (json.dumps(json.loads(WHOLE) | {"extra": 1}).encode(), "unknown field `extra`"),
    ],
)
def test_what_is_no_whole_record_is_refused(tmp_path, content, says):
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(UsageError, match=says):
        open_recorded(tmp_path)


@pytest.mark.parametrize("spec", ["nowhere", "nowhere/run.json", "file/run.json", "folder", ""])
def test_a_record_that_is_not_there_is_named(tmp_path, spec):
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match=r"There is no record at .*Name the run\.json of an earlier run"):
        open_recorded(spec, tmp_path)


def test_what_cannot_be_read_is_refused_in_words(tmp_path):
    with pytest.raises(UsageError, match="could not be read"):
        open_recorded("nul\0byte", tmp_path)
    (tmp_path / "run.json").mkdir()
    with pytest.raises(UsageError, match="could not be read: Is a directory"):
        open_recorded(tmp_path)


def test_a_record_without_end_is_not_read(tmp_path):
    with open(tmp_path / "run.json", "wb") as file:
        os.truncate(file.fileno(), 300 * 1024 * 1024)
    with pytest.raises(UsageError, match="has 314572800 bytes, and no record has more"):
        open_recorded(tmp_path)
