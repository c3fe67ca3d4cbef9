"""By how much a measurement changed between two releases, and how sure that is.

On the same examples, paired:

* values of 0 and 1 only: Newcombe's paired interval and McNemar's exact test;
* values of -1, 0 and 1, each a change against a base model that both releases share: Tango's interval and McNemar's test of the
  examples whose value moved;
* other values: Student's interval of the differences and the sign-flip test. Where the values have no bounds the interval also
  reaches as far on either side as the bootstrap of Student's ratio does, because averages of skewed differences stray further
  to one side than Student allows; where so few differences vary that this has no end, there is no interval. Shares have
  bounds: there the interval also reaches as far as examples may have moved of which n show none;
* clusters: the cluster-robust t interval, whole clusters drawn and whole clusters flipped. With five clusters or fewer the
  test cannot reach 0.025, so that at level 0.95 nothing is sure.

An interval never claims more than the test: where the test leaves "no change" possible, the interval is widened to touch 0.

Without examples, unpaired: the two recorded intervals are put together, as if the two releases had been measured on different
examples. Releases mostly agree on the same examples, so that this is too wide rather than too narrow.

References
----------
Zou and Donner 2008, Statistics in Medicine 27, 1693-1702 (a difference from two intervals). See `pytest_trustml.statistics`.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from pytest_trustml.comparison.examples import ExampleValues
from pytest_trustml.comparison.studentized import studentized_ends
from pytest_trustml.result.measurement import Measurement
from pytest_trustml.result.record import MeasurementRecord
from pytest_trustml.result.verdict import AtLeast, AtMost
from pytest_trustml.statistics import mcnemar, paired_change, paired_mean_difference, paired_rate_difference, sign_flip
from pytest_trustml.statistics.clusters import read_clusters
from pytest_trustml.statistics.intervals import unseen, z_value
from pytest_trustml.statistics.tail import limit_p
from pytest_trustml.work.randomness import generator

_MOST = 10_000
_RESAMPLES, _MOST_RESAMPLES = 2000, 20_000


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """The value now minus the value then. ``ends`` is None, and ``no_interval`` says why, where nothing bounds it.

    ``p_up`` and ``p_down`` are the one-sided p-values of a rise and of a fall; ``shrinks`` as in `Interval`.
    """

    change: float
    ends: tuple[float, float] | None
    p_up: float | None
    p_down: float | None
    method: str
    n: int
    clusters: int | None = None
    no_interval: str = ""
    shrinks: float = 0.5
    details: dict[str, Any] = {}


def paired(now: ExampleValues, then: ExampleValues, *, unit: str, level: float, words: tuple[str, ...]) -> Measured:
    """The change on the same examples.

    Parameters
    ----------
    now, then : ExampleValues
        The same keys in any order, the same clusters.
    unit : str
        Values of a unit with the word ``share`` are bounded.
    level : float in (0, 1)
    words : tuple of str
        What the random numbers are for: the same words give the same numbers, whatever the order of the examples.
    """
    now, then = now.sorted(), then.sorted()
    after, before, cluster = now.values, then.values, now.clusters
    differences = after - before
    about = {"name": "change", "unit": unit, "higher_is_safer": False, "level": level, "cluster": cluster}
    largest = _largest(after, before, unit)
    if _only(after, before, (0, 1)):
        found = paired_rate_difference(after, before, **about)
    elif largest == 2 and _only(after, before, (-1, 0, 1)) and np.abs(differences).max() <= 1:
        found = paired_change(differences, **about)
    elif largest is not None:
        found = paired_mean_difference(after, before, bounds=(-float(largest), float(largest)), **about)
        return _tested(_bounded(found, largest, level), differences, cluster, words)
    else:
        found = paired_mean_difference(after, before, **about)
        return _tested(_unbounded(found, differences, cluster, level, words), differences, cluster, words)
    if cluster is not None:
        counts = {name: found.details[name] for name in ("b", "c")}
        return _tested(found.but(details=counts), differences, cluster, words)
    b, c = found.details["b"], found.details["c"]
    details = {"b": b, "c": c, "p_mcnemar": found.details["p_mcnemar"]}
    method = f"{found.interval.method}, exact mcnemar test"
    return _consistent(found.but(details=details), mcnemar(b, c).one_sided, mcnemar(c, b).one_sided, method)


def unpaired(now: MeasurementRecord, then: MeasurementRecord, level: float) -> Measured:
    """The change from two recorded intervals of the same level, as if the releases were measured on different examples.

    Both intervals are stretched from their own level to ``level`` by the ratio of the normal quantiles where that differs.
    """
    change = float(now.value) - float(then.value)
    n, clusters = min(now.n, then.n), _fewest_clusters(now, then)
    details: dict[str, Any] = {"n_before": then.n}
    method = "unpaired: no per-example values were kept"
    bare = [
        where
        for record, where in ((now, "here"), (then, "in the baseline"))
        if "undefined" in (record.low, record.high, record.level)
    ]
    if bare:
        why = f"the value has no interval {' and '.join(bare)}"
        return Measured(
            change=change, ends=None, p_up=None, p_down=None, method=method, n=n, clusters=clusters, no_interval=why,
            details=details,
        )  # fmt: skip
    if now.level != level:
        method += f"; recorded at level {now.level:g}, stretched to {level:g}"
        details["recorded_level"] = now.level
    stretch = z_value(level) / z_value(float(now.level)) if now.level != level else 1.0
    down = stretch * math.hypot(now.value - now.low, then.high - then.value)
    up = stretch * math.hypot(now.high - now.value, then.value - then.low)
    low, high = change - down, change + up
    if "share" in now.unit:
        low, high = max(low, -_span(now, then)), min(high, _span(now, then))
    about = {"value": change, "low": change - down, "high": change + up, "level": level, "n": max(n, 1), "clusters": clusters}
    p_up, p_down = limit_p(limit=AtMost(0.0), **about), limit_p(limit=AtLeast(0.0), **about)
    return Measured(
        change=change, ends=(low, high), p_up=p_up, p_down=p_down, method=method, n=n, clusters=clusters, details=details
    )


def _only(after: np.ndarray, before: np.ndarray, allowed: tuple[int, ...]) -> bool:
    return bool(np.isin(after, allowed).all() and np.isin(before, allowed).all())


def _largest(after: np.ndarray, before: np.ndarray, unit: str) -> int | None:
    """The largest difference that is possible at all: 1 between shares, 2 between differences of shares; else unknown."""
    if "share" not in unit:
        return None
    both = np.concatenate([after, before])
    if (np.abs(both) > 1).any():
        return None
    return 1 if "difference" not in unit and both.min() >= 0 else 2


def _span(now: MeasurementRecord, then: MeasurementRecord) -> float:
    """The same from two recorded values."""
    return 1.0 if "difference" not in now.unit and min(now.low, then.low) >= 0 else 2.0


def _bounded(found: Measurement, largest: int, level: float) -> Measurement:
    """Student's interval, reaching at least as far as the largest difference in the share of examples that n may not show."""
    interval = found.interval
    if interval is None or interval.method == "unseen share":
        return found
    hidden = unseen(found.n if found.clusters is None else found.clusters, level)
    reach = found.value - hidden * (found.value + largest), found.value + hidden * (largest - found.value)
    slow = 1.0 if reach[0] < interval.low or reach[1] > interval.high else interval.shrinks
    low, high = max(-float(largest), min(interval.low, reach[0])), min(float(largest), max(interval.high, reach[1]))
    return found.but(interval=msgspec.structs.replace(interval, low=low, high=high, shrinks=slow))


def _unbounded(
    found: Measurement, differences: np.ndarray, cluster: np.ndarray | None, level: float, words: tuple[str, ...]
) -> Measurement:
    """Student's interval, reaching at least as far as the bootstrap of Student's ratio; of very many units Student's alone."""
    interval, sums, sizes = found.interval, differences, np.ones(len(differences))
    if cluster is not None:
        groups = read_clusters(cluster, len(differences))
        sums, sizes = groups.sums(differences), groups.sizes.astype(float)
    if interval is None or len(sums) > _MOST:
        return found
    resamples = min(_MOST_RESAMPLES, max(_RESAMPLES, math.ceil(40 / (1 - level))))
    rng = generator(0, *words, "bootstrap")
    ends = studentized_ends(sums, sizes, level=level, rng=rng, resamples=resamples)
    if not np.isfinite(ends).all():
        why = "so few of the differences vary that their spread is unknown"
        return found.but(interval=None, no_interval=why)
    low, high = min(interval.low, ends[0]), max(interval.high, ends[1])
    method = f"{interval.method} and bootstrap-t"
    return found.but(interval=msgspec.structs.replace(interval, low=low, high=high, method=method))


def _tested(found: Measurement, differences: np.ndarray, cluster: np.ndarray | None, words: tuple[str, ...]) -> Measured:
    """With the sign-flip test, which is Student's own where more than 10,000 examples or clusters would have to be flipped."""
    units = differences if cluster is None else read_clusters(cluster, len(differences)).sums(differences)
    method = "none" if found.interval is None else found.interval.method
    details = {name: value for name, value in found.details.items() if name in ("b", "c", "standard_error")}
    p_up = p_down = None
    ends = found.interval
    if np.count_nonzero(units) <= _MOST:
        # the same signs for both sides, so that swapping the releases swaps the two numbers
        p_up = sign_flip(units, generator(0, *words, "signs"), "greater").p
        p_down = sign_flip(units, generator(0, *words, "signs"), "less").p
        method += ", sign-flip test"
    elif ends is not None:
        about = {"low": ends.low, "high": ends.high, "level": ends.level, "n": found.n, "clusters": found.clusters}
        p_up = limit_p(found.value, limit=AtMost(0.0), **about)
        p_down = limit_p(found.value, limit=AtLeast(0.0), **about)
    return _consistent(found.but(details=details), p_up, p_down, method)


def _consistent(found: Measurement, p_up: float | None, p_down: float | None, method: str) -> Measured:
    """An interval that touches 0 unless the test, too, says that something changed."""
    about = {
        "change": float(found.value),
        "p_up": p_up,
        "p_down": p_down,
        "method": method,
        "n": found.n,
        "clusters": found.clusters,
        "details": found.details,
    }
    if found.interval is None:
        return Measured(ends=None, no_interval=found.no_interval or "", **about)
    low, high, tail = found.interval.low, found.interval.high, (1 - found.interval.level) / 2
    if p_up is None or p_up > tail:
        low = min(low, 0.0)
    if p_down is None or p_down > tail:
        high = max(high, 0.0)
    return Measured(ends=(low, high), shrinks=found.interval.shrinks, **about)


def _fewest_clusters(now: MeasurementRecord, then: MeasurementRecord) -> int | None:
    counts = [record.clusters for record in (now, then) if record.clusters != "none"]
    return min(counts) if counts else None
