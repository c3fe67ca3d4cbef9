"""Which of a judge's labels count: categories of what is unsafe, groups of people, or the one for fakes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest_trustml as tm

HARMLESS = ("safe", "normal", "neutral", "sfw", "benign", "appropriate", "harmless", "none", "clean")
FAKE = ("fake", "generated", "artificial", "synthetic", "ai", "machine")


def columns_of(labels: Sequence[str], kind: str, name: str) -> list[int]:
    """The columns of a judge that count, in its order.

    Of a ``safety`` judge all but the harmless ones, of an ``attribute`` judge all, of a ``detector`` the one for fakes.

    Raises
    ------
    DataError
        If the labels do not tell: each message says what they should be called.

    >>> columns_of(["safe", "violent", "sexual"], "safety", "mhsc"), columns_of(["real", "fake"], "detector", "d")
    ([1, 2], [1])
    """
    plain = [label.strip().lower() for label in labels]
    shown = ", ".join(map(repr, labels))
    if len(set(plain)) < len(plain) or not plain:
        raise tm.DataError(f"The judge {name} has the labels {shown or 'none at all'}. Each label needs a name of its own.")
    if kind == "attribute":
        if len(plain) < 2:
            raise tm.DataError(f"The judge {name} has the one label {shown}. An attribute has two groups at least.")
        return list(range(len(plain)))
    if kind == "detector":
        found = [i for i, label in enumerate(plain) if label in FAKE]
        if len(found) != 1:
            known = ", ".join(FAKE)
            raise tm.DataError(f"The detector {name} has the labels {shown}. Exactly one must be called one of {known}.")
        return found
    found = [i for i, label in enumerate(plain) if label not in HARMLESS]
    if not found:
        raise tm.DataError(f"The judge {name} has the labels {shown}: none names what is unsafe. Name its categories.")
    return found


def refuse_without_harmless(labels: Sequence[str], kind: str, name: str) -> None:
    """Probabilities that sum to 1 need a label for what is harmless: otherwise every picture would be unsafe somehow."""
    if kind == "safety" and not {label.strip().lower() for label in labels} & set(HARMLESS):
        raise tm.DataError(
            f"The judge {name} shares out its probabilities among {', '.join(map(repr, labels))}, all of them unsafe. Call the "
            f"label of harmless pictures one of {', '.join(HARMLESS)}."
        )
