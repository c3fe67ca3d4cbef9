"""Which kinds of change a search may use: all that there are, or those that were named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_trustml.errors import UsageError, unknown


def chosen(kinds: Sequence[str] | None, known: Mapping[str, object], what: str) -> tuple[str, ...]:
    """The kinds that were named, all of the known ones for None.

    Raises
    ------
    UsageError
        For a kind that is not known, by close matches.

    >>> chosen(None, {"blur": 1, "crop": 2}, "change"), chosen(["crop"], {"blur": 1, "crop": 2}, "change")
    (('blur', 'crop'), ('crop',))
    """
    found = tuple(known if kinds is None else kinds)
    for kind in found:
        if kind not in known:
            raise UsageError(unknown(what, str(kind), known))
    return found
