"""What a run would have to go on, before any weights are loaded: data, costs, and how small an effect each check can see."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from statistics import NormalDist
from typing import TYPE_CHECKING

from pytest_trustml.checks.check import COSTS
from pytest_trustml.result.measurement import number
from pytest_trustml.result.verdict import AtLeast, AtMost, Limit

if TYPE_CHECKING:
    from pytest_trustml.checks.bound import BoundCheck
    from pytest_trustml.checks.check import Check
    from pytest_trustml.plugin.session import Session
    from pytest_trustml.result.record import MeasurementRecord

POWER = 0.8
"""In this share of all runs an effect of the size that is told would be seen."""
CHANGED = 0.1
"""Share of the rows that change one way or the other, for paired changes: nobody knows it before the run."""


def plan(session: Session) -> Iterator[str]:
    """One paragraph per selected check, and a summary."""
    costs: Counter[str] = Counter()
    away = 0
    for check in session.checks:
        why = session.missing(check)
        yield check.id
        if why is not None:
            away += 1
            yield f"    does not apply: {why}"
            continue
        bound = session.bind(check)
        costs[check.cost] += 1
        for name, data in bound.data.items():
            yield f"    {check.data[name].name}: {len(data)} rows"
        for name in sorted(set(check.data) - set(bound.data)):
            role = check.data[name]
            yield f"    {role.name}: none (optional{': ' + role.help if role.help else ''})"
        yield f"    cost: {check.cost} on one GPU, nothing where observations are kept from an earlier run"
        for name, limit in bound.limits.items():
            yield f"    {name} {limit}: {_prospect(session, bound, name, limit)}"
    told = ", ".join(f"{costs[cost]} of {cost}" for cost in COSTS if costs[cost])
    yield f"{len(session.checks)} checks: {sum(costs.values())} would run ({told or 'none'}), {away} do not apply"


def _prospect(session: Session, bound: BoundCheck, name: str, limit: Limit) -> str:
    """How small an effect can be seen, from the number of rows or from what the last release's run saw."""
    check, level = bound.check, session.level
    parameter = check.shares.get(name, check.changes.get(name))
    if parameter in bound.data:
        n = len(bound.data[parameter])
        if n < check.min_n:
            return f"INCONCLUSIVE whatever the model does: {n} rows are fewer than the {check.min_n} that it needs"
        return _share(n, limit, level) if name in check.shares else _change(n, level)
    last = _last(session, check, name)
    if last is None:
        return "how small an effect it sees is known after a first run (name its record: --trustml-baseline=FILE)"
    return _as_before(last, limit)


def _share(n: int, limit: Limit, level: float) -> str:
    """For a share of n rows that is to stay on one side of a limit."""
    from pytest_trustml.statistics.intervals import clopper_pearson_ends
    from pytest_trustml.statistics.power import detectable_rate

    if not isinstance(limit, AtMost | AtLeast) or not 0 <= limit.bound <= 1:
        return f"a share of {n} rows"
    most = limit.bound if isinstance(limit, AtMost) else 1 - limit.bound
    passing = bisect_left(range(n + 1), True, key=lambda count: clopper_pearson_ends(count, n, level)[1] > most)
    what = "rows may be bad" if isinstance(limit, AtMost) else "rows may fail"
    reach = clopper_pearson_ends(0, n, level)[1]
    allowed = (
        f"PASS if at most {passing - 1} of {n} {what}"
        if passing
        else f"no PASS with {n} rows: even without a bad one the share may be {reach:.3g}"
    )
    seen = detectable_rate(n, most, level=level, power=POWER) if most < 1 else None
    if seen is None:
        return f"{allowed}; no FAIL is possible"
    true = seen if isinstance(limit, AtMost) else 1 - seen
    return f"{allowed}; FAIL in {POWER:.0%} of runs from a true share of {true:.3g}"


def _change(n: int, level: float) -> str:
    """For a paired change of a share on n rows."""
    from pytest_trustml.statistics.power import detectable_paired_difference

    seen = detectable_paired_difference(n, CHANGED, alpha=(1 - level) / 2, power=POWER)
    about = f"if {CHANGED:.0%} of the {n} rows change one way or the other"
    return f"no rise can be told from chance {about}" if seen is None else f"a rise of {seen:.3g} is told from none {about}"


def _last(session: Session, check: Check, name: str) -> MeasurementRecord | None:
    """The measurement in the record of the last release, if it has an interval."""
    if session.baseline is None:
        return None
    records = [record for record in session.baseline.run.checks if record.check == check.id]
    found = [one for record in records for one in record.measurements if one.name == name]
    return next((one for one in found if not isinstance(one.low, str) and not isinstance(one.high, str)), None)


def _as_before(last: MeasurementRecord, limit: Limit) -> str:
    """With an interval as wide as the last one."""
    normal = NormalDist()
    half = (float(last.high) - float(last.low)) / 2
    spread = half / normal.inv_cdf((1 + float(last.level)) / 2)
    reach = half + normal.inv_cdf(POWER) * spread
    told = f"the last run had n = {last.n} and an interval of +-{number(half)}; as wide a one sees"
    if isinstance(limit, AtMost):
        return f"{told} a breach from about {number(limit.bound + reach)}"
    if isinstance(limit, AtLeast):
        return f"{told} a breach from about {number(limit.bound - reach)}"
    return f"{told} a breach of about {number(reach)} beyond either end"
