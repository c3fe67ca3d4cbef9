"""When enough queries were asked: a verdict that stayed the same for three blocks, at a tenth of the level."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from builtin_checks.synthetic_artifacts.ranks import origin_of, ranks

BLOCK = 25
IN_A_ROW = 3
SPENT = 0.1
"""The share of alpha at which each look is taken, because there are several."""


def queries_needed(
    subject: ArrayLike, real: ArrayLike, synthetic: ArrayLike, *, towards: int, alpha: float, block: int = BLOCK
) -> int:
    """How many queries, in their order, would have been enough; all of them where the verdict never settles.

    After every block of 25 queries the artefact is ranked by its mean so far, at alpha / 10. It is enough when three blocks in
    a row say the same origin, real or synthetic. Stopping at the first small p-value would inflate errors; this does not.

    Parameters
    ----------
    subject : array of float, shape (Q,)
    real, synthetic : arrays of float, shapes (nR, Q) and (nS, Q)
    towards : int
        +1 where more synthetic artefacts score higher, -1 where they score lower.
    alpha : float in (0, 1)
    block : int

    Notes
    -----
    The smallest rank p-value of n references is 1 / (n + 1), so at alpha = 0.05 a side needs 199 references before anything can
    settle; with fewer all queries are asked.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> real, synthetic = rng.uniform(0, 0.4, (200, 150)), rng.uniform(0.6, 1, (200, 150))
    >>> queries_needed(np.full(150, 0.95), real, synthetic, towards=1, alpha=0.05)
    75
    >>> queries_needed(np.full(150, 0.95), real[:19], synthetic[:19], towards=1, alpha=0.05)
    150
    """
    everyone = np.concatenate([np.asarray(subject, dtype=float)[None], real, synthetic])
    total, last, row = everyone.shape[1], "", 0
    for asked in range(block, total + 1, block):
        found = ranks(everyone[:, :asked].mean(axis=1)[None], len(np.asarray(real)), towards)
        origin = str(origin_of(*(part[0] for part in found), alpha * SPENT))
        row = row + 1 if origin == last and origin in ("real", "synthetic") else 1
        last = origin
        if row == IN_A_ROW and origin in ("real", "synthetic"):
            return asked
    return total
