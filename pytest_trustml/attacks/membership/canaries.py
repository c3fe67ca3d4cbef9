"""Canaries: untypical records that nobody needs, planted in a training so that what it remembers of them can be measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_trustml.errors import UsageError

if TYPE_CHECKING:
    import numpy as np


class Canaries(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Pictures of noise to plant, with what is to be done with each.

    Parameters
    ----------
    images : array of uint8, shape (n, H, W, 3)
    labels : array of int64, shape (n,)
        A class drawn at random, 0 where there is one only.
    copies : array of int64, shape (n,)
        How often each is to be in the training, if it is in it.
    included : array of bool, shape (n,)
        Whether it is to be in the training at all.
    """

    images: Any
    labels: Any
    copies: Any
    included: Any

    def training_rows(self) -> np.ndarray:
        """The row of each picture that goes into the training, as often as it does: put ``images[rows]`` there."""
        import numpy as np

        return np.repeat(np.arange(len(self.copies)), np.where(self.included, self.copies, 0))


def draw_canaries(
    count: int,
    *,
    rng: np.random.Generator,
    size: tuple[int, int] = (32, 32),
    classes: int = 1,
    copies: Sequence[int] = (1,),
    share: float = 0.5,
) -> Canaries:
    """Pictures of noise that no other picture resembles, some planted more often than others, some left out.

    To test a whole chain of measuring memorization (``encoder_memorization.layer_profile``): ``copies=(1, 4, 16), share=1``,
    and the numbers in a column ``copies`` of the candidates. To audit a claim of privacy in one run
    (``membership_inference.claimed_epsilon``): one copy each, ``share=0.5``, 1,000 of them, in a column ``included``.

    Parameters
    ----------
    count : int
        50 are enough for the first, 1,000 for the second.
    rng : numpy.random.Generator
    size : (height, width)
        In pixels.
    classes : int
        Labels are drawn from 0 to classes - 1, evenly and independently of all else.
    copies : sequence of int, from 1
        Dealt out evenly: with three numbers a third of the canaries gets each.
    share : float in (0, 1]
        Probability of being included, for each independently of the others; an audit needs 1/2.

    Raises
    ------
    UsageError
        For a count, classes or copies below 1, or a share outside of (0, 1].

    References
    ----------
    Wang et al. 2024, NeurIPS, arXiv:2409.19069 (more copies are remembered better); Steinke, Nasr and Jagielski 2023, NeurIPS,
    arXiv:2305.08846 (independent inclusion).

    Examples
    --------
    >>> import numpy as np
    >>> drawn = draw_canaries(6, rng=np.random.default_rng(0), copies=(1, 4), share=1)
    >>> drawn.images.shape, sorted(drawn.copies.tolist()), len(drawn.training_rows())
    ((6, 32, 32, 3), [1, 1, 1, 4, 4, 4], 15)
    """
    import numpy as np

    if count < 1 or classes < 1 or not copies or min(copies) < 1 or min(size) < 1:
        raise UsageError(
            f"{count} canaries of {size[0]} x {size[1]} pixels, {classes} classes and copies {tuple(copies)} were asked for. "
            "All of these are at least 1."
        )
    if not 0 < share <= 1:
        raise UsageError(f"share is {share}. It is a probability above 0, 1/2 for an audit, 1 to plant all.")
    dealt = np.array(copies, dtype=np.int64)[np.arange(count) % len(copies)]
    return Canaries(
        images=rng.integers(0, 256, (count, *size, 3), dtype=np.uint8),
        labels=rng.integers(classes, size=count),
        copies=rng.permutation(dealt),
        included=rng.random(count) < share,
    )
