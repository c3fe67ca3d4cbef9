"""How common something is, from scores that are not certain about any single sample: the share, and its change."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import NamedTuple

import numpy as np

from pytest_trustml.result.measurement import Interval, Measurement
from pytest_trustml.statistics.clusters import effective_size, read_clusters
from pytest_trustml.statistics.intervals import check_level, newcombe_ends
from pytest_trustml.statistics.samples import numbers, occurred


class Share(NamedTuple):
    """A share of positives, and the posterior of each sample at that share."""

    share: float
    posteriors: np.ndarray


def likeliest_share(posteriors: Iterable[float], prior: float) -> Share:
    """The share of positives under which the scores of a population are likeliest (Saerens, Latinne and Decaestecker's EM).

    The share w maximises the sum of log(w p / prior + (1 - w) (1 - p) / (1 - prior)), which is concave in w: where EM would
    stop after many steps, bisection of the slope arrives at once. It needs calibrated posteriors and, like all of these
    methods, samples whose scores are spread within each class as they were where the posteriors were learnt.

    Parameters
    ----------
    posteriors : array of float in [0, 1], shape (n,), n > 0
        Probability of each sample to be a positive, as learnt where the share of positives was ``prior``.
    prior : float in (0, 1)

    Returns
    -------
    Share
        The share is 0 or 1 where the slope never changes its sign.

    References
    ----------
    Saerens, Latinne and Decaestecker 2002, Neural Computation 14, 21-41, equation 2.6.

    Examples
    --------
    >>> found = likeliest_share([0.9, 0.8, 0.3, 0.2, 0.1, 0.6], 0.5)
    >>> round(found.share, 6), found.posteriors.round(6).tolist()
    (0.454629, [0.882388, 0.769291, 0.263223, 0.172462, 0.084772, 0.555639])
    """
    array = numbers(posteriors, "posteriors")
    if not len(array):
        raise ValueError("posteriors is empty. A share needs at least one sample.")
    wrong = np.flatnonzero((array < 0) | (array > 1))
    if wrong.size:
        raise ValueError(f"posteriors[{wrong[0]}] is {array[wrong[0]]}. A probability lies between 0 and 1.")
    if not 0 < prior < 1:
        raise ValueError(f"The prior is {prior}. It lies between 0 and 1: both classes must occur where posteriors are learnt.")
    positive, negative = array / prior, (1 - array) / (1 - prior)
    gain = positive - negative

    def slope(share: float) -> float:
        with np.errstate(divide="ignore"):
            return float(np.sum(gain / (negative + share * gain)))

    low, high = 0.0, 1.0
    if slope(0.0) <= 0:
        high = 0.0
    elif slope(1.0) >= 0:
        low = 1.0
    while high - low > 1e-14:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    share = (low + high) / 2
    weighted = share * positive
    total = weighted + (1 - share) * negative
    return Share(share, np.divide(weighted, total, out=np.zeros_like(total), where=total > 0))


def adjusted_share(apparent: float, among_positives: float, among_negatives: float) -> float:
    """What an average over a population says of the share, given the averages over known positives and negatives.

    With flagged shares it is the adjusted count (Rogan and Gladen's estimate), with mean posteriors its probabilistic form
    (PACC). Not cut to [0, 1]: a negative share tells that the known negatives are flagged more often than the population.

    Raises
    ------
    ValueError
        If known positives do not average higher than known negatives.

    References
    ----------
    Forman 2008, Data Mining and Knowledge Discovery 17, 164-206. Bella et al. 2010, ICDM, 737-742.

    Examples
    --------
    >>> round(adjusted_share(0.5, 0.9, 0.05), 6), round(adjusted_share(0.483333, 0.82, 0.12), 6)
    (0.529412, 0.519047)
    """
    if among_positives <= among_negatives:
        raise ValueError(f"Known positives average {among_positives:g} and known negatives {among_negatives:g}: not higher.")
    return (apparent - among_negatives) / (among_positives - among_negatives)


def share_change(
    later: Iterable[bool],
    earlier: Iterable[bool],
    positives: Iterable[bool],
    negatives: Iterable[bool],
    *,
    name: str,
    higher_is_safer: bool,
    unit: str = "difference of shares",
    cluster: tuple[Iterable[Hashable], Iterable[Hashable]] | None = None,
    level: float = 0.95,
) -> Measurement:
    """By how much a share rose between two populations that the same imperfect detector looked at.

    The difference of the flagged shares over sensitivity + specificity - 1. How often the detector flags known negatives
    cancels in the numerator: that it was over- or underestimated shifts both shares and changes their difference by little.

    Parameters
    ----------
    later, earlier : arrays of bool or 0/1
        What the detector says about samples of the two populations.
    positives, negatives : arrays of bool or 0/1
        What it says about known cases and known non-cases.
    cluster : two arrays of labels, optional
        Samples of ``later`` and of ``earlier`` that depend on each other.
    name, unit, higher_is_safer, level
        As in `proportion`.

    Returns
    -------
    Measurement
        In [-1, 1]. The distances to the ends that the numerator (Newcombe) and the denominator (Newcombe) give are added as
        squares. Undefined if the detector is no better than a coin; [-1, 1] where it cannot be told from one.

    References
    ----------
    Zou and Donner 2008, Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    >>> se, sp = [1] * 190 + [0] * 10, [1] * 10 + [0] * 490
    >>> print(share_change([1] * 25 + [0] * 975, [1] * 13 + [0] * 987, se, sp, name="rise", higher_is_safer=False))
    rise = 0.0129 (95 % interval -0.0001481 to 0.02671, newcombe, squares added, n = 2000)
    """
    check_level(level)
    new, old = occurred(later, "later"), occurred(earlier, "earlier")
    cases, others = occurred(positives, "positives"), occurred(negatives, "negatives")
    about = {"name": name, "unit": unit, "higher_is_safer": higher_is_safer, "n": len(new) + len(old)}
    counted = {"later": new, "earlier": old, "known positives": cases, "known negatives": others}
    for what, array in counted.items():
        if not len(array):
            return Measurement(value=None, undefined=f"no {what} samples", **about)
    sizes = [float(len(new)), float(len(old))]
    if cluster is not None:
        groups = [read_clusters(labels, len(array)) for labels, array in zip(cluster, (new, old), strict=True)]
        about["clusters"] = sum(group.count for group in groups)
        if min(group.count for group in groups) < 2:
            return Measurement(value=None, undefined="a population of a single cluster shows no spread", **about)
        sizes = [effective_size(array, group, level) for array, group in zip((new, old), groups, strict=True)]
    rise, strength = float(new.mean() - old.mean()), float(cases.mean() - others.mean())
    if strength <= 0:
        return Measurement(value=None, undefined="the detector flags known negatives as often as known positives", **about)
    raw = rise / strength
    value = min(1.0, max(-1.0, raw))
    about["details"] = {
        "flagged_later": float(new.mean()), "flagged_earlier": float(old.mean()), "sensitivity": float(cases.mean()),
        "specificity": 1 - float(others.mean()), "raw": raw,
    }  # fmt: skip
    weakest, strongest = newcombe_ends((int(cases.sum()), len(cases)), (int(others.sum()), len(others)), level)
    if weakest <= 0:
        about["details"]["width"] = "the detector cannot be told from a coin, so any change is possible"
        return Measurement(value=value, interval=Interval(low=-1.0, high=1.0, level=level, method="unbounded"), **about)
    low, high = newcombe_ends((float(new.mean()) * sizes[0], sizes[0]), (float(old.mean()) * sizes[1], sizes[1]), level)
    extremes = (rise / weakest, rise / strongest)
    interval = Interval(
        low=min(value, max(-1.0, raw - math.hypot((rise - low) / strength, raw - min(*extremes, raw)))),
        high=max(value, min(1.0, raw + math.hypot((high - rise) / strength, max(*extremes, raw) - raw))),
        level=level,
        method="newcombe, squares added" + ("" if cluster is None else " (clustered)"),
    )
    return Measurement(value=value, interval=interval, **about)
