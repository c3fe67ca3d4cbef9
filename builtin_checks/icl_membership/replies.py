"""Reading what the model says: a label, yes or no, and how much of a text came back."""

from __future__ import annotations

import re
from collections.abc import Sequence

from builtin_checks.icl_membership.prompt import normal

_NO = ("no", "not", "never", "haven t", "have not", "unfamiliar", "cannot recall", "can t recall", "don t", "new to me")
_YES = ("yes", "seen", "encountered", "familiar", "recognize", "recognise", "previously", "1")
_END = re.compile(r"[.!?]")
MORE = 1.2
"""How much longer than the true rest a continuation may be before it is cut."""


def label_of(answer: str, labels: Sequence[str]) -> int | None:
    """Which label the first line of an answer names; None if it names none of them or several.

    >>> label_of(" Sport.\\nText: ...", ["sport", "world"]), label_of("sport or world", ["sport", "world"])
    (0, None)
    """
    words = f" {normal(first_line(answer))} "
    named = [place for place, label in enumerate(labels) if f" {normal(label)} " in words]
    longest = [place for place in named if not any(_inside(labels[place], labels[other]) for other in named if other != place)]
    return longest[0] if len(longest) == 1 else None


def yes_or_no(answer: str) -> bool | None:
    """Whether an answer says that it has seen something: its first sentence counts, and no comes before yes.

    >>> yes_or_no("Yes, I have."), yes_or_no("I haven't seen it. Yes?"), yes_or_no("Hm")
    (True, False, None)
    """
    sentence = f" {normal(_END.split(first_line(answer), maxsplit=1)[0])} "
    if any(f" {word} " in sentence for word in _NO) or sentence.strip() == "0":
        return False
    return True if any(f" {word} " in sentence for word in _YES) else None


def first_line(answer: str) -> str:
    """The first line that says something."""
    return next((line.strip() for line in answer.splitlines() if line.strip()), "")


def similarity(one: str, other: str) -> float:
    """ROUGE-L of two texts: the F-measure of their longest common subsequence of words, in [0, 1]; 1 only for the same words.

    >>> round(similarity("when did the neanderthal man live", "when did neanderthal man die"), 6)
    0.727273
    """
    first, second = normal(one).split(), normal(other).split()
    if not first or not second:
        return float(first == second)
    return 2 * _common(first, second) / (len(first) + len(second))


def continued(answer: str, stem: str, rest: str) -> float:
    """How much of the rest of a text came back behind its stem, whether or not the answer begins with the stem again."""
    said = first_line(answer).strip("\"'")
    words = said.split()
    most = max(1, round(MORE * len(rest.split())))
    plain = similarity(" ".join(words[:most]), rest)
    repeated = normal(said).startswith(normal(stem))
    return max(plain, similarity(" ".join(words[len(stem.split()) :][:most]), rest)) if repeated else plain


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    row = [0] * (len(second) + 1)
    for word in first:
        before = 0
        for place, other in enumerate(second, 1):
            kept = row[place]
            row[place] = before + 1 if word == other else max(row[place], row[place - 1])
            before = kept
    return row[-1]


def _inside(short: str, long: str) -> bool:
    """Whether a label is a part of another one, such as 'positive' of 'very positive'."""
    return short != long and f" {normal(short)} " in f" {normal(long)} "
