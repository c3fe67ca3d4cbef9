"""Names of results: everything that a result depends on, digested."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from pytest_trustml.errors import UsageError
from pytest_trustml.result.plain import line


def digest_key(parts: Mapping[str, Any]) -> str:
    """SHA-256 of the parts as canonical JSON: the same for every order of names, different for any other value.

    Raises
    ------
    UsageError
        If a part cannot be written as JSON without loss.

    >>> digest_key({"a": 1, "b": [2]}) == digest_key({"b": (2,), "a": 1})
    True
    >>> digest_key({"a": 1}) == digest_key({"a": 1.0}) or digest_key({"a": 1}) == digest_key({"a": True})
    False
    """
    for name, value in parts.items():
        _check(value, name)
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _check(value: Any, name: str) -> None:
    if value is None or type(value) in (str, int, bool):
        return
    if type(value) is float:
        if not math.isfinite(value):
            raise UsageError(f"Parameter {line(name)} is {value}. Parameters must be finite numbers: use None for 'not given'.")
        return
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _check(item, f"{name}[{index}]")
        return
    if isinstance(value, dict):
        for key, item in value.items():
            # JSON would turn the key 1 into "1", and two different parameters into one.
            if not isinstance(key, str):
                raise UsageError(
                    f"Parameter {line(name)} has the key {line(repr(key))}. Keys must be text: write it as {str(key)!r}."
                )
            _check(item, f"{name}[{key!r}]")
        return
    advice = (
        "Call .tolist() on it." if hasattr(value, "tolist") else "Pass what it is made of, and build it inside the function."
    )
    raise UsageError(
        f"Parameter {line(name)} is a {type(value).__name__}. Parameters are part of the name of a stored result and must be "
        f"None, text, numbers, truth values, or lists and dicts of them. {advice}"
    )
