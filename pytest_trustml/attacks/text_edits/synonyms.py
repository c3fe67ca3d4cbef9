"""Where words of similar meaning come from: a dictionary, a WordNet folder or word vectors, all brought by the user."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path

from pytest_trustml.attacks.text_edits.vectors import WordVectors
from pytest_trustml.attacks.text_edits.wordnet import WordNet
from pytest_trustml.errors import UsageError

Find = Callable[[str], Sequence[str]]
"""A word in lower case to other words, best first."""

Synonyms = Mapping[str, Sequence[str]] | Find | str | PathLike[str]
"""Whatever `open_synonyms` understands."""


def open_synonyms(source: Synonyms, most: int = 50, least_cosine: float = 0.5) -> Find:
    """Words of similar meaning from what the user has.

    Parameters
    ----------
    source : mapping, callable or path
        A dictionary of lists; a function from a word in lower case to a list; WordNet's ``dict`` folder; or a file of word
        vectors, as text (a word and its numbers per line) or ``.npz`` (arrays ``words`` and ``vectors``).
    most, least_cosine : int, float
        How many neighbours of a word vector, and how near they must be. The other sources are taken as they are.

    Returns
    -------
    callable
        From a word to a list of words. A `WordNet` also knows parts of speech.

    Raises
    ------
    UsageError, DataError
        If there is no such source, or it is not what it seems.

    Examples
    --------
    >>> find = open_synonyms({"Stupid": ["silly", "daft"]})
    >>> find("stupid"), find("table")
    (['silly', 'daft'], [])
    """
    if isinstance(source, Mapping):
        for word, others in source.items():
            if isinstance(others, str):
                raise UsageError(f"The synonyms of {word!r} are one text, {others!r}. Give a list of words.")
        table = {word.lower(): list(others) for word, others in source.items()}
        return lambda word: table.get(word, [])
    if callable(source):
        return source
    if not isinstance(source, (str, PathLike)):
        raise UsageError(
            f"Synonyms come from a dictionary, a function or a path, found a {type(source).__name__}. "
            f"An object of your own is wrapped in a function from a word to a list of words."
        )
    path = Path(source)
    if path.is_dir():
        return WordNet(path)
    if path.is_file():
        return WordVectors.read(path, most, least_cosine)
    raise UsageError(f"There is no {path}. Name WordNet's dict folder or a file of word vectors (text or .npz).")
