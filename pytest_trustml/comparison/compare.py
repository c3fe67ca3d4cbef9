"""One comparison per measurement of a check: this release beside the last one, on the same examples."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from pytest_trustml.comparison.change import Measured, paired, unpaired
from pytest_trustml.comparison.examples import ExampleValues, read_examples
from pytest_trustml.comparison.judgement import judge
from pytest_trustml.comparison.recorded import Recorded
from pytest_trustml.comparison.refusals import check_refusals, example_refusals, interval_refusals, measurement_refusals
from pytest_trustml.errors import DataError
from pytest_trustml.result.comparison import Comparison
from pytest_trustml.result.measurement import number
from pytest_trustml.result.plain import line
from pytest_trustml.result.policy import Policy, of_measurement
from pytest_trustml.result.record import CheckRecord, MeasurementRecord

MARGIN = 0.02
"""By how much a share may be worse where the policy names no margin."""


def compare(check: CheckRecord, folder: Path, recorded: Recorded, policy: Policy) -> tuple[Comparison, ...]:
    """Compare a check with what it measured in an earlier run.

    Parameters
    ----------
    check : CheckRecord
        What this release measured.
    folder : Path
        The report folder of this run, in which its examples lie.
    recorded : Recorded
        The earlier run. Its record of the same test and the same check is looked for.
    policy : Policy
        ``level`` is the level of the intervals. ``margins`` says by how much a value may be worse; without an entry it is
        0.02 for shares and differences of shares, else a tenth of the standard deviation of the baseline's values, else 0.

    Returns
    -------
    tuple of Comparison
        One for each measurement that has a limit or is the first of the check, here or in the baseline. What cannot be
        compared is NOT_COMPARED with every reason; files that are missing or were changed are such a reason, too.
        ``details`` has ``margin_from``, and ``b`` and ``c``, the examples whose value rose and fell, where they are counted;
        ``refused`` is ``absent`` where the baseline knows nothing of the check or the measurement, which is no fault of
        either release. A check that itself compares with the previous model is not compared once more.

    Notes
    -----
    Nothing is drawn from the seed of the run: the same two records give the same numbers, and the other way round their
    negatives.
    """
    if "previous_model" in check.companions:
        return ()
    then = recorded.find(check.nodeid, check.check)
    if then is None:
        spec = line(recorded.spec)
        why = f"the baseline {spec} has no record of {line(check.check)} at {line(check.nodeid)}"
        return tuple(_refused(measurement, None, why) for measurement in _compared(check))
    reasons = list(check_refusals(check, then))
    here, before = _by_name(check.measurements), _by_name(then.measurements)
    missing = [m for m in _compared(then) if m.name not in here]
    return (
        *(
            _one(m, before.get(m.name), _Side(check, folder), _Side(then, recorded.folder), policy, reasons)
            for m in _compared(check)
        ),
        *(_refused(None, m, f"the baseline measured {line(m.name)} and this release did not") for m in missing),
    )


class _Side:
    """A check and the folder that keeps its examples."""

    def __init__(self, check: CheckRecord, folder: Path) -> None:
        self.check = check
        self.folder = folder

    def examples(self, measurement: MeasurementRecord, where: str) -> ExampleValues | None:
        """What was kept; None if nothing was. A DataError says what is wrong with it."""
        if measurement.examples == "none":
            return None
        try:
            found = read_examples(self.folder, measurement.examples)
        except DataError as problem:
            raise DataError(f"{where}: {problem}") from None
        average = float(found.values.mean()) if len(found) else 0.0
        if abs(average - float(measurement.value)) > 1e-9 * max(1.0, float(np.abs(found.values).max(initial=0.0))):
            raise DataError(
                f"{where}: the examples average {number(average)} and the record says {number(float(measurement.value))}. "
                "Record the run again."
            )
        return found


def _one(
    now: MeasurementRecord, then: MeasurementRecord | None, here: _Side, before: _Side, policy: Policy, reasons: list[str]
) -> Comparison:
    if then is None:
        return _refused(now, None, f"the baseline has no measurement {line(now.name)}")
    reasons = [*reasons, *measurement_refusals(now, then)]
    if reasons:
        return _refused(now, then, "; ".join(reasons))
    try:
        values, old = here.examples(now, "this release"), before.examples(then, "the baseline")
    except DataError as problem:
        return _refused(now, then, str(problem))
    if values is None or old is None:
        reasons = list(interval_refusals(now, then))
    else:
        reasons = list(example_refusals(values, old, (here.check.seed, before.check.seed)))
    if reasons:
        return _refused(now, then, "; ".join(reasons))
    if values is None or old is None:
        found = unpaired(now, then, policy.level)
    else:
        words = ("comparison", here.check.check, now.name)
        found = paired(values, old, unit=now.unit, level=policy.level, words=words)
    margin, source = _margin(now, old, here.check, policy)
    return _judged(now, then, found, policy.level, margin, source)


def _margin(now: MeasurementRecord, then: ExampleValues | None, check: CheckRecord, policy: Policy) -> tuple[float, str]:
    """By how much the value may be worse, and who says so."""
    headline = now.name == check.measurements[0].name
    given = of_measurement(policy.margins, check.check, now.name, headline=headline)
    if given is not None:
        return float(given), "the policy"
    if "share" in now.unit:
        return MARGIN, "the default for shares"
    if then is not None and len(then) > 1:
        return float(then.values.std(ddof=1)) / 10, "a tenth of the standard deviation of the baseline's values"
    return 0.0, "no margin: nothing shows how much the values vary"


def _judged(
    now: MeasurementRecord, then: MeasurementRecord, found: Measured, level: float, margin: float, source: str
) -> Comparison:
    outcome, why = judge(found, higher_is_safer=now.higher_is_safer, margin=margin, level=level)
    p_worse = found.p_down if now.higher_is_safer else found.p_up
    known: dict[str, Any] = {} if found.ends is None else {"low": found.ends[0], "high": found.ends[1], "level": level}
    if p_worse is not None:
        known["p_worse"] = p_worse
    return Comparison(
        measurement=now.name,
        outcome=outcome,
        why=why,
        unit=now.unit,
        higher_is_safer=now.higher_is_safer,
        before=then.value,
        after=now.value,
        change=found.change,
        method=found.method,
        n=found.n,
        clusters="none" if found.clusters is None else found.clusters,
        margin=margin,
        details=found.details | {"margin_from": source},
        **known,
    )


def _refused(now: MeasurementRecord | None, then: MeasurementRecord | None, why: str) -> Comparison:
    known = now or then
    absent = {"refused": "absent"} if then is None else {}
    return Comparison(
        measurement=known.name,
        outcome="NOT_COMPARED",
        why=why,
        unit=known.unit,
        higher_is_safer=known.higher_is_safer,
        before="undefined" if then is None else then.value,
        after="undefined" if now is None else now.value,
        details=absent,
    )


def _compared(check: CheckRecord) -> list[MeasurementRecord]:
    """The measurements that count: the first one, and all that have a limit."""
    return [m for position, m in enumerate(check.measurements) if position == 0 or m.limit != "none"]


def _by_name(measurements: Iterable[MeasurementRecord]) -> dict[str, MeasurementRecord]:
    return {measurement.name: measurement for measurement in measurements}
