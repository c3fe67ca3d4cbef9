"""What can go wrong, and whose turn it is.

``TrustmlError`` and its children are shown to the user as their message alone, without a traceback: the user, not the
code, has to act. ``TrustFailure`` is a verdict that did not pass. Everything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_trustml.result.verdict import Verdict


class TrustmlError(Exception):
    """A mistake in what was given to us. The message says what was found, what is right and what to do."""


class UsageError(TrustmlError):
    """An option, a configuration file or a call that cannot be meant as written."""


class SubjectError(TrustmlError):
    """A model that cannot be judged as it is: missing files, pickle weights, a lying header, NaN weights."""


class DataError(TrustmlError):
    """A data set that cannot be used as it is: no rows, a bad row, a missing column, an id that occurs twice."""


class CacheError(TrustmlError):
    """Results that could not be stored, for example because the disk is full."""


class Unsupported(TrustmlError):
    """The model cannot do what was asked of it; the message names what is missing and who would have it."""


class TrustFailure(AssertionError):
    """A verdict other than PASS, raised inside a test so that pytest reports it as a failure.

    ``verdict`` holds the measured value, the limit and the reason.
    """

    def __init__(self, message: str, verdict: Verdict | None = None) -> None:
        super().__init__(message)
        self.verdict = verdict


def unknown(kind: str, found: str, known: Iterable[str]) -> str:
    """Two sentences for a misspelt name: the close matches if there are any, otherwise everything that is known.

    >>> unknown("check", "lora_safty.probe", ["lora_safety.probe", "clip.tail"])
    "Unknown check 'lora_safty.probe'. Did you mean 'lora_safety.probe'?"
    >>> unknown("role", "zzz", [])
    "Unknown role 'zzz'. There is none to choose from."
    """
    choices = sorted(set(known))
    close = difflib.get_close_matches(found, choices, n=3, cutoff=0.6)
    if close:
        advice = "Did you mean " + " or ".join(repr(name) for name in close) + "?"
    elif choices:
        advice = "Known: " + ", ".join(choices) + "."
    else:
        advice = "There is none to choose from."
    return f"Unknown {kind} {found!r}. {advice}"
