"""Limits as they stand in ``trustml.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_trustml.errors import UsageError, unknown
from pytest_trustml.result.verdict import AtLeast, AtMost, Limit, Within, parse_limit

_KINDS = {"at_most": AtMost, "at_least": AtLeast, "within": Within}


def read_limits(table: Mapping[str, Any], where: str) -> dict[str, Limit]:
    """A table ``check`` or ``check:measurement`` -> limit.

    >>> read_limits({"a.b": {"at_most": 0.05}, "a.b:c": "at_least:0.9"}, "trustml.toml: limits")
    {'a.b': AtMost(bound=0.05), 'a.b:c': AtLeast(bound=0.9)}
    """
    return {check: _limit(limit, f"{where}.{check}") for check, limit in table.items()}


def _limit(value: Any, where: str) -> Limit:
    if isinstance(value, str):
        return parse_limit(value)
    if isinstance(value, dict) and len(value) == 1:
        ((word, bound),) = value.items()
        if word not in _KINDS:
            raise UsageError(f"{where}: {unknown('limit', word, _KINDS)}")
        bounds = bound if isinstance(bound, list) else [bound]
        numbers = all(isinstance(b, int | float) and not isinstance(b, bool) for b in bounds)
        if numbers and len(bounds) == (2 if word == "within" else 1):
            return _KINDS[word](*(float(b) for b in bounds))
    raise UsageError(f"{where} is {value!r}. Write {{ at_most = 0.05 }}, {{ at_least = 0.9 }} or {{ within = [-0.1, 0.1] }}.")
