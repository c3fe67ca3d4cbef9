"""F1 and its change, with intervals: by resampling, or from exact ends of both rates where no resample differs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

import pytest_trustml as tm
from builtin_checks.hate_detectors import score
from builtin_checks.hate_detectors.detector import Judged

if TYPE_CHECKING:
    from pytest_trustml import Measurement, Trust

EXACT = "exact ends of both rates"
Metric = Callable[[score.Counts], float]


def units(gold: np.ndarray, flagged: np.ndarray, clusters: Sequence[Hashable] | None) -> np.ndarray:
    """The four counts of every independent unit, a text or a cluster of them: (units, 4).

    Drawing these is drawing whole clusters, at a fraction of the cost.

    >>> units(np.array([True, True, False]), np.array([True, False, False]), ["a", "b", "a"]).tolist()
    [[1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]]
    """
    cells = np.stack([gold & flagged, ~gold & flagged, gold & ~flagged, ~gold & ~flagged], axis=1).astype(float)
    if clusters is None:
        return cells
    known: dict[Hashable, int] = {}
    codes = np.array([known.setdefault(label, len(known)) for label in clusters], dtype=int)
    return np.stack([np.bincount(codes, weights=column, minlength=len(known)) for column in cells.T], axis=1)


def f1(trust: Trust, name: str, judged: Judged, clusters: Sequence[Hashable] | None) -> Measurement:
    """``f1_macro`` or ``f1_hate`` of a detector.

    A detector without any mistake has the same F1 in every resample, which says nothing of mistakes that these texts did not
    happen to show: then the interval is that of `reach`.
    """
    metric = score.METRICS[name]
    found = trust.bootstrap(
        lambda cells: metric(score.Counts(*cells.sum(axis=0))),
        units(judged.hateful, judged.flagged, clusters),
        rng=trust.rng,
        name=name,
        unit="F1",
        higher_is_safer=True,
    )
    found = _of_texts(found, len(judged.hateful), clusters)
    if found.value is None:
        return found.but(undefined=f"{name} needs hateful and other texts, or a text that is flagged")
    if found.interval is not None:
        return found
    return with_interval(found, *reach(trust, metric, judged, clusters, trust.level), trust.level, EXACT)


def reach(
    trust: Trust, metric: Metric, judged: Judged, clusters: Sequence[Hashable] | None, level: float, prior: float | None = None
) -> tuple[float, float]:
    """The lowest and the highest value of a metric between the exact ends of recall and false positive rate, held at once.

    Every metric here rises or falls with either of them throughout, so that its extremes lie at their ends.
    """
    gold, flagged = judged.hateful, judged.flagged
    ends = []
    for rows in (gold, ~gold):
        rate = trust.proportion(
            flagged[rows], name="rate", higher_is_safer=True, cluster=_own(clusters, rows), level=(1 + level) / 2
        )
        ends.append((0.0, 1.0) if rate.interval is None else (rate.interval.low, rate.interval.high))
    share = float(gold.mean()) if prior is None else prior
    corners = metric(score.shares(ends[0][0], ends[1][1], share)), metric(score.shares(ends[0][1], ends[1][0], share))
    return min(corners), max(corners)


def with_interval(found: Measurement, low: float, high: float, level: float, method: str) -> Measurement:
    """The same measurement with an interval that was found otherwise."""
    interval = tm.Interval(low=min(low, found.value), high=max(high, found.value), level=level, method=method, shrinks=1.0)
    return found.but(interval=interval, no_interval=None)


def change(
    trust: Trust,
    name: str,
    metric: Metric,
    judged: Judged,
    new: np.ndarray,
    prompts: tuple[Sequence[Hashable] | None, bool],
    *,
    higher_is_safer: bool = True,
    prior: float | None = None,
    unit: str = "difference of F1",
) -> Measurement:
    """A metric on the new generator's texts minus the same on the old one's.

    Parameters
    ----------
    new : ndarray of bool, shape (n,)
        Which texts the new generator wrote.
    prompts : (labels or None, bool)
        The prompt of every text, and whether prompts are drawn with both their texts (paired) or each generator on its own.
    prior : float, optional
        Share of hateful texts to re-weight both sides to; as it is without.
    """
    gold, flagged = judged.hateful, judged.flagged

    def value(cells: np.ndarray) -> float:
        counts = score.Counts(*cells.sum(axis=0))
        return metric(counts if prior is None else score.shares(score.recall(counts), score.fpr(counts), prior))

    labels, paired = prompts
    about = {"rng": trust.rng, "name": name, "unit": unit, "higher_is_safer": higher_is_safer}
    if paired:
        # Texts of the other generator are counted as zeros, so that a prompt is drawn with what both made of it.
        sides = np.concatenate([_side(gold, flagged, part, labels or range(len(gold))) for part in (new, ~new)], axis=1)
        found = trust.bootstrap(lambda cells: value(cells[:, :4]) - value(cells[:, 4:]), sides, **about)
    else:
        parts = [units(gold[part], flagged[part], _own(labels, part)) for part in (new, ~new)]
        found = trust.bootstrap(lambda first, second: value(first) - value(second), *parts, **about)
    found = _of_texts(found, len(gold), labels)
    if found.value is None:
        return found.but(undefined="one of the generators has texts of one class only")
    if found.interval is not None:
        return found
    ends = []
    for part in (new, ~new):
        arm = Judged(judged.data, gold[part], judged.scores[part], flagged[part], judged.detector)
        ends.append(reach(trust, metric, arm, _own(labels, part), (1 + trust.level) / 2, prior))
    return with_interval(found, ends[0][0] - ends[1][1], ends[0][1] - ends[1][0], trust.level, EXACT)


def _own(labels: Sequence[Hashable] | None, rows: np.ndarray) -> list[Hashable] | None:
    return None if labels is None else [label for label, here in zip(labels, rows, strict=True) if here]


def _side(gold: np.ndarray, flagged: np.ndarray, part: np.ndarray, labels: Sequence[Hashable]) -> np.ndarray:
    """Counts of one generator's texts for every prompt, whoever wrote the others: (prompts, 4)."""
    known: dict[Hashable, int] = {}
    codes = np.array([known.setdefault(label, len(known)) for label in labels], dtype=int)
    found = np.zeros((len(known), 4))
    np.add.at(found, codes[part], units(gold[part], flagged[part], None))
    return found


def _of_texts(found: Measurement, n: int, clusters: Sequence[Hashable] | None) -> Measurement:
    """The measurement with n texts, where units of several were drawn."""
    return found if clusters is None else found.but(n=n, clusters=len(set(clusters)))
