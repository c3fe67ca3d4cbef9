"""The worst of many rates, and the widest gap between them, with intervals that allow for having picked the worst.

A release passes only if every one of k rates is good enough, so the unfavourable end is the worst of the k ordinary ends: the
truly worst rate lies beyond it as seldom as any single one would. It fails if some rate is bad, and the more there are, the
more often one looks bad by chance, so the favourable end is the worst of k ends at the level of Bonferroni. The smallest of k
p-values is adjusted in the same way by Holm's method.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import pytest_trustml as tm

if TYPE_CHECKING:
    from pytest_trustml import Measurement, Trust


class Events(NamedTuple):
    """Whether it happened, (n,) bool, and which cluster each sample belongs to."""

    happened: np.ndarray
    clusters: Sequence[Hashable] | None = None


def ends(trust: Trust, events: Events, level: float) -> tuple[float, float]:
    """The exact interval of one rate; from 0 to 1 where a single cluster shows nothing."""
    found = trust.proportion(events.happened, name="rate", higher_is_safer=True, cluster=events.clusters, level=level)
    return (0.0, 1.0) if found.interval is None else (found.interval.low, found.interval.high)


def worst_rate(
    trust: Trust, name: str, rates: Mapping[str, Events], *, higher_is_safer: bool, unit: str = "share"
) -> Measurement:
    """The lowest rate where high ones are safer, otherwise the highest.

    Parameters
    ----------
    rates : mapping of str to Events
        Each with at least one sample.

    Returns
    -------
    Measurement
        ``details`` name the worst and tell how many there are. Undefined where there is none.
    """
    about = {"name": name, "unit": unit, "higher_is_safer": higher_is_safer}
    if not rates:
        return tm.Measurement(value=None, undefined="there is nothing to compare", n=0, **about)
    pick = min if higher_is_safer else max
    values = {key: float(events.happened.mean()) for key, events in rates.items()}
    plain = {key: ends(trust, events, trust.level) for key, events in rates.items()}
    strict = {key: ends(trust, events, _corrected(trust.level, len(rates))) for key, events in rates.items()}
    value = pick(values.values())
    bad = pick(end[0 if higher_is_safer else 1] for end in plain.values())
    good = pick(end[1 if higher_is_safer else 0] for end in strict.values())
    interval = tm.Interval(
        low=min(bad, good, value), high=max(bad, good, value), level=trust.level,
        method=f"clopper-pearson, worst of {len(rates)}",
        shrinks=1.0 if value in (0.0, 1.0) else 0.5,
    )  # fmt: skip
    key = pick(plain, key=lambda k: (plain[k][0 if higher_is_safer else 1], values[k]))
    details = {"worst_by_the_unfavourable_end": key, "its_value": values[key], "compared": len(rates)}
    return tm.Measurement(
        value=value, interval=interval, n=sum(len(events.happened) for events in rates.values()), details=details, **about
    )


def widest_gap(trust: Trust, name: str, rates: Mapping[str, np.ndarray], lacking: str) -> Measurement:
    """The highest rate minus the lowest one, by Newcombe's interval of every pair.

    Parameters
    ----------
    rates : mapping of str to ndarray of bool
        What happened in each group; groups share no sample.
    lacking : str
        Why there is no gap where fewer than two groups are left.
    """
    about = {"name": name, "unit": "difference of shares", "higher_is_safer": False}
    n = sum(map(len, rates.values()))
    if len(rates) < 2:
        return tm.Measurement(value=None, undefined=lacking, n=n, **about)
    pairs = list(combinations(rates, 2))
    low, high = 0.0, 0.0
    for first, second in pairs:
        for level, strict in ((trust.level, False), (_corrected(trust.level, len(pairs)), True)):
            found = trust.rate_difference(rates[first], rates[second], name="gap", higher_is_safer=False, level=level)
            if strict:
                low = max(low, found.interval.low, -found.interval.high)
            else:
                high = max(high, found.interval.high, -found.interval.low)
    values = {key: float(np.mean(happened)) for key, happened in rates.items()}
    most, least = max(values, key=values.__getitem__), min(values, key=values.__getitem__)
    gap = values[most] - values[least]
    interval = tm.Interval(
        low=min(low, gap), high=max(high, gap), level=trust.level, method=f"newcombe, widest of {len(pairs)} pairs",
        shrinks=1.0 if gap == 0 else 0.5,
    )  # fmt: skip
    details = {"highest": most, "highest_rate": values[most], "lowest": least, "lowest_rate": values[least]}
    return tm.Measurement(value=gap, interval=interval, n=n, details=details | {"groups": len(rates)}, **about)


def _corrected(level: float, count: int) -> float:
    return 1 - (1 - level) / count
