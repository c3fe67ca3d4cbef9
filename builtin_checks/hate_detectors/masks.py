"""Adversarial texts as a report may show them: what kind of edit and where, without the words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_trustml import Attacked

_WORD = re.compile(r"\w", re.UNICODE)
_MARK = "•"


def masked(text: str) -> str:
    """The text with a dot for every letter and digit; spaces and punctuation stay.

    >>> masked("You muppet, 5 times!")
    '••• ••••••, • •••••!'
    """
    return _WORD.sub(_MARK, text)


def diff(result: Attacked) -> str:
    """An edited text, masked, with the family and the length of both spellings in place of each edited word.

    >>> from pytest_trustml import Attacked, Edit
    >>> edit = Edit(family="space_insert", word=1, before="muppet", after="mup pet")
    >>> result = Attacked(original="you muppet", text="you mup pet", status="success", queries=9, edits=(edit,), before=0.9,
    ...     after=0.2)
    >>> diff(result)
    '••• [space_insert 6>7]'
    """
    edits: dict[int, list] = {}
    for edit in result.edits:
        edits.setdefault(edit.word, []).append(edit)
    words = []
    for index, word in enumerate(result.original.split()):
        own = edits.get(index)
        if own is None:
            words.append(masked(word))
        else:
            families = " ".join(edit.family for edit in own)
            words.append(f"[{families} {len(own[0].before)}>{len(own[-1].after)}]")
    return " ".join(words)
