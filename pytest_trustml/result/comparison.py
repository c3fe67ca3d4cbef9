"""What became of one measurement since the last release, on the same examples."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Number = float | Literal["undefined"]
Change = Literal["BETTER", "NO_WORSE", "WORSE", "CANNOT_TELL", "NOT_COMPARED"]


class Examples(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file beside the report that keeps what every single example measured, named by hashes: no text, no picture."""

    path: str
    sha256: str
    n: int


class Comparison(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One measurement now and then.

    ``change`` is the value now minus the value then, ``low`` to ``high`` its interval. BETTER: even the unfavourable end is
    better. NO_WORSE: even the unfavourable end is within ``margin``. WORSE: even the favourable end is worse, and the margin
    is not kept for sure. CANNOT_TELL: the examples do not decide. NOT_COMPARED: refused, and ``why`` says what differs.
    ``p_worse`` is the probability, if nothing had become worse, of a change as bad as this one.
    """

    measurement: str
    outcome: Change
    why: str
    unit: str
    higher_is_safer: bool
    before: Number = "undefined"
    after: Number = "undefined"
    change: Number = "undefined"
    low: Number = "undefined"
    high: Number = "undefined"
    level: Number = "undefined"
    method: str = "none"
    n: int = 0
    clusters: int | Literal["none"] = "none"
    margin: Number = "undefined"
    p_worse: Number = "undefined"
    details: dict[str, Any] = {}


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The release that a run was compared with: where its record lay, what it judged and when."""

    spec: str
    model: str
    fingerprint: str
    created: str


WORST_FIRST: tuple[Change, ...] = ("WORSE", "CANNOT_TELL", "NOT_COMPARED", "NO_WORSE", "BETTER")


def worst_change(comparisons: tuple[Comparison, ...]) -> Change | None:
    """The verdict of a whole check: the worst of its measurements; None if nothing was compared at all."""
    return min((comparison.outcome for comparison in comparisons), key=WORST_FIRST.index, default=None)
