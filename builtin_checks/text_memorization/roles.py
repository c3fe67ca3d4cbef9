"""The texts that the checks need, and what their optional columns mean."""

from __future__ import annotations

import pytest_trustml as tm

_TEXT = {"text": "one text, as it stood in the training data"}
_ALIASES = {"text": ("content", "document", "passage", "completion", "canary")}

MEMBERS = tm.Role(
    name="training_texts",
    help="a random sample of the texts that the model was trained on; optional columns: duplicates (how often it stood there), "
    "document (texts of the same document are one sample)",
    columns=_TEXT,
    aliases=_ALIASES,
)
HELD_OUT = tm.Role(
    name="heldout_texts",
    help="texts from the same source that the model was not trained on, dealt out before training",
    columns=_TEXT,
    aliases=_ALIASES,
)
CANARIES = tm.Role(
    name="text_canaries",
    help="random texts of one form; column inserted: true for those that were put into the training data, false for others "
    "drawn alike and never used; optional columns: prompt (what stands before), repeats",
    columns={"text": "the canary", "inserted": "whether it was in the training data"},
    aliases={"text": ("canary", "content"), "inserted": ("included", "member")},
)
