"""What every example measured: read back as it was written, or refused with the reason."""

from __future__ import annotations

import hashlib
import json
import os

import numpy as np
import pytest

from pytest_trustml.comparison.examples import read_examples
from pytest_trustml.errors import DataError
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.result.comparison import Examples

GOOD = {"kind": "examples", "keys": ["a", "b"], "values": [0, 1.5]}


def written(folder, content, n=2, path="examples/e.json"):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(data)
    return Examples(path=path, sha256=hashlib.sha256(data).hexdigest(), n=n)


def test_what_the_store_writes_is_what_is_read(tmp_path):
    examples = EvidenceStore(tmp_path).examples(["c", "a", "b"], np.array([0.5, 1, 0]), np.array([0, 1, 0]))
    found = read_examples(tmp_path, examples)
    assert (found.keys, found.values.tolist(), found.clusters.tolist()) == (("c", "a", "b"), [0.5, 1, 0], [0, 1, 0])
    ordered = found.sorted()
    assert (ordered.keys, ordered.values.tolist(), ordered.clusters.tolist()) == (("a", "b", "c"), [1, 0, 0.5], [1, 0, 0])
    assert read_examples(tmp_path, EvidenceStore(tmp_path).examples(["a"], [1])).clusters is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b"\xff", "cannot be read"),
        (GOOD | {"kind": "table"}, "Invalid enum value"),
        (GOOD | {"more": 1}, "unknown field"),
        ({"kind": "examples", "keys": ["a", "b"]}, "missing required field `values`"),
        (GOOD | {"values": [0, None]}, "got `null`"),
        (GOOD | {"values": [0, "1"]}, "got `str`"),
        (b'{"kind":"examples","keys":["a","b"],"values":[0,NaN]}', "malformed"),
        (b'{"kind":"examples","keys":["a","b"],"values":[0,1e999]}', "cannot be read|no number"),
        (GOOD | {"values": [0, 1e200]}, r"no number within 1e\+100"),
        (GOOD | {"values": [0]}, "have 2 keys, 1 values for n = 2"),
        (GOOD | {"keys": ["a", "b", "c"], "values": [1, 2, 3]}, "have 3 keys, 3 values for n = 2"),
        (GOOD | {"clusters": [0]}, "1 clusters for n = 2"),
        (GOOD | {"clusters": [0, 1.5]}, "got `float`"),
        (GOOD | {"clusters": [0, 2**80]}, "cannot be read|beyond 64 bits"),
        (GOOD | {"clusters": [0, 2**63]}, "cannot be read|beyond 64 bits"),
        (GOOD | {"keys": ["a", "a"]}, "name 1 different examples 2 times"),
    ],
)
def test_a_file_is_whole_or_refused(tmp_path, content, says):
    with pytest.raises(DataError, match=says):
        read_examples(tmp_path, written(tmp_path, content))


def test_no_example_at_all_is_refused(tmp_path):
    with pytest.raises(DataError, match="none at all"):
        read_examples(tmp_path, written(tmp_path, GOOD | {"keys": [], "values": []}, n=0))


def test_a_changed_file_is_refused(tmp_path):
    examples = written(tmp_path, GOOD)
    (tmp_path / examples.path).write_text(json.dumps(GOOD | {"values": [0, 0]}))
    with pytest.raises(DataError, match="their digest differs"):
        read_examples(tmp_path, examples)


def test_nothing_outside_of_the_folder_is_read(tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    outside = written(tmp_path, GOOD, path="secret.json")
    for path in ("../secret.json", str(tmp_path / "secret.json")):
        with pytest.raises(DataError, match="outside of the report folder"):
            read_examples(folder, Examples(path=path, sha256=outside.sha256, n=2))
    (folder / "link.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(DataError, match="outside of the report folder"):
        read_examples(folder, Examples(path="link.json", sha256=outside.sha256, n=2))


def test_what_is_missing_or_no_file_is_refused(tmp_path):
    for path, says in (("gone.json", "are missing"), ("", "could not be read"), ("a\0b", "could not be read")):
        with pytest.raises(DataError, match=says):
            read_examples(tmp_path, Examples(path=path, sha256="0" * 64, n=2))


def test_a_file_without_end_is_not_read(tmp_path):
    with open(tmp_path / "large.json", "wb") as file:
        os.truncate(file.fileno(), 300 * 1024 * 1024)
    with pytest.raises(DataError, match="more than the 268435456 that are read"):
        read_examples(tmp_path, Examples(path="large.json", sha256="0" * 64, n=2))
