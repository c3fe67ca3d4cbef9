"""What a run leaves behind: plain data, strict JSON, the only thing that reports and the gate ever read.

Undefined is the word ``undefined`` with the reason in ``why``, never NaN, null or 0. The schema has a version and
unknown fields are refused, so that a record is understood or rejected, never half-read.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec

from pytest_trustml.errors import UsageError
from pytest_trustml.result.comparison import Baseline, Comparison, Examples, Number
from pytest_trustml.result.decision import Decision
from pytest_trustml.result.evidence import Evidence
from pytest_trustml.result.measurement import Measurement
from pytest_trustml.result.policy import Policy
from pytest_trustml.result.verdict import Verdict

SCHEMA = 1

RecordedOutcome = Literal["PASS", "FAIL", "INCONCLUSIVE", "INVALID", "NOT_APPLICABLE", "ERROR"]


class MeasurementRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One measured number as it is reported. ``outcome`` is REPORTED where no limit was set."""

    name: str
    value: Number
    low: Number
    high: Number
    level: Number
    method: str
    n: int
    clusters: int | Literal["none"]
    unit: str
    higher_is_safer: bool
    limit: str
    outcome: Literal["PASS", "FAIL", "INCONCLUSIVE", "INVALID", "REPORTED"]
    why: str
    details: dict[str, Any] = {}
    evidence: tuple[Evidence, ...] = ()
    examples: Examples | Literal["none"] = "none"


class Control(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A test of the instrument itself. If one fails, the check's verdict is INVALID."""

    name: str
    ok: bool
    why: str


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model or data set that was used: what the user wrote, and the digest of its content."""

    spec: str
    fingerprint: str
    n: int | Literal["none"] = "none"


class CheckRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that one check said, on what, and how to run it again.

    ``location`` is where the check is configured, ``FILE:LINE`` relative to the folder of the run, for code scanning.
    """

    nodeid: str
    check: str
    version: int
    summary: str
    outcome: RecordedOutcome
    why: str
    subject: str
    fingerprint: str
    seed: int
    level: float
    device: str
    companions: dict[str, Source] = {}
    data: dict[str, Source] = {}
    options: dict[str, Any] = {}
    measurements: tuple[MeasurementRecord, ...] = ()
    controls: tuple[Control, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    min_n: int = 1
    seconds: float = 0.0
    reproduce: str = ""
    reference: str = ""
    location: str = ""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One pytest run: what was asked for, with which versions, and what every check said.

    ``policy`` holds the rules of the release, ``baseline`` the run it was compared with. ``decision`` is the gate's, which
    writes the record of all shards together. In a ``redacted`` run sensitive evidence is named by its digest only.
    """

    schema: int = SCHEMA
    created: str
    command: str
    model: str
    seed: int
    level: float
    inconclusive: str
    cache: str
    limits: dict[str, str] = {}
    versions: dict[str, str] = {}
    redacted: bool = False
    policy: Policy = Policy()
    baseline: Baseline | Literal["none"] = "none"
    decision: Decision | Literal["none"] = "none"
    checks: tuple[CheckRecord, ...] = ()


def record_measurement(
    measurement: Measurement, verdict: Verdict | None, examples: Examples | Literal["none"] = "none"
) -> MeasurementRecord:
    """Flatten a measurement, and its verdict if a limit was set, into the words and numbers that are reported."""
    interval = measurement.interval
    defined = measurement.value is not None
    unjudged = measurement.undefined or measurement.no_interval or "no limit was set"
    return MeasurementRecord(
        name=measurement.name,
        value=float(measurement.value) if defined else "undefined",
        low=float(interval.low) if interval else "undefined",
        high=float(interval.high) if interval else "undefined",
        level=interval.level if interval else "undefined",
        method=interval.method if interval else f"none: {measurement.no_interval or measurement.undefined}",
        n=int(measurement.n),
        clusters="none" if measurement.clusters is None else int(measurement.clusters),
        unit=measurement.unit,
        higher_is_safer=measurement.higher_is_safer,
        limit="none" if verdict is None else str(verdict.limit),
        outcome="REPORTED" if verdict is None else verdict.outcome.value,
        why=unjudged if verdict is None else verdict.why,
        details=_plain_values(measurement.details),
        evidence=measurement.evidence,
        examples=examples,
    )


def _plain_values(value: Any) -> Any:
    """JSON values only: numpy's numbers and arrays become ours, and what is no finite number becomes a word."""
    if isinstance(value, dict):
        return {str(key): _plain_values(entry) for key, entry in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain_values(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "undefined" if math.isnan(value) else f"{'-' if value < 0 else ''}infinite"
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return value


def encode(record: CheckRecord | RunRecord) -> bytes:
    """Strict JSON, keys in a fixed order, readable by people."""
    return msgspec.json.format(msgspec.json.encode(record, order="deterministic"), indent=2)


def decode_run(content: bytes, origin: str) -> RunRecord:
    """Read a run record, or say in one sentence why this is none."""
    return _decode(content, origin, RunRecord)


def decode_check(content: bytes, origin: str) -> CheckRecord:
    """Read the record of one check, or say in one sentence why this is none."""
    return _decode(content, origin, CheckRecord)


def _decode(content: bytes, origin: str, kind: type) -> Any:
    try:
        record = msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise UsageError(f"{origin} is not a record of schema {SCHEMA}: {problem}. Write it again with this version.") from None
    if kind is RunRecord and record.schema != SCHEMA:
        raise UsageError(f"{origin} has schema {record.schema}, this version reads schema {SCHEMA}. Write it again with it.")
    return record
