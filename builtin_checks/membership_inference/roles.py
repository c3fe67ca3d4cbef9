"""The records that the checks need: those that the model was trained on, and others from the same pool."""

from __future__ import annotations

import pytest_trustml as tm

_COLUMNS = {"label": "label: the true class, by its name or its number in the model"}
_ALIASES = {"label": ("class", "target", "y", "labels")}

MEMBERS, NONMEMBERS, POPULATION = tm.MEMBERS, tm.NONMEMBERS, tm.POPULATION
CANARIES = tm.Role(
    name="canaries",
    help="records each of which was included in the training or not by the toss of a coin, as the column included says",
    columns=_COLUMNS | {"included": "1 or true if the record was trained on, 0 or false if not"},
    aliases=_ALIASES | {"included": ("member", "in_training", "keep")},
)
