"""What a search for counterexamples may try: hypothesis strategies whose simplest values are the smallest changes.

hypothesis is loaded when a strategy is made, not when this package is.
"""

from __future__ import annotations

from pytest_trustml.checks.strategies.pictures import ChangedPicture, picture_changes
from pytest_trustml.checks.strategies.prompts import WordedPrompt, orders, rewordings, templates
from pytest_trustml.checks.strategies.texts import EditedText, made, text_edits

__all__ = [
    "ChangedPicture", "EditedText", "WordedPrompt", "made", "orders", "picture_changes", "rewordings", "templates",
    "text_edits",
]  # fmt: skip
