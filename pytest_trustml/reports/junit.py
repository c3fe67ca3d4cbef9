"""A record as JUnit properties: flat pairs of words, the same whether one process ran the suite or several."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_trustml.reports.judgement import waiver_words
from pytest_trustml.reports.strict import strict
from pytest_trustml.reports.wording import command, exact
from pytest_trustml.result.comparison import Comparison
from pytest_trustml.result.plain import line
from pytest_trustml.result.policy import Waiver, covers
from pytest_trustml.result.record import CheckRecord, MeasurementRecord

_LONGEST = 2000


def properties(record: CheckRecord, *, waivers: Sequence[Waiver] = ()) -> list[tuple[str, str]]:
    """Name and value of every property of one test case.

    Numbers are written with every digit, so that reading them gives the same number; what has no value is the word
    ``undefined`` with the reason in ``.why``. Nothing here changes between two equal runs: no times, no file names.

    Parameters
    ----------
    record : CheckRecord
    waivers : sequence of Waiver
        Those of the policy. The ones that cover this check are named, whether they have expired or not.

    Returns
    -------
    list of (str, str)
        ``trustml.check``, ``.version``, ``.subject``, ``.fingerprint``, ``.seed``, ``.outcome``, and for each
        measurement ``trustml.NAME.value``, ``.low``, ``.high``, ``.level``, ``.method``, ``.n``, ``.limit``, ``.outcome``.
        For each comparison with a baseline ``trustml.NAME.change``, ``.change_low``, ``.change_high``, ``.change_n``,
        ``.change_outcome``, ``.margin``. For a waived check ``trustml.waiver``: owner, reason and last day.

    Examples
    --------
    >>> record = CheckRecord(nodeid="t.py::t", check="a.b", version=1, summary="", outcome="PASS", why="", subject="m",
    ...                      fingerprint="0", seed=7, level=0.95, device="cpu")
    >>> properties(record)[4:]
    [('trustml.seed', '7'), ('trustml.outcome', 'PASS')]
    """
    record = strict(record)
    pairs = [
        ("trustml.check", record.check),
        ("trustml.version", str(record.version)),
        ("trustml.subject", record.subject),
        ("trustml.fingerprint", record.fingerprint),
        ("trustml.seed", str(record.seed)),
        ("trustml.outcome", record.outcome),
    ]
    for measurement in record.measurements:
        pairs += _measurement(measurement)
    for comparison in record.comparisons:
        pairs += _comparison(comparison)
    covering = [waiver_words(waiver) for waiver in waivers if covers(waiver.check, record.check)]
    if covering:
        pairs.append(("trustml.waiver", "; ".join(covering)))
    safe = [(line(name, _LONGEST), line(value, _LONGEST)) for name, value in pairs]
    return [("trustml.check", command(record.check)), *safe[1:]]  # a node id keeps its ::, so that programs know it again


def _measurement(m: MeasurementRecord) -> list[tuple[str, str]]:
    pairs = [
        ("value", exact(m.value)),
        ("low", exact(m.low)),
        ("high", exact(m.high)),
        ("level", exact(m.level)),
        ("method", m.method),
        ("n", str(m.n)),
        ("limit", m.limit),
        ("outcome", m.outcome),
    ]
    if "undefined" in (m.value, m.low, m.high):
        pairs.append(("why", m.why))
    return [(f"trustml.{m.name}.{field}", value) for field, value in pairs]


def _comparison(c: Comparison) -> list[tuple[str, str]]:
    pairs = [
        ("change", exact(c.change)),
        ("change_low", exact(c.low)),
        ("change_high", exact(c.high)),
        ("change_n", str(c.n)),
        ("change_outcome", c.outcome),
        ("margin", exact(c.margin)),
    ]
    if "undefined" in (c.change, c.low, c.high):
        pairs.append(("change_why", c.why))
    return [(f"trustml.{c.measurement}.{field}", value) for field, value in pairs]
