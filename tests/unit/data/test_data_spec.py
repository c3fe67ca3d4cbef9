from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trustml.data import parse_spec
from pytest_trustml.errors import UsageError

names = st.from_regex(r"[a-z_][a-z0-9_-]{0,8}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


def test_every_part_is_found():
    spec = parse_spec("a/b.jsonl?prompt=goal&id=nr&where.topic=x&where.topic=y&where.split=test")
    assert (spec.scheme, spec.path) == ("file", "a/b.jsonl")
    assert spec.columns == {"prompt": "goal", "id": "nr"}
    assert spec.where == {"topic": ("x", "y"), "split": ("test",)}


def test_a_path_without_query_is_taken_as_it_is():
    assert parse_spec("100%25 real.txt").path == "100%25 real.txt"
    assert parse_spec("C:\\data\\x.csv").scheme == "file"


@given(columns=st.dictionaries(names, texts, max_size=3), where=st.dictionaries(texts, st.lists(texts, min_size=1), max_size=3))
def test_table_and_text_say_the_same(columns, where):
    given_as_table = parse_spec({"path": "f.csv", "columns": columns, "where": where})
    given_as_text = parse_spec(given_as_table.text)
    assert given_as_text == given_as_table


def test_table_values_keep_their_types():
    spec = parse_spec({"path": "f.csv", "where": {"n": 1, "ok": True}, "id": "nr"})
    assert spec.where == {"n": (1,), "ok": (True,)}
    assert spec.columns == {"id": "nr"}
    assert spec.text == "f.csv?id=nr&where.n=1&where.ok=true"


def test_packages_and_hub():
    assert parse_spec("package:a.b/c/d.jsonl?x=y").path == "a.b/c/d.jsonl"
    assert parse_spec("hf:org/name@0f3a:test").hub == ("org/name", None, "0f3a", "test")
    assert parse_spec("hf:org/name/conf@main").hub == ("org/name", "conf", "main", None)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "names no file"),
        ("?a=b", "names no file"),
        ("f.csv?", r"'' in the data spec 'f.csv\?' is not of the form key=value"),
        ("f.csv?prompt", "'prompt' in the data spec .* is not of the form key=value"),
        ("f.csv?prompt=", "not of the form key=value"),
        ("f.csv?where.=1", "names no column"),
        ("f.csv?wher.topic=x", "Did you mean 'where.topic'?"),
        ("f.csv?a=b&a=c", "sets the column 'a' twice"),
        ("f.csv?2a=b", "'2a' .* is not a column name"),
        ("https://x.org/f.csv", "is a URL.*download"),
        ("pakage:a/b.csv", "Unknown kind of data 'pakage'. Did you mean 'package'?"),
        ("package:onlyname", r"Write package:pkg.sub/path/file.jsonl"),
        ("package:../b.csv", r"Write package:pkg.sub/path/file.jsonl"),
        ("hf:org/name", "The revision is needed"),
        ("hf:name@main", "hf:org/name@revision"),
        (3, "A data spec is a int"),
        ({"pth": "f"}, "Unknown key of a data table 'pth'. Did you mean 'path'?"),
        ({"columns": {}}, "path = None"),
        ({"path": "f", "columns": {"a": 3}}, "Column 'a' .* is 3"),
        ({"path": "f", "columns": {"a b": "c"}}, "'a b' .* is not a column name"),
        ({"path": "f", "where": {"a": {}}}, r"where.a = {} cannot be compared"),
        ({"path": "f", "where": {"a": []}}, r"where.a = \[\] cannot be compared"),
    ],
)
def test_mistakes_are_named(spec, message):
    with pytest.raises(UsageError, match=message):
        parse_spec(spec)
