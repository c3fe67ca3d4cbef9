"""JSON lines, a JSON list of objects, and plain text with one item per line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest_trustml.data.readers.decoding import lines, read_text
from pytest_trustml.data.table import Table, from_rows
from pytest_trustml.errors import DataError
from pytest_trustml.result.plain import line

_EXAMPLE = '{"text": "…"}'


class _Twice(ValueError):
    """A key that occurs twice in one object: readers of JSON would silently keep the last."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(f"the key {next(name for name in names if names.count(name) > 1)!r} occurs twice")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def read_jsonl(path: Path, origin: str) -> Table:
    """One JSON object per line; blank lines do not count."""
    rows = []
    for number, content in lines(read_text(path, origin)):
        place = f"{line(origin)}, line {number}"
        try:
            row = _DECODER.decode(content.strip())
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{place} is not JSON: {_why(error)}. Every line must be one JSON object such as {_EXAMPLE}: correct the line."
            ) from None
        rows.append((number, _row(row, place)))
    return from_rows(origin, rows, folder=path.parent)


def read_json(path: Path, origin: str) -> Table:
    """One JSON list of objects. It is walked item by item, so that errors know their line."""
    text = read_text(path, origin)
    at = _skip(text, 0)
    if not text[at:].startswith("["):
        raise DataError(
            f"{line(origin)} does not begin with '['. A .json file must hold a list of objects, such as [{_EXAMPLE}]. If it "
            "has one object per line, name it .jsonl."
        )
    rows: list[tuple[int, dict[str, Any]]] = []
    counted, number = 0, 1
    at = _skip(text, at + 1)
    while not text.startswith("]", at):
        if rows:
            at = _skip(text, _expect(text, at, ",", origin))
        number += text.count("\n", counted, at)
        counted = at
        place = f"{line(origin)}, line {number}"
        try:
            row, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            inner = error.lineno if isinstance(error, json.JSONDecodeError) else number
            raise DataError(
                f"{line(origin)}, line {inner} is not JSON: {_why(error)}. The file must hold a list of objects: correct it."
            ) from None
        rows.append((number, _row(row, place)))
        at = _skip(text, end)
    if _skip(text, at + 1) != len(text):
        raise DataError(f"{line(origin)} goes on after its list ended. A .json file must hold one list of objects: correct it.")
    return from_rows(origin, rows, folder=path.parent)


def read_txt(path: Path, origin: str) -> Table:
    """One text per line, in the column ``text``; blank lines do not count."""
    found = lines(read_text(path, origin))
    return Table(origin, {"text": [content for _, content in found]}, [number for number, _ in found], folder=path.parent)


def _row(row: Any, place: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        kinds = {list: "a list", str: "text", bool: "a truth value", int: "a number", float: "a number", type(None): "null"}
        raise DataError(f"{place} is {kinds[type(row)]}. Every row must be a JSON object such as {_EXAMPLE}.")
    return row


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _expect(text: str, at: int, sign: str, origin: str) -> int:
    if not text.startswith(sign, at):
        number = text.count("\n", 0, at) + 1
        found = "something else" if text[at:].strip() else "the end of the file"
        raise DataError(
            f"{line(origin)}, line {number}: expected {sign!r} or the end of the list, found {found}. Correct the file."
        )
    return at + 1


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return f"{error.msg.lower()} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else line(str(error))
