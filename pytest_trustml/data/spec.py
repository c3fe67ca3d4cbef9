"""Where data comes from: a spec such as ``train.jsonl?prompt=goal&where.split=test``, read but not yet opened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from pytest_trustml.errors import UsageError, unknown
from pytest_trustml.result.plain import line

_KEYS = ("path", "columns", "where", "id")
_NAME = re.compile(r"[^\W\d][\w-]*")
_PREFIX = re.compile(r"([a-z][a-z0-9+_-]+):")
_HUB = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)(?:/(?P<config>[\w.-]+))?@(?P<revision>[\w./-]+)(?::(?P<split>[\w.\[\]%:-]+))?")
_HELP = "Write PATH?column=source_column&where.column=value, for example harmful.jsonl?prompt=goal&where.topic=weapons."


@dataclass(frozen=True)
class DataSpec:
    """A spec taken apart.

    Parameters
    ----------
    text : str
        The spec as one line, for reports and messages.
    scheme : str
        ``file``, ``package`` or ``hf``.
    path : str
        What follows the scheme.
    columns : dict
        Column as checks call it -> column as the file calls it. ``id`` is one of them.
    where : dict
        Column of the file -> values of which a row must have one.
    """

    text: str
    scheme: str
    path: str
    columns: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def hub(self) -> tuple[str, str | None, str, str | None]:
        """Name, configuration, revision and split of an ``hf:`` spec."""
        match = _HUB.fullmatch(self.path)
        assert match is not None, self.path
        return match["name"], match["config"], match["revision"], match["split"]


def parse_spec(spec: str | Mapping[str, Any]) -> DataSpec:
    """Take a spec apart and refuse what cannot be meant.

    Parameters
    ----------
    spec : str or mapping
        ``PATH?column=source_column&where.column=value&id=source_column``. ``%26``, ``%3D``, ``%3F`` and ``%25`` stand for
        ``&``, ``=``, ``?`` and ``%``. A ``where`` column given several times keeps rows that have any of the values.
        As a mapping: ``{path = ..., columns = {...}, where = {...}, id = ...}``.

        PATH is a file or an image folder, ``package:pkg.sub/path/file.jsonl`` for data inside an installed package, or
        ``hf:org/name@revision`` with an optional ``:split`` (and ``hf:org/name/configuration@revision``).

    Raises
    ------
    UsageError
        For an unknown key, an empty name, a URL.

    Examples
    --------
    >>> parse_spec("train.csv?prompt=goal&where.topic=a&where.topic=b&id=nr")
    DataSpec(text='train.csv?prompt=goal&where.topic=a&where.topic=b&id=nr', scheme='file', path='train.csv', \
columns={'prompt': 'goal', 'id': 'nr'}, where={'topic': ('a', 'b')})
    >>> parse_spec({"path": "train.csv", "where": {"topic": ["a", "b"]}}).text
    'train.csv?where.topic=a&where.topic=b'
    """
    if isinstance(spec, str):
        path, mark, query = spec.partition("?")
        columns, where = _query(spec, query) if mark else ({}, {})
        text = spec
        path = unquote(path) if mark else path
    elif isinstance(spec, Mapping):
        path, columns, where = _mapping(spec)
        text = _write(path, columns, where)
    else:
        raise UsageError(f"A data spec is a {type(spec).__name__}. It must be text or a table. {_HELP}")
    if not path.strip():
        raise UsageError(f"The data spec {line(str(spec))!r} names no file. {_HELP}")
    scheme, path = _scheme(path)
    return DataSpec(text, scheme, path, columns, where)


def _query(spec: str, query: str) -> tuple[dict[str, str], dict[str, tuple[Any, ...]]]:
    columns: dict[str, str] = {}
    where: dict[str, tuple[Any, ...]] = {}
    for part in query.split("&"):
        key, mark, value = (unquote(piece) for piece in part.partition("="))
        if not mark or not key or (not value and not key.startswith("where.")):
            raise UsageError(f"{line(part)!r} in the data spec {line(spec)!r} is not of the form key=value. {_HELP}")
        if key.startswith("where."):
            name = key.removeprefix("where.")
            if not name:
                raise UsageError(f"'where.' in the data spec {line(spec)!r} names no column. {_HELP}")
            where[name] = (*where.get(name, ()), value)
        else:
            _column(key, spec)
            if key in columns:
                raise UsageError(f"The data spec {line(spec)!r} sets the column {key!r} twice. Give it one source column.")
            columns[key] = value
    return columns, where


def _mapping(spec: Mapping[str, Any]) -> tuple[str, dict[str, str], dict[str, tuple[Any, ...]]]:
    for key in spec:
        if key not in _KEYS:
            raise UsageError(unknown("key of a data table", str(key), _KEYS))
    path, columns, where = spec.get("path"), dict(spec.get("columns") or {}), dict(spec.get("where") or {})
    if not isinstance(path, str):
        raise UsageError(f"A data table has path = {path!r}. It must be text: name the file, as in {{path = 'train.jsonl'}}.")
    if "id" in spec:
        columns["id"] = spec["id"]
    for name, source in columns.items():
        _column(name, path)
        if not isinstance(source, str) or not source:
            raise UsageError(
                f"Column {name!r} of the data table for {line(path)!r} is {source!r}. It must name a column of the file."
            )
    for name, value in where.items():
        values = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        if not values or not all(isinstance(one, (str, int, float, bool)) for one in values):
            raise UsageError(
                f"where.{name} = {value!r} cannot be compared with cells. Give text, a number, true or false, or a list."
            )
        where[name] = values
    return path, columns, where


def _column(name: str, spec: str) -> None:
    if not _NAME.fullmatch(name):
        advice = f"Did you mean 'where.{name.partition('.')[2]}'? " if "." in name else ""
        raise UsageError(f"{line(name)!r} in the data spec {line(spec)!r} is not a column name. {advice}{_HELP}")


def _scheme(path: str) -> tuple[str, str]:
    match = _PREFIX.match(path)
    if match is None:
        return "file", path
    scheme, rest = match[1], path[match.end() :]
    if scheme == "package":
        package, slash, inner = rest.partition("/")
        if not slash or not inner or not all(part.isidentifier() for part in package.split(".")):
            raise UsageError(f"The data spec {line(path)!r} names no file in a package. Write package:pkg.sub/path/file.jsonl.")
    elif scheme == "hf":
        if not _HUB.fullmatch(rest):
            raise UsageError(
                f"The data spec {line(path)!r} is not of the form hf:org/name@revision or hf:org/name@revision:split. The "
                "revision is needed because data that changes between runs cannot be compared: take the commit from the data "
                "set's page."
            )
    elif scheme in ("http", "https", "s3", "gs", "ftp"):
        raise UsageError(f"The data spec {line(path)!r} is a URL. Data is read from files: download it and give the path.")
    else:
        raise UsageError(
            unknown("kind of data", scheme, ("package", "hf")) + " A file needs no prefix; write ./ before a colon."
        )
    return scheme, rest


def _write(path: str, columns: Mapping[str, str], where: Mapping[str, tuple[Any, ...]]) -> str:
    pairs = [(name, source) for name, source in columns.items()]
    for name, values in where.items():
        pairs += [(f"where.{name}", str(value).lower() if isinstance(value, bool) else str(value)) for value in values]
    query = "&".join(f"{quote(name, safe='. ')}={quote(value, safe=' /:.')}" for name, value in pairs)
    return f"{path}?{query}" if query else path
