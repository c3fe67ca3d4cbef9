"""Words of a model, made safe to show: the output of a judged model is hostile input to every report."""

from __future__ import annotations

import re

_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff"
    r"\U000e0000-\U000e007f]"
)

_COMMAND = re.compile(r"##(?=\w*\[)")  # ##[group], ##vso[...], ##teamcity[...]


def plain(text: str, limit: int | None = None) -> str:
    r"""Text without anything that a terminal, an XML parser or a CI log would obey.

    Control characters, terminal escapes, direction marks and lone surrogates become visible escapes; ``::`` and ``##[``,
    which start commands in CI logs, are broken up wherever they stand. Line ends and tabs stay.

    >>> plain("\x1b[31mred"), plain("::error::x"), plain("\ud800")
    ('\\x1b[31mred', ': :error: :x', '\\ud800')
    """
    if limit is not None and len(text) > limit:
        text = text[:limit] + "…"
    text = _COMMAND.sub("## ", text.replace("\r\n", "\n"))
    while "::" in text:
        text = text.replace("::", ": :")
    return _UNSEEN.sub(lambda match: match.group().encode("unicode_escape").decode("ascii"), text)


def line(text: str, limit: int = 160) -> str:
    r"""The same on one line, for tables and messages.

    >>> line("a\nb")
    'a⏎b'
    """
    return plain(text.replace("\r\n", "\n").replace("\n", "⏎").replace("\t", " "), limit)
