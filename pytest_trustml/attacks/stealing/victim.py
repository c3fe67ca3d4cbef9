"""A detector that can only be asked, with every question counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pytest_trustml.errors import DataError, SubjectError

if TYPE_CHECKING:
    import numpy as np


class Victim:
    """Asks in batches, and counts the texts that were asked and the seconds that passed meanwhile.

    Parameters
    ----------
    predict : callable
        A list of texts to an array (B,): the score in [0, 1] of the class that is looked for, or bool.
    batch_size : int
        Texts per call.

    Examples
    --------
    >>> victim = Victim(lambda texts: [0.9 if "muppet" in text else 0.1 for text in texts])
    >>> victim.scores(["you muppet", "hello"]), victim.queries
    (array([0.9, 0.1]), 2)
    """

    def __init__(self, predict: Callable[[list[str]], Any], batch_size: int = 256) -> None:
        self._predict = predict
        self._size = batch_size
        self.queries = 0
        self.seconds = 0.0

    def scores(self, texts: Sequence[str], step: Callable[[int], Any] | None = None) -> np.ndarray:
        """One score per text: (B,) float64 in [0, 1], 0 and 1 where the detector gives labels.

        Raises
        ------
        SubjectError
            If the detector gives anything but one finite number in [0, 1], or one bool, per text.
        """
        import numpy as np

        found = [np.empty(0)]
        for start in range(0, len(texts), self._size):
            batch = list(texts[start : start + self._size])
            before = time.perf_counter()
            answer = np.asarray(self._predict(batch))
            self.seconds += time.perf_counter() - before
            self.queries += len(batch)
            if answer.shape != (len(batch),) or answer.dtype.kind not in "biuf":
                raise SubjectError(
                    f"The detector gave an array of shape {answer.shape} and type {answer.dtype} for {len(batch)} texts. "
                    "It must give one number per text: the score of the class that it looks for."
                )
            answer = answer.astype(np.float64)
            if not ((answer >= 0) & (answer <= 1)).all():
                wrong = next(score for score in answer.tolist() if not 0 <= score <= 1)
                raise SubjectError(f"The detector gave the score {wrong}. Scores lie between 0 and 1: convert logits first.")
            found.append(answer)
            if step is not None:
                step(len(batch))
        return np.concatenate(found)


def checked_texts(texts: Sequence[str], what: str) -> list[str]:
    """A list of texts, or an error that names the row that is none."""
    if isinstance(texts, str):
        raise DataError(f"{what} is one text. Give a list of texts.")
    listed = list(texts)
    for row, text in enumerate(listed):
        if not isinstance(text, str):
            raise DataError(f"Row {row} of {what} is a {type(text).__name__}, not a text.")
    return listed
