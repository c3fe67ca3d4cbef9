"""A record that every JSON parser reads alike: no NaN, no null, no lone surrogate, no foreign number type."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import msgspec

from pytest_trustml.result.record import CheckRecord, RunRecord

UNDEFINED = "undefined"

Record = TypeVar("Record", CheckRecord, RunRecord)


def strict(record: Record) -> Record:
    r"""The same record, with what JSON cannot say replaced: NaN, infinities and None by the word ``undefined``.

    Lone surrogates, which a model's output may hold and UTF-8 cannot, become visible escapes. Numbers and arrays of
    other libraries become plain ones; anything else becomes its text. Every report starts here, so that all of them
    say the same.

    Examples
    --------
    >>> record = CheckRecord(nodeid="t.py::t", check="a.b", version=1, summary="\ud800", outcome="PASS", why="",
    ...                      subject="m", fingerprint="0", seed=0, level=0.95, device="cpu", options={"x": math.nan})
    >>> strict(record).options, strict(record).summary
    ({'x': 'undefined'}, '\\ud800')
    """
    tree = strict_value(msgspec.structs.asdict(record))
    return msgspec.convert(tree, type(record))


def strict_value(value: Any) -> Any:
    """One value as strict JSON can hold it; the order of keys stays."""
    if isinstance(value, str):
        return sound(str(value))
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else UNDEFINED
    if value is None:
        return UNDEFINED
    if isinstance(value, msgspec.Struct):
        tag = {value.__struct_config__.tag_field: value.__struct_config__.tag} if value.__struct_config__.tag else {}
        return strict_value(tag | msgspec.structs.asdict(value))
    if isinstance(value, dict):
        return {sound(str(key)): strict_value(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [strict_value(entry) for entry in (value if isinstance(value, list | tuple) else sorted(value, key=str))]
    if callable(getattr(value, "tolist", None)):  # numbers and arrays of numpy and torch
        return strict_value(value.tolist())
    return sound(str(value))


def sound(text: str) -> str:
    r"""Text that UTF-8 can hold: a lone surrogate becomes its escape.

    >>> sound("a\ud800b")
    'a\\ud800b'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
