"""Random numbers that are the same on every machine and never shared between two purposes."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from pytest_trustml.errors import UsageError

if TYPE_CHECKING:
    import numpy as np


def generator(seed: int, *words: str | int) -> np.random.Generator:
    """A random generator for one purpose of one run.

    Parameters
    ----------
    seed : int
        The seed of the run.
    words : str or int
        What the numbers are for, e.g. a check id and the name of a step. Other words give an independent stream.

    Returns
    -------
    numpy.random.Generator
        PCG64, seeded with the SHA-256 of seed and words.

    Raises
    ------
    UsageError
        If the seed is not a whole number or a word is neither text nor a whole number.

    Examples
    --------
    >>> int(generator(0, "clip.tail", "bootstrap").integers(1000)) == int(generator(0, "clip.tail", "bootstrap").integers(1000))
    True
    >>> float(generator(0, "a").random()) == float(generator(0, "b").random())
    False
    """
    import numpy as np

    if isinstance(seed, bool) or not isinstance(seed, int):
        raise UsageError(f"The seed is {seed!r}, a {type(seed).__name__}. It must be a whole number: convert it with int().")
    for word in words:
        if isinstance(word, bool) or not isinstance(word, (str, int)):
            raise UsageError(
                f"{word!r} is a {type(word).__name__}. Words must be text or whole numbers: convert it with str()."
            )
    text = json.dumps([seed, *words], ensure_ascii=False).encode("utf-8", "surrogatepass")
    entropy = int.from_bytes(hashlib.sha256(text).digest(), "big")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))
