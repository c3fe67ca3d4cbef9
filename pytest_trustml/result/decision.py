"""What the gate says about a release, and every reason for it."""

from __future__ import annotations

from typing import Literal

import msgspec

Answer = Literal["released", "blocked", "unjudged"]
EXIT_CODES: dict[Answer, int] = {"released": 0, "blocked": 1, "unjudged": 2}


class Finding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One reason. ``blocks``: surely bad. ``unjudged``: nobody can tell. ``waived``: bad, and accepted for now. ``notes``:
    worth knowing, without consequence. ``rule`` is a stable short name; ``check`` is empty where the whole run is meant."""

    kind: Literal["blocks", "unjudged", "waived", "notes"]
    rule: str
    check: str
    why: str


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Released, blocked, or impossible to judge."""

    answer: Answer
    why: str
    policy: str
    findings: tuple[Finding, ...] = ()
    sources: tuple[str, ...] = ()
