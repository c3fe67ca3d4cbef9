"""Why two records say nothing about each other: everything that must be equal before two releases are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pytest_trustml.comparison.examples import ExampleValues
from pytest_trustml.reports.strict import strict_value
from pytest_trustml.result.plain import line
from pytest_trustml.result.record import CheckRecord, MeasurementRecord, Source

_FARTHEST = 1e100
_UNUSABLE = ("INVALID", "ERROR", "NOT_APPLICABLE")


def check_refusals(now: CheckRecord, then: CheckRecord) -> Iterator[str]:
    """Every way in which two records of a check are of different things, each in words that name both."""
    if now.version != then.version:
        yield f"the check has version {now.version} here and had version {then.version} in the baseline"
    if now.fingerprint == then.fingerprint:
        yield f"both releases are the same bytes (fingerprint {_short(now.fingerprint)} here and in the baseline)"
    yield from _other_options(now.options, then.options)
    yield from _other_sources("data", now.data, then.data)
    yield from _other_sources("companion", now.companions, then.companions)
    if now.outcome in _UNUSABLE or then.outcome in _UNUSABLE:
        yield f"the check is {now.outcome} here and was {then.outcome} in the baseline"


def measurement_refusals(now: MeasurementRecord, then: MeasurementRecord) -> Iterator[str]:
    """Every way in which two measurements are of different things, or of nothing."""
    if now.unit != then.unit:
        yield f"the unit is {line(now.unit)!r} here and was {line(then.unit)!r} in the baseline"
    if now.higher_is_safer != then.higher_is_safer:
        safer = {True: "higher", False: "lower"}
        yield f"{safer[now.higher_is_safer]} is safer here and {safer[then.higher_is_safer]} was safer in the baseline"
    if "INVALID" in (now.outcome, then.outcome):
        yield f"the measurement is {now.outcome} here and was {then.outcome} in the baseline"
    for record, where in ((now, "here"), (then, "in the baseline")):
        if record.value == "undefined":
            yield f"the value is undefined {where}: {line(record.why)}"
        elif abs(record.value) > _FARTHEST:
            yield f"the value is {record.value} {where}, which nothing can measure"


def example_refusals(now: ExampleValues, then: ExampleValues, seeds: tuple[int, int]) -> Iterator[str]:
    """Whether the examples, and the groups that they form, are the same ones. Their order does not matter."""
    common = len(set(now.keys) & set(then.keys))
    if not common == len(now) == len(then):
        words = f"{common} examples are in both releases, of {len(now)} here and {len(then)} in the baseline"
        if seeds[0] != seeds[1]:
            words += f"; the seed is {seeds[0]} here and was {seeds[1]} in the baseline"
        yield words
    elif (now.clusters is None) != (then.clusters is None):
        yield "the examples are grouped in clusters " + ("in the baseline only" if now.clusters is None else "here only")
    elif now.clusters is not None and not _same_groups(now.sorted().clusters, then.sorted().clusters):
        counts = (len(np.unique(now.clusters)), len(np.unique(then.clusters)))
        yield f"the examples form other clusters: {counts[0]} here and {counts[1]} in the baseline, not with the same members"


def interval_refusals(now: MeasurementRecord, then: MeasurementRecord) -> Iterator[str]:
    """Whether two recorded intervals can be put together. One that is missing is no reason: then nothing bounds the change."""
    both = ((now, "here"), (then, "in the baseline"))
    known = [(record, where) for record, where in both if "undefined" not in (record.low, record.high, record.level)]
    broken = [
        f"the interval from {record.low} to {record.high} at level {record.level} {where} is none"
        for record, where in known
        if not (0 < record.level < 1 and -_FARTHEST < record.low <= record.high < _FARTHEST)
    ]
    yield from broken
    if not broken and len(known) == 2 and now.level != then.level:
        yield f"no per-example values were kept and the level is {now.level} here and was {then.level} in the baseline"


def _same_groups(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two numberings cut the same examples in the same way."""
    pairs = len(np.unique(np.stack([first, second]), axis=1).T)
    return pairs == len(np.unique(first)) == len(np.unique(second))


def _other_options(now: Mapping[str, Any], then: Mapping[str, Any]) -> Iterator[str]:
    here, before = strict_value(dict(now)), strict_value(dict(then))
    for name in sorted(here.keys() | before.keys()):
        values = [line(repr(options[name]), 60) if name in options else "not given" for options in (here, before)]
        if name not in here or name not in before or here[name] != before[name]:
            yield f"the option {line(name, 60)} is {values[0]} here and was {values[1]} in the baseline"


def _other_sources(kind: str, now: Mapping[str, Source], then: Mapping[str, Source]) -> Iterator[str]:
    for role in sorted(now.keys() | then.keys()):
        here, before = now.get(role), then.get(role)
        if here is None or before is None or here.fingerprint != before.fingerprint:
            yield f"the {kind} {line(role, 60)} is {_source(here)} here and was {_source(before)} in the baseline"


def _source(source: Source | None) -> str:
    if source is None:
        return "not given"
    count = "" if source.n == "none" else f", n = {source.n}"
    return f"{line(source.spec, 80)} (fingerprint {_short(source.fingerprint)}{count})"


def _short(fingerprint: str) -> str:
    return line(fingerprint, 12).rstrip("…")
