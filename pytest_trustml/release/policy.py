"""The ``[gate]`` table of ``trustml.toml``, every key and value checked."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Any

from pytest_trustml.errors import UsageError, unknown
from pytest_trustml.release.limits import read_limits
from pytest_trustml.result.policy import Policy, Waiver
from pytest_trustml.result.verdict import Limit

_WAIVER = ("check", "reason", "owner", "expires")
_FORBID = ("cache", "skip")
_REGRESSION = ("worse", "unshown")


def read_policy(table: Mapping[str, Any], origin: str, limits: Mapping[str, Limit] | None = None) -> Policy:
    """The policy that the table spells out.

    Parameters
    ----------
    table : mapping
        The parsed ``[gate]``.
    origin : str
        The file, for messages.
    limits : mapping, optional
        The ``[limits]`` of the same file. Those of ``[gate]`` win over them.

    Raises
    ------
    UsageError
        For a key or a value that cannot be meant.
    """
    known = Policy.__struct_fields__
    for key in table:
        if key not in known:
            raise UsageError(f"{origin}: {unknown('key', f'gate.{key}', [f'gate.{name}' for name in known])}")
    given = _Table(table, origin)
    return Policy(
        required=given.words("required", 'a list of checks, e.g. ["lora_safety.*"]'),
        limits=dict(limits or {}) | read_limits(given.table("limits"), f"{origin}: gate.limits"),
        waivers=tuple(_waiver(waiver, origin) for waiver in given.list("waivers")),
        level=given.number("level", 0.95, 0.5, 1),
        family_error=given.number("family_error", 0.05, 0, 0.5),
        forbid=given.words("forbid", 'a list of "cache" and "skip"', _FORBID, default=("skip",)),
        forbid_loosening=given.truth("forbid_loosening"),
        regression=given.word("regression", _REGRESSION),
        margins={check: _margin(margin, f"{origin}: gate.margins.{check}") for check, margin in given.table("margins").items()},
    )


class _Table:
    def __init__(self, content: Mapping[str, Any], origin: str) -> None:
        self.content = content
        self.origin = origin

    def wrong(self, key: str, right: str) -> UsageError:
        return UsageError(f"{self.origin}: gate.{key} is {self.content[key]!r}. Write {right}.")

    def list(self, key: str) -> list[Any]:
        value = self.content.get(key, [])
        if not isinstance(value, list):
            raise self.wrong(key, "a list in square brackets")
        return value

    def table(self, key: str) -> dict[str, Any]:
        value = self.content.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, f"a table: [gate.{key}] on a line of its own")
        return value

    def words(self, key: str, right: str, choices: tuple[str, ...] = (), default: tuple[str, ...] = ()) -> Any:
        value = self.content.get(key, [*default])
        if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
            raise self.wrong(key, right)
        for word in value:
            if choices and word not in choices:
                raise UsageError(f"{self.origin}: gate.{key}: {unknown('word', word, choices)}")
        return tuple(value)

    def word(self, key: str, choices: tuple[str, ...]) -> Any:
        value = self.content.get(key, choices[0])
        if value not in choices:
            raise self.wrong(key, " or ".join(f'"{choice}"' for choice in choices))
        return value

    def truth(self, key: str) -> bool:
        value = self.content.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def number(self, key: str, default: float, low: float, high: float) -> float:
        value = self.content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low < value < high:
            raise self.wrong(key, f"a number between {low:g} and {high:g}, e.g. {default:g}")
        return float(value)


def _waiver(value: Any, origin: str) -> Waiver:
    words = isinstance(value, dict) and all(isinstance(value.get(key), str) and value[key].strip() for key in _WAIVER[:3])
    if not words or set(value) != set(_WAIVER) or type(value["expires"]) is not datetime.date:
        raise UsageError(
            f"{origin}: the waiver {value!r} needs exactly {', '.join(_WAIVER)}: words, and expires as a date without quotes, "
            "e.g. 2027-01-31."
        )
    return Waiver(**value)


def _margin(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not (0 <= value < math.inf):
        raise UsageError(f"{where} is {value!r}. A margin is a number from 0: by how much a new release may be worse.")
    return float(value)
