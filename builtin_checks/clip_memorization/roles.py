"""The sets of pairs that the checks of the family need: who trained on them is what tells them apart."""

from __future__ import annotations

import pytest_trustml as tm

_COLUMNS = {"image": "image of the pair, or its path relative to the file", "caption": "text that belongs to the image"}
_ALIASES = {"caption": ("text", "title", "alt")}
_HELP = {
    "candidates": "image-caption pairs that the model trained on and the reference model did not",
    "shared": "image-caption pairs that both models trained on",
    "independent": "image-caption pairs that the reference model alone trained on, as many as candidates",
    "external": "image-caption pairs that neither model trained on, from the same source as the candidates",
    "heldout": "further pairs that neither model trained on, for the unrelated similarities",
}

ROLES = {name: tm.Role(name=name, help=help, columns=_COLUMNS, aliases=_ALIASES) for name, help in _HELP.items()}
"""Parameter name -> role. A column ``captions`` with lists of texts is used instead of ``caption`` where there is one."""
