"""What an edited text must still be before the victim gets to see it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pytest_trustml.attacks.text_edits.metrics import levenshtein
from pytest_trustml.errors import SubjectError, UsageError

if TYPE_CHECKING:
    import numpy as np


class Trial(NamedTuple):
    """One edited text: the original, the text before this edit and after it, and the core of the word before and after."""

    original: str
    previous: str
    text: str
    before: str
    after: str


Constraint = Callable[[Trial], bool]


@dataclasses.dataclass(frozen=True)
class FewCharacters:
    """At most ``most`` characters differ from the original (Levenshtein distance)."""

    most: int

    def __call__(self, trial: Trial) -> bool:
        return levenshtein(trial.original, trial.text) <= self.most


@dataclasses.dataclass(frozen=True)
class SamePartOfSpeech:
    """The new word can be the part of speech that the old one can be; a noun may become a verb and back.

    ``parts`` gives the parts of speech that a word can have: ``noun``, ``verb``, ``adj``, ``adv``. Where it knows none for one
    of the two words, nothing is known and the edit is allowed.
    """

    parts: Callable[[str], Collection[str]]

    def __call__(self, trial: Trial) -> bool:
        before, after = (
            {"noun" if part == "verb" else part for part in self.parts(word.lower())} for word in (trial.before, trial.after)
        )
        return not before or not after or bool(before & after)


class Similarity:
    """The angular similarity of two texts in the eyes of an encoder, 1 - arccos(cosine) / pi, must be high enough.

    Parameters
    ----------
    encode : callable
        Texts to an array (B, d) of finite numbers.
    at_least : float
        In [0, 1]. The cosine 0.8776 has the angular similarity 0.8408.
    window : int or None
        Compare only this many words around the edited one; shorter texts are not compared. None compares whole texts.
    against : {"original", "previous"}
        The text that the edited one is compared with.
    """

    def __init__(
        self,
        encode: Callable[[list[str]], Any],
        at_least: float,
        window: int | None = None,
        against: Literal["original", "previous"] = "original",
    ) -> None:
        if not 0 <= at_least <= 1:
            raise UsageError(f"An angular similarity lies between 0 and 1, found at_least={at_least}.")
        if window is not None and window < 1:
            raise UsageError(f"A window holds at least 1 word, found {window}.")
        self._encode = encode
        self.at_least, self.window, self.against = at_least, window, against

    def encode(self, texts: list[str]) -> np.ndarray:
        """The encoder's vectors, checked: (B, d) float64."""
        import numpy as np

        vectors = np.asarray(self._encode(texts), np.float64)
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            raise SubjectError(
                f"The encoder gave an array of shape {vectors.shape} for {len(texts)} texts. "
                f"It must give one row of finite numbers per text."
            )
        return vectors

    def view(self, words: list[str], index: int, text: str) -> str:
        """What the encoder reads of a text: all of it, or the window around one word."""
        if self.window is None:
            return text
        first = max(0, min(index - (self.window - 1) // 2, len(words) - self.window))
        return " ".join(words[first : first + self.window])
