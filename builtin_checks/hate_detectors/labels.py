"""Which label means hate? Told by its name, never by its place: models count their classes in every possible order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

import pytest_trustml as tm

_HATE = {
    "hate", "hateful", "hatespeech", "toxic", "toxicity", "abusive", "abuse", "offensive", "harmful", "insult", "insulting",
    "threat", "obscene", "identity", "harassment", "racist", "racism", "sexist", "sexism", "flagged", "unsafe", "hs",
}  # fmt: skip
_OTHER = {"neither", "normal", "neutral", "none", "clean", "benign", "safe", "ok", "okay", "acceptable"}
_NOT = {"not", "non", "no", "nothate", "nonhate", "nontoxic", "nonhateful", "nottoxic"}


def hate_columns(labels: Sequence[str], chosen: str = "") -> list[int]:
    """The columns of a classifier that mean hate.

    Parameters
    ----------
    labels : sequence of str
        Names of the classes, in the order of the columns.
    chosen : str
        One or several of these names, separated by commas. Without it exactly one name has to say hate, toxic, abusive,
        offensive or the like, and not deny it.

    Raises
    ------
    UsageError
        If no name or more than one says so, or ``chosen`` is no name of a class. The message lists the names.

    Examples
    --------
    >>> hate_columns(["non-hateful", "hateful"]), hate_columns(["hate", "offensive", "neither"], "hate,offensive")
    ([1], [0, 1])
    """
    names = [str(label) for label in labels]
    listed = ", ".join(repr(name) for name in names)
    if not names:
        raise tm.UsageError(
            "The detector does not name its classes, so nobody can tell which one means hate. Give the object that the factory "
            "returns a list 'labels' in the order of its columns."
        )
    if chosen:
        wanted = [name.strip() for name in chosen.split(",") if name.strip()]
        by_name = {name.lower(): column for column, name in enumerate(names)}
        unknown = [name for name in wanted if name.lower() not in by_name]
        if unknown or not wanted:
            raise tm.UsageError(
                f"The option hate_label is {chosen!r}, but the classes of the detector are {listed}. Name one or several of "
                "these, separated by commas."
            )
        return sorted({by_name[name.lower()] for name in wanted})
    found = [column for column, name in enumerate(names) if _named(name) is True]  # a class called 1 may mean anything
    if len(found) == 1:
        return found
    what = "None" if not found else "More than one"
    raise tm.UsageError(
        f"{what} of the detector's classes ({listed}) can be told to mean hate by its name. Set the option hate_label to one "
        "or several of these names, separated by commas."
    )


def read_labels(cells: Iterable[Any], ids: Sequence[str], chosen: str = "") -> np.ndarray:
    """Which texts are hateful, from the labels of a data set: (n,) bool.

    Parameters
    ----------
    cells : iterable
        Truth values, 1 and 0, or words such as ``hateful`` and ``non-hateful``.
    ids : sequence of str
        Names of the rows, for errors.
    chosen : str
        Labels that mean hateful, separated by commas; all others then mean that the text is not.

    Raises
    ------
    DataError
        If a label can be read neither way, or ``chosen`` names one that no row has.

    Examples
    --------
    >>> read_labels(["hateful", "non-hateful", "1", 0], "abcd").tolist()
    [True, False, True, False]
    >>> read_labels([0, 1, 2], "abc", "0,1").tolist()
    [True, True, False]
    """
    values = [cell.item() if hasattr(cell, "item") else cell for cell in cells]
    if chosen:
        wanted = {word.strip().lower() for word in chosen.split(",") if word.strip()}
        words = [_word(value) for value in values]
        missing = wanted - set(words)
        if missing or not wanted:
            raise tm.DataError(
                f"The option hateful_labels is {chosen!r}, but no text has the label {min(missing, default='')!r}. Name labels "
                "as they stand in the data."
            )
        return np.array([word in wanted for word in words], dtype=bool)
    found = []
    for value, name in zip(values, ids, strict=True):
        meaning = _means(value)
        if meaning is None:
            raise tm.DataError(
                f"The label of the text {name!r} says neither that it is hateful nor that it is not. Write 1 and 0, or "
                "hateful and non-hateful; or set the option hateful_labels to the labels that mean hate."
            )
        found.append(meaning)
    return np.array(found, dtype=bool)


def _word(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().lower()


def _means(value: Any) -> bool | None:
    """True for hateful, False for not, None where a label leaves it open."""
    word = _word(value)
    if word in ("1", "true", "0", "false"):
        return word in ("1", "true")
    return _named(str(value))


def _named(name: str) -> bool | None:
    """True for a name of hate, False for its absence, None where a name leaves it open."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.strip()).lower()
    parts = [part for part in re.split(r"[^a-z0-9]+", apart) if part]
    if any(part in _NOT for part in parts):
        return False
    hate, other = any(part in _HATE for part in parts), any(part in _OTHER for part in parts)
    return None if hate == other else hate
