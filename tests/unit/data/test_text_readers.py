from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trustml.data import open_data
from pytest_trustml.errors import DataError

keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text(st.characters(), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=2),
    max_leaves=4,
)
rows = st.lists(st.dictionaries(keys.filter(lambda key: key != "id"), values, min_size=1, max_size=3), min_size=1, max_size=6)


def opened(name: str, content: str | bytes, query: str = ""):
    with tempfile.TemporaryDirectory() as folder:
        data = content if isinstance(content, bytes) else content.encode("utf-8")
        (Path(folder) / name).write_bytes(data)
        return open_data(name + query, root=folder)


def wanted(found: list[dict]) -> list[dict]:
    names = list(dict.fromkeys(name for row in found for name in row))
    return [{name: row.get(name) for name in names} for row in found]


@given(found=rows, end=st.sampled_from(["\n", "\r\n", "\n\n", "\r\n \r\n"]), bom=st.booleans(), last=st.booleans())
def test_jsonl_round_trip(found, end, bom, last):
    content = end.join(json.dumps(row) for row in found) + (end if last else "")
    assert list(opened("f.jsonl", ("\ufeff" if bom else "") + content)) == wanted(found)


@given(found=rows, indent=st.none() | st.integers(0, 2), bom=st.booleans())
def test_json_round_trip(found, indent, bom):
    content = ("\ufeff" if bom else "") + json.dumps(found, indent=indent)
    assert list(opened("f.json", content)) == wanted(found)


@given(
    table=st.integers(1, 3).flatmap(
        lambda width: st.lists(
            st.lists(texts.filter(lambda t: "\0" not in t), min_size=width, max_size=width), min_size=1, max_size=5
        )
    ),
    tabs=st.booleans(),
    packed=st.booleans(),
    bom=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_csv_round_trip(table, tabs, packed, bom, end):
    header = [f"c{index}" for index in range(len(table[0]))]
    target = io.StringIO()
    writer = csv.writer(target, delimiter="\t" if tabs else ",", lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([header, *table])
    data = (("\ufeff" if bom else "") + target.getvalue()).encode()
    name = ("f.tsv" if tabs else "f.csv") + (".gz" if packed else "")
    dataset = opened(name, gzip.compress(data) if packed else data)
    assert [dataset.column(name) for name in header] == [list(column) for column in zip(*table, strict=True)]


@given(found=st.lists(texts.filter(lambda text: text.strip() and "\n" not in text and "\r" not in text), min_size=1))
def test_txt_round_trip(found):
    if found[0].startswith("\ufeff"):
        return
    assert opened("f.txt", "\r\n\r\n".join(found) + "\r\n").column("text") == found


def test_same_content_in_any_format_is_the_same_data():
    jsonl = opened("f.jsonl", '{"a": "x", "b": "1"}\n')
    assert jsonl.fingerprint == opened("f.json", '[{"b": "1", "a": "x"}]').fingerprint
    assert jsonl.fingerprint == opened("f.csv", "a,b\r\nx,1\r\n").fingerprint
    assert jsonl.fingerprint == opened("f.tsv.gz", gzip.compress(b"b\ta\n1\tx\n")).fingerprint


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("f.jsonl", '{"a": 1}\n\n{"a": \n', r"f.jsonl, line 3 is not JSON: expecting value at column \d+. Every line"),
        ("f.jsonl", '{"a": 1}\n[1]\n', "f.jsonl, line 2 is a list. Every row"),
        ("f.jsonl", "17\n", "line 1 is a number. Every row"),
        ("f.jsonl", '{"a": 1, "b": 2, "a": 3}', "line 1 is not JSON: the key 'a' occurs twice"),
        ("f.jsonl", "[" * 100_000, "line 1 is not JSON: it is nested too deeply|expecting value"),
        ("f.jsonl", "9" * 5000, "line 1 is not JSON: Exceeds the limit"),
        ("f.jsonl", "", "f.jsonl has no rows"),
        ("f.jsonl", "\n \n", "f.jsonl has no rows"),
        ("f.jsonl", "{}\n{}\n", "rows without any column"),
        ("f.jsonl", b'{"a": "ok"}\n{"a": "\xe4"}\n', r"f.jsonl, line 2 is not UTF-8 \(byte 0xe4\). Data must be"),
        ("f.jsonl", '{"a": 1}'.encode("utf-16"), "f.jsonl is UTF-16"),
        ("f.json", '{"a": 1}\n{"a": 2}', r"must hold a list of objects.*name it .jsonl"),
        ("f.json", '[{"a": 1},\n 3]', "f.json, line 2 is a number. Every row"),
        ("f.json", '[\n{"a": 1},\n{"a": ]', "f.json, line 3 is not JSON"),
        ("f.json", '[{"a": 1}\n{"a": 2}]', "line 2: expected ',' or the end of the list, found something else"),
        ("f.json", '[{"a": 1}', "expected ',' or the end of the list, found the end of the file"),
        ("f.json", '[{"a": 1},', "line 1 is not JSON: expecting value"),
        ("f.json", '[{"a": 1}] x', "goes on after its list ended"),
        ("f.json", "[]", "f.json has no rows"),
        ("f.json", "[", "not JSON"),
        ("f.json", "", "must hold a list"),
        ("f.csv", "", "f.csv has no rows"),
        ("f.csv", "a,b\n", "f.csv has no rows"),
        ("f.csv", 'a,b\n"x\ny",1\n2,3,4\n', r"f.csv, line 4 has 3 cells, and the header has 2"),
        ("f.csv", "a,b\n1\n", "f.csv, line 2 has 1 cells"),
        ("f.csv", 'a,b\n1,2\n"x\n,y\n', "f.csv, line 3 is not CSV: unexpected end of data"),
        ("f.csv", 'a\n"x"y\n', "line 2 is not CSV"),
        ("f.csv", "a,a\n1,2\n", "line 1: the header names 'a' twice"),
        ("f.csv", "a,,b\n1,2,3\n", "column 2 of the header has no name"),
        ("f.csv", "a;b\n1;2\n", "separated by semicolons"),
        ("f.csv", "a\tb\n1\t2\n", "separated by tabs"),
        ("f.csv.gz", b"\x1f\x8bno", "not a whole gzip file"),
        ("f.csv.gz", gzip.compress(b"a\n1\n" * 99)[:-9], "not a whole gzip file"),
        ("f.parquet.gz", b"", "a .parquet file inside gzip"),
        ("f.txt", "\n\n", "f.txt has no rows"),
        ("f.pickle", b"", r"ending '.pickle'. Data must be a folder of images or one of .jsonl"),
        ("f.npy", b"", r"ending '.npy'"),
    ],
)
def test_bad_files_are_named(name, content, message):
    with pytest.raises(DataError, match=message):
        opened(name, content)


def test_a_misspelt_file_brings_close_names(tmp_path: Path):
    (tmp_path / "harmful.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(
        DataError, match=r"harmfull.jsonl does not exist. Unknown file 'harmfull.jsonl'. Did you mean 'harmful.jsonl'"
    ):
        open_data("harmfull.jsonl", root=tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        open_data("no/such/folder.csv", root=tmp_path)


def test_blank_csv_lines_do_not_count():
    dataset = opened("f.csv", "\na,b\n\n1,2\n \n3,4\n\n")
    assert list(dataset) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_unicode_line_breaks_do_not_end_a_line():
    assert opened("f.jsonl", '{"a": "x\u2028y\u0085z"}\n').column("a") == ["x\u2028y\u0085z"]
