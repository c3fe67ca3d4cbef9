"""How natural an edited text reads to a language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from pytest_trustml.attacks.text_edits.success import Spread, spread
from pytest_trustml.errors import DataError

if TYPE_CHECKING:
    import numpy as np


class Fluency(msgspec.Struct, frozen=True, kw_only=True):
    """Perplexity of the edited texts, and theirs over that of their originals."""

    perplexity: Spread
    ratio: Spread


def fluency(before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> Fluency:
    """Perplexity per text, exp of minus the mean log-probability of its tokens: mean, median and 95th percentile.

    A mean is easily ruled by one garbled text; read the median beside it. Every text is scored by itself, as it is written.

    Parameters
    ----------
    before, after : sequence of arrays (T_i,)
        Log-probabilities (nat) of the tokens of the originals and of the edited texts under one named language model, as
        `sequence_logprobs` gives them.

    Raises
    ------
    DataError
        If the numbers of texts differ, or a text has no tokens or a log-probability that is not finite or above 0.

    Examples
    --------
    >>> import numpy as np
    >>> found = fluency([np.log([0.5, 0.5])], [np.log([0.5, 0.125])])
    >>> round(found.perplexity.median, 6), round(found.ratio.median, 6)
    (4.0, 2.0)
    """
    import numpy as np

    if len(before) != len(after):
        raise DataError(f"There are {len(before)} originals and {len(after)} edited texts. Give the same texts twice.")
    old, new = (np.array([_surprise(row, text) for text, row in enumerate(rows)]) for rows in (before, after))
    return Fluency(perplexity=spread(np.exp(new)), ratio=spread(np.exp(new - old)))


def _surprise(row: np.ndarray, text: int) -> float:
    """Minus the mean log-probability of a token (nat)."""
    import numpy as np

    row = np.asarray(row, np.float64)
    if row.ndim != 1 or not row.size or not (np.isfinite(row) & (row <= 1e-6)).all():
        raise DataError(
            f"Text {text} has log-probabilities of shape {row.shape} that are missing, not finite or above 0. "
            f"Give one finite number, at most 0, per token."
        )
    return float(-row.mean())
