"""Word vectors from a file, and the words whose vectors point the same way."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_trustml.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np


class WordVectors:
    """The nearest words by cosine.

    Parameters
    ----------
    words : sequence of str
        V words.
    vectors : array (V, d)
        One row of finite numbers per word.
    most : int
        Neighbours per word.
    least_cosine : float
        Neighbours are at least this near. In [-1, 1].

    Raises
    ------
    DataError, UsageError
        If words and vectors do not belong together or a setting is out of range.

    Examples
    --------
    >>> near = WordVectors(["stupid", "silly", "table"], [[1, 0], [0.8, 0.6], [0, 1]], least_cosine=0.5)
    >>> near("stupid"), near("table"), near("chair")
    (['silly'], ['silly'], [])
    """

    def __init__(
        self, words: Sequence[str], vectors: np.ndarray | Sequence[Sequence[float]], most: int = 50, least_cosine: float = 0.5
    ) -> None:
        import numpy as np

        table = np.asarray(vectors, np.float32)
        if table.ndim != 2 or len(table) != len(words) or not len(words) or not np.isfinite(table).all():
            raise DataError(f"{len(words)} words and vectors of shape {table.shape}: give one row of finite numbers per word.")
        if most < 1 or not -1 <= least_cosine <= 1:
            raise UsageError(f"most is at least 1 and least_cosine between -1 and 1, found {most} and {least_cosine}.")
        lengths = np.linalg.norm(table, axis=1, keepdims=True)
        self._table = table / np.where(lengths > 0, lengths, 1)  # a word of no direction is near to none
        self._words = list(words)
        self._places = {word: place for place, word in enumerate(self._words)}
        self._most, self._least = most, least_cosine
        self._near = functools.lru_cache(maxsize=2**16)(self._nearest)

    @classmethod
    def read(cls, path: str | Path, most: int = 50, least_cosine: float = 0.5) -> WordVectors:
        """Vectors from ``.npz`` (arrays ``words`` and ``vectors``, no pickle) or from text: a word and its numbers per line.

        A first line with the two counts, as word2vec writes it, is skipped.
        """
        path = Path(path)
        words, vectors = _read_npz(path) if path.suffix == ".npz" else _read_lines(path)
        return cls(words, vectors, most, least_cosine)

    def __call__(self, word: str) -> list[str]:
        """Words from the nearest to the farthest, without the word itself; none for an unknown word."""
        return list(self._near(word)) if word in self._places else []

    def _nearest(self, word: str) -> tuple[str, ...]:
        import numpy as np

        place = self._places[word]
        cosine = self._table @ self._table[place]
        cosine[place] = -np.inf
        best = np.argsort(-cosine, kind="stable")[: self._most]
        return tuple(self._words[k] for k in best if cosine[k] >= self._least)


def _read_npz(path: Path) -> tuple[list[str], np.ndarray]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            return [str(word) for word in file["words"]], file["vectors"]
    except (KeyError, ValueError, OSError) as error:
        raise DataError(f"{path}: no word vectors ({error}). Store arrays named words (text) and vectors (numbers).") from error


def _read_lines(path: Path) -> tuple[list[str], np.ndarray]:
    import numpy as np

    words, rows = [], []
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                word, *numbers = line.rstrip().split(" ")
                if number == 1 and len(numbers) == 1:
                    continue
                try:
                    row = np.array(numbers, np.float32)
                except ValueError:
                    row = np.empty(0, np.float32)
                if not len(row) or (rows and len(row) != len(rows[0])):
                    raise DataError(
                        f"{path}, line {number}: {len(numbers)} fields after {word[:40]!r}. "
                        f"Every line is a word and {len(rows[0]) if rows else 'its'} numbers, separated by single spaces."
                    )
                words.append(word)
                rows.append(row)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    return words, np.stack(rows) if rows else np.empty((0, 0), np.float32)
