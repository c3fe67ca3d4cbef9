"""The verdicts of a record, judged again by the policy: other limits, and Holm's correction over all of them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pytest_trustml.errors import UsageError
from pytest_trustml.result.comparison import Comparison
from pytest_trustml.result.measurement import Interval, Measurement
from pytest_trustml.result.plain import line
from pytest_trustml.result.policy import Policy, of_measurement
from pytest_trustml.result.record import CheckRecord, MeasurementRecord, RunRecord
from pytest_trustml.result.verdict import Limit, Outcome, check_direction, decide, read_limit, worst


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement with the limit that counts, its outcome, and how surprising it is if the limit is met."""

    check: str
    name: str
    limit: Limit
    outcome: Outcome
    why: str
    p: float | None


def judge(record: CheckRecord, policy: Policy) -> list[Judged]:
    """Every measurement that has a limit, in the record or in the policy.

    Raises
    ------
    UsageError
        For a limit of the policy that would reward the dangerous direction, and for numbers that cannot be.
    """
    try:
        return list(_judged(record, policy))
    except ValueError as problem:
        raise UsageError(f"The record of {line(record.check)} holds what no check reports: {problem}") from None


def _judged(record: CheckRecord, policy: Policy) -> Iterator[Judged]:
    for index, m in enumerate(record.measurements):
        limit = of_measurement(policy.limits, record.check, m.name, headline=index == 0)
        if limit is None and m.limit == "none":
            continue
        if limit is None:
            limit = read_limit(m.limit)
        else:
            check_direction(limit, m.higher_is_safer, f"{record.check}:{m.name}")
        measurement = _measurement(m)
        verdict = decide(measurement, limit, record.min_n)
        sure = measurement.interval is not None and verdict.outcome is not Outcome.INVALID and m.n >= record.min_n
        p = _p(m, limit) if sure else None
        yield Judged(check=record.check, name=m.name, limit=limit, outcome=verdict.outcome, why=verdict.why, p=p)


def _measurement(m: MeasurementRecord) -> Measurement:
    """The measurement behind a record, as far as a verdict needs it."""
    about = {"name": m.name, "n": m.n, "unit": m.unit, "higher_is_safer": m.higher_is_safer}
    invalid = m.why if m.outcome == "INVALID" else None
    if isinstance(m.value, str):
        return Measurement(value=None, undefined=m.why or "undefined", invalid=invalid, **about)
    if isinstance(m.low, str) or isinstance(m.high, str) or isinstance(m.level, str):
        return Measurement(value=m.value, no_interval=m.why or "none was recorded", invalid=invalid, **about)
    interval = Interval(low=m.low, high=m.high, level=m.level, method=m.method or "unknown")
    return Measurement(value=m.value, interval=interval, invalid=invalid, **about)


def _p(m: MeasurementRecord, limit: Limit) -> float:
    from pytest_trustml.statistics.tail import limit_p

    clusters = None if isinstance(m.clusters, str) else m.clusters
    return limit_p(m.value, m.low, m.high, m.level, limit, n=m.n, clusters=clusters, unit=m.unit)


def settled(judged: list[Judged]) -> Outcome | None:
    """The outcome of a check after its measurements were judged again; None where none has a limit."""
    return worst(one.outcome for one in judged) if judged else None


class Surely(msgspec.Struct, frozen=True, kw_only=True):
    """What is bad for sure, with the error allowed for all verdicts of the run together."""

    limits: frozenset[tuple[str, str]]
    changes: frozenset[tuple[str, str]]
    family: int


def surely_bad(run: RunRecord, judged: dict[str, list[Judged]], family_error: float) -> Surely:
    """Holm's correction over every verdict that could block: those on limits and those beside the baseline.

    Parameters
    ----------
    run : RunRecord
    judged : dict
        Node id -> what `judge` returned.
    family_error : float
        Chance that a release which meets every limit and is no worse than the baseline is blocked, at most.

    Returns
    -------
    Surely
        (node id, measurement) of the limits that are broken and of the changes for the worse.
    """
    from pytest_trustml.statistics.multiplicity import holm

    tests: list[tuple[str, str, str, float]] = []
    for nodeid, found in judged.items():
        tests += [("limit", nodeid, one.name, one.p) for one in found if one.p is not None]
    for record in run.checks:
        tests += [("change", record.nodeid, c.measurement, c.p_worse) for c in record.comparisons if _compared(c)]
    adjusted = holm([p for *_, p in tests]) if tests else []
    sure = {test[:3] for test, p in zip(tests, adjusted, strict=True) if p <= family_error}
    return Surely(
        limits=frozenset((nodeid, name) for kind, nodeid, name in sure if kind == "limit"),
        changes=frozenset((nodeid, name) for kind, nodeid, name in sure if kind == "change"),
        family=len(tests),
    )


def _compared(comparison: Comparison) -> bool:
    return comparison.outcome != "NOT_COMPARED" and not isinstance(comparison.p_worse, str)
