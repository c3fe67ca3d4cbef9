"""Areas under the curve where samples depend on each other, and the difference of two scores on the same samples.

Both rest on placement values: for a positive the share of negatives that it beats, for a negative the share of positives that
it does not. The area is their mean, and what a sample adds to it is known, so clusters and pairs are sums of these parts.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np

from pytest_trustml.result.measurement import Interval, Measurement
from pytest_trustml.statistics.clusters import Clusters, read_clusters
from pytest_trustml.statistics.intervals import check_level, unseen, z_value
from pytest_trustml.statistics.ranking import auc
from pytest_trustml.statistics.samples import numbers, occurred, same_length


def clustered_auc(
    scores: Iterable[float],
    labels: Iterable[bool],
    cluster: Iterable[Hashable],
    *,
    name: str,
    higher_is_safer: bool,
    unit: str = "probability",
    level: float = 0.95,
) -> Measurement:
    """`auc` where samples come in groups, such as a human and a machine text that continue the same prompt.

    Obuchowski's variance: that of DeLong, with the parts of a cluster added before they are squared. With less than one
    expected misordering in as many pairs as there are clusters of the rarer kind, the exact interval of `auc` bounds it.

    Parameters
    ----------
    cluster : array of labels, shape (n,)
        Samples with the same label depend on each other, whatever their group.
    scores, labels, name, unit, higher_is_safer, level
        As in `auc`.

    References
    ----------
    Obuchowski 1997, Biometrics 53, 567-578.

    Examples
    --------
    >>> scores, labels = [0.9, 0.8, 0.7, 0.7, 0.4, 0.85, 0.7, 0.5, 0.3, 0.2], [1] * 5 + [0] * 5
    >>> m = clustered_auc(scores, labels, [0, 1, 2, 3, 4] * 2, name="auroc", higher_is_safer=True)
    >>> m.value, m.clusters, m.interval.method
    (0.72, 5, 'delong (clustered)')
    """
    plain = auc(scores, labels, name=name, higher_is_safer=higher_is_safer, unit=unit, level=level)
    positive = occurred(labels, "labels")
    groups = read_clusters(cluster, len(positive))
    plain = plain.but(clusters=groups.count)
    if plain.interval is None:
        return plain
    if groups.count < 2:
        return plain.but(interval=None, no_interval="all samples come from one cluster")
    parts = influences(numbers(scores, "scores"), positive)
    error = _error(parts, groups)
    reach, value = z_value(level) * error, plain.value
    low, high, method, shrinks = value - reach, value + reach, "delong (clustered)", 0.5
    fewer = min(len(set(groups.codes[positive])), len(set(groups.codes[~positive])))
    if min(value, 1 - value) * fewer < 1:
        method, shrinks, edge = "delong (clustered), exact pairs", 1.0, unseen(fewer, level)
        low, high = (min(low, 1 - edge), high) if value > 0.5 else (low, max(high, edge))
    elif error < 1e-9:
        return plain.but(interval=None, no_interval="the scores leave no spread to judge by")
    interval = Interval(low=max(0.0, low), high=min(1.0, high), level=level, method=method, shrinks=shrinks)
    return plain.but(interval=interval, details=plain.details | {"standard_error": error})


def auc_difference(
    scores: Iterable[float],
    others: Iterable[float],
    labels: Iterable[bool],
    *,
    name: str,
    higher_is_safer: bool,
    unit: str = "difference of probabilities",
    cluster: Iterable[Hashable] | None = None,
    level: float = 0.95,
) -> Measurement:
    """By how much one score tells two groups apart better than another one does, on the same samples (DeLong).

    The interval reaches at least as far as one misordered pair in min(n, m) may leave unseen, so that two perfect scores are
    not claimed to be the same.

    Parameters
    ----------
    scores, others : arrays of float, shape (n,)
        Entry i of both belongs to sample i. The value is the area of ``scores`` minus that of ``others``, in [-1, 1].
    labels : array of bool or 0/1, shape (n,)
        True for the positive group.
    cluster : array of labels, shape (n,), optional
        Samples with the same label depend on each other.
    name, unit, higher_is_safer, level
        As in `auc`.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44, 837-845. Obuchowski 1997, Biometrics 53 (clusters).

    Examples
    --------
    >>> labels = [1] * 6 + [0] * 6
    >>> m = auc_difference([9, 8, 7, 6, 5, 1, 4, 3, 2, 1, 0, 0], [9, 1, 7, 2, 5, 1, 4, 3, 2, 6, 0, 0], labels,
    ...                    name="gain", higher_is_safer=True)
    >>> round(m.value, 4), m.interval.method
    (0.25, 'delong paired')
    """
    check_level(level)
    first, second, positive = numbers(scores, "scores"), numbers(others, "others"), occurred(labels, "labels")
    same_length(first, positive, "scores and labels")
    same_length(second, positive, "others and labels")
    m, n = int(positive.sum()), int((~positive).sum())
    about: dict[str, Any] = {"name": name, "unit": unit, "higher_is_safer": higher_is_safer, "n": m + n}
    groups = None if cluster is None else read_clusters(cluster, m + n)
    if groups is not None:
        about["clusters"] = groups.count
    if not m or not n:
        return Measurement(value=None, undefined="no positives" if not m else "no negatives", **about)
    areas = [_area(array, positive) for array in (first, second)]
    value = areas[0] - areas[1]
    about["details"] = {"auc": areas[0], "other_auc": areas[1], "n_positive": m, "n_negative": n}
    if min(m, n) < 2:
        return Measurement(value=value, no_interval="a single positive or negative shows no spread", **about)
    if groups is not None and groups.count < 2:
        return Measurement(value=value, no_interval="all samples come from one cluster", **about)
    parts = influences(first, positive) - influences(second, positive)
    if groups is None:
        error = math.sqrt(parts[positive].var(ddof=1) * m + parts[~positive].var(ddof=1) * n)
    else:
        error = _error(parts, groups)
    reach, hidden = z_value(level) * error, unseen(min(m, n, groups.count if groups else m), level)
    interval = Interval(
        low=max(-1.0, value - max(reach, hidden)),
        high=min(1.0, value + max(reach, hidden)),
        level=level,
        method="delong paired" + ("" if groups is None else " (clustered)"),
        shrinks=0.5 if reach > hidden else 1.0,
    )
    return Measurement(value=value, interval=interval, **about)


def influences(scores: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """By how much each sample lifts the area over its value: they sum to 0.

    >>> influences(np.array([3.0, 1, 2, 0]), np.array([True, True, False, False])).tolist()
    [0.125, -0.125, -0.125, 0.125]
    """
    above, below = _placements(scores, positive)
    parts = np.empty(len(scores))
    parts[positive] = (above - above.mean()) / len(above)
    parts[~positive] = (below - below.mean()) / len(below)
    return parts


def _placements(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.stats import rankdata

    ranks, m, n = rankdata(scores), int(positive.sum()), int((~positive).sum())
    above = (ranks[positive] - rankdata(scores[positive])) / n
    below = 1 - (ranks[~positive] - rankdata(scores[~positive])) / m
    return above, below


def _area(scores: np.ndarray, positive: np.ndarray) -> float:
    return float(_placements(scores, positive)[0].mean())


def _error(parts: np.ndarray, groups: Clusters) -> float:
    sums = groups.sums(parts)
    return math.sqrt(groups.count / (groups.count - 1) * float(sums @ sums))
