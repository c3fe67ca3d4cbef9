"""A record as JUnit properties: flat pairs of words, the same whether one process ran the suite or several."""

from __future__ import annotations

from pytest_trustml.reports.strict import strict
from pytest_trustml.reports.wording import exact
from pytest_trustml.result.plain import line
from pytest_trustml.result.record import CheckRecord, MeasurementRecord

_LONGEST = 2000


def properties(record: CheckRecord) -> list[tuple[str, str]]:
    """Name and value of every property of one test case.

    Numbers are written with every digit, so that reading them gives the same number; what has no value is the word
    ``undefined`` with the reason in ``.why``. Nothing here changes between two equal runs: no times, no file names.

    Parameters
    ----------
    record : CheckRecord

    Returns
    -------
    list of (str, str)
        ``trustml.check``, ``.version``, ``.subject``, ``.fingerprint``, ``.seed``, ``.outcome``, and for each
        measurement ``trustml.NAME.value``, ``.low``, ``.high``, ``.level``, ``.method``, ``.n``, ``.limit``, ``.outcome``.

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
    return [(line(name, _LONGEST), line(value, _LONGEST)) for name, value in pairs]


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
