"""The parts that data plays in a check: training members, harmful prompts, held-out pairs."""

from __future__ import annotations

import msgspec


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """A part that a data set plays, e.g. ``harmful_prompts``.

    ``columns`` are the columns that every row must have, with what each holds; ``aliases`` are names under which well-known
    data sets carry the same column. ``default`` is the spec of a data set that ships with the family, if there is one.
    """

    name: str
    help: str = ""
    columns: dict[str, str] = {}
    aliases: dict[str, tuple[str, ...]] = {}
    default: str | None = None
