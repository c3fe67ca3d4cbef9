"""What a release must meet before it goes out: the ``[gate]`` table of ``trustml.toml`` as plain data."""

from __future__ import annotations

import datetime
import fnmatch
from collections.abc import Mapping
from typing import Literal, TypeVar

import msgspec

from pytest_trustml.result.verdict import AtLeast, AtMost, Within

Value = TypeVar("Value")


class Waiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A check that may fail for now: who answers for it, why, and the last day on which it holds."""

    check: str
    owner: str
    reason: str
    expires: datetime.date

    def holds(self, today: datetime.date) -> bool:
        return today <= self.expires


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules by which the gate decides.

    Parameters
    ----------
    required : tuple of str
        Checks, families or globs that must be judged and pass. Without any, every check that ran is required.
    limits : dict
        ``check`` or ``check:measurement`` -> limit. They replace those that the run used; the model does not run again.
    waivers : tuple of Waiver
    level : float
        Least confidence level of every interval.
    family_error : float
        Largest chance that a release which meets every limit is blocked, over all verdicts together (Holm).
    forbid : tuple of {"cache", "skip"}
        Reliefs that a run may not have used: stored observations, and ``--trustml-inconclusive=skip``.
    forbid_loosening : bool
        Whether no rule may be weaker than it was for the baseline.
    regression : {"worse", "unshown"}
        What blocks beside a baseline: ``worse``, a check that is surely worse; ``unshown``, also one that has not been shown
        to be no worse than the margin allows.
    margins : dict
        ``check`` or ``check:measurement`` -> by how much the value may be worse than the baseline's.
    """

    required: tuple[str, ...] = ()
    limits: dict[str, AtMost | AtLeast | Within] = {}
    waivers: tuple[Waiver, ...] = ()
    level: float = 0.95
    family_error: float = 0.05
    forbid: tuple[Literal["cache", "skip"], ...] = ("skip",)
    forbid_loosening: bool = False
    regression: Literal["worse", "unshown"] = "worse"
    margins: dict[str, float] = {}

    def requires(self, check: str) -> bool:
        """Whether the policy asks for this check by name, family or glob."""
        return any(covers(pattern, check) for pattern in self.required)

    def waivers_of(self, check: str) -> tuple[Waiver, ...]:
        return tuple(waiver for waiver in self.waivers if covers(waiver.check, check))


def covers(pattern: str, check: str) -> bool:
    """Whether a family, a check or a glob means this check.

    >>> covers("lora_safety", "lora_safety.probe_transfer"), covers("*.tail_rate", "clip_memorization.tail_rate")
    (True, True)
    >>> covers("tests/test_trust.py::*", "tests/test_trust.py::test_refusals")
    True
    """
    whole = pattern if "." in pattern or "::" in pattern or "/" in pattern else f"{pattern}.*"
    return fnmatch.fnmatchcase(check, whole) or check == pattern


def of_measurement(table: Mapping[str, Value], check: str, measurement: str, *, headline: bool) -> Value | None:
    """The entry ``check:measurement``; for the headline measurement also the entry ``check``."""
    found = table.get(f"{check}:{measurement}")
    return table.get(check) if found is None and headline else found
