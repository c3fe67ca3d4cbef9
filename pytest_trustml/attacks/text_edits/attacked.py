"""What became of a text under attack."""

from __future__ import annotations

from typing import Literal

import msgspec


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """One changed word: which family of edits, the position of the word in the original text, and both spellings."""

    family: str
    word: int
    before: str
    after: str


class Attacked(msgspec.Struct, frozen=True, kw_only=True):
    """One text. ``skipped``: the victim had it wrong already. ``success``: ``text`` evades it, and a fresh call says so.

    ``queries`` counts calls of the victim for this text, the first and the last included. ``before`` and ``after`` are the
    victim's scores of the original and of ``text``; in label-only mode 1.0 and 0.0. A failed text keeps the edits that were
    accepted on the way, and ``why`` says in words what ended its attack.
    """

    original: str
    text: str
    status: Literal["skipped", "success", "failed"]
    queries: int
    edits: tuple[Edit, ...]
    before: float
    after: float
    why: str = ""
