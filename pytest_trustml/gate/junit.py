"""JUnit files: what they tell of checks and of other tests, and how those of several shards become one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from pytest_trustml.errors import UsageError
from pytest_trustml.result.decision import Decision
from pytest_trustml.result.plain import plain
from pytest_trustml.result.record import CheckRecord, MeasurementRecord

_GATE = "trustml-gate"
_FIELDS = ("value", "low", "high", "level", "method", "n", "limit", "outcome", "why")
_OUTCOMES = ("PASS", "FAIL", "INCONCLUSIVE", "INVALID", "NOT_APPLICABLE", "ERROR")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One test of a JUnit file. ``record`` is what its properties say of a check; other tests have none."""

    source: str
    name: str
    result: Literal["passed", "failed", "error", "skipped"]
    message: str
    record: CheckRecord | None


def read_junit(path: Path) -> list[Case]:
    """All tests of a JUnit file.

    Raises
    ------
    UsageError
        If the file is no whole JUnit file, or announces more tests than it holds.
    """
    from junitparser import JUnitXml, JUnitXmlError

    try:
        suites = _suites(JUnitXml.fromfile(str(path)))
        strict = not any(_properties(case) for suite in suites for case in suite)
        cases = [_case(case, str(path), strict) for suite in suites for case in suite]
        announced = sum((suite.tests or 0) - (suite.errors or 0) for suite in suites)
    except (JUnitXmlError, SyntaxError, ValueError, OSError) as problem:
        words = plain(str(problem), 200)
        raise UsageError(
            f"{path} is no whole JUnit file: {words}. Write it again; a run that was killed leaves half."
        ) from None
    if len(cases) < announced:
        raise UsageError(f"{path} announces {announced} tests and holds {len(cases)}: it was cut off. Write it again.")
    return cases


def _suites(xml: Any) -> list[Any]:
    """The suites, without the decision of an earlier gate: it is no test of the release."""
    from junitparser import TestSuite

    return [suite for suite in ([xml] if isinstance(xml, TestSuite) else xml) if suite.name != _GATE]


def _case(case: Any, source: str, strict: bool) -> Case:
    kinds = [type(result).__name__.lower() for result in case.result]
    result = next((word for kind, word in _RESULTS.items() if kind in kinds), "passed")
    message = next((str(found.message or found.text or "") for found in case.result), "")
    told = properties(case, strict=strict)
    return Case(
        source=source,
        name=f"{case.classname}.{case.name}" if case.classname else str(case.name),
        result=result,
        message=plain(message, 400),
        record=_record(told, case, result, message) if "trustml.check" in told else None,
    )


_RESULTS = {"error": "error", "failure": "failed", "skipped": "skipped"}


def properties(case: Any, *, strict: bool = True) -> dict[str, str]:
    """What a test case says of itself: its properties or, in the strict dialect, the lines of its ``system-out``.

    Where properties are spoken, ``strict=False`` keeps what a test printed from speaking for its verdict.
    """
    found = _properties(case)
    lines = (case.system_out or "").splitlines() if strict and not found else ()
    for name, equals, value in (text.partition("=") for text in lines):
        if equals and name.startswith("trustml."):
            found.setdefault(name, value)
    return found


def _properties(case: Any) -> dict[str, str]:
    from junitparser import Properties

    return {str(p.name): str(p.value) for p in case.child(Properties) or () if str(p.name).startswith("trustml.")}


def _record(told: Mapping[str, str], case: Any, result: str, message: str) -> CheckRecord:
    check = told["trustml.check"]
    outcome = told.get("trustml.outcome", "ERROR")
    if outcome not in _OUTCOMES:
        raise ValueError(f"the test {check} has the outcome {outcome!r}")
    measurements = tuple(_measurement(name, told) for name in _names(told))
    name = str(case.name)
    return CheckRecord(
        nodeid=f"test_release.py::{name}" if name.startswith("test_release[") else check,
        check=check,
        version=int(told.get("trustml.version", "1")),
        summary="",
        outcome=outcome,
        why=plain(message, 600) if result != "passed" else "",
        subject=told.get("trustml.subject", ""),
        fingerprint=told.get("trustml.fingerprint", ""),
        seed=int(told.get("trustml.seed", "0")),
        level=max([m.level for m in measurements if not isinstance(m.level, str)], default=0.95),
        device="unknown",
        measurements=measurements,
        seconds=float(case.time or 0.0),
    )


def _names(told: Mapping[str, str]) -> list[str]:
    """Names of measurements, in the order of the file."""
    return [name.split(".")[1] for name in told if name.count(".") == 2 and name.endswith(".value")]


def _measurement(name: str, told: Mapping[str, str]) -> MeasurementRecord:
    field = {key: told.get(f"trustml.{name}.{key}", "undefined") for key in _FIELDS}
    numbers: dict[str, Any] = {
        key: field[key] if field[key] == "undefined" else float(field[key]) for key in ("value", "low", "high", "level")
    }
    return MeasurementRecord(
        name=name,
        **numbers,
        method=field["method"],
        n=int(field["n"]),
        clusters="none",
        unit="",
        higher_is_safer=field["limit"].startswith("at least"),
        limit=field["limit"],
        outcome=field["outcome"],
        why="" if field["why"] == "undefined" else field["why"],
    )


def merged(paths: Iterable[Path], decision: Decision) -> bytes:
    """The tests of all JUnit files in one, and the decision as a test of its own."""
    from junitparser import Failure, JUnitXml, TestCase, TestSuite

    together = JUnitXml()
    for path in paths:
        for suite in _suites(JUnitXml.fromfile(str(path))):
            together.add_testsuite(suite)
    gate = TestSuite(_GATE)
    case = TestCase("decision", _GATE, 0.0)
    if decision.answer != "released":
        reasons = [f"{found.kind} {found.rule} {found.check}: {found.why}" for found in decision.findings]
        failure = Failure(plain(f"{decision.answer}: {decision.why}"), f"trustml.{decision.answer}")
        failure.text = plain("\n".join(reasons))
        case.result = [failure]
    gate.add_testcase(case)
    together.add_testsuite(gate)
    together.update_statistics()
    return together.tostring()
