"""Two releases that measured the same thing: records of one check, with what every example measured kept beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pytest_trustml.comparison.compare import compare
from pytest_trustml.comparison.recorded import Recorded
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.result.comparison import Comparison
from pytest_trustml.result.policy import Policy
from pytest_trustml.result.record import CheckRecord, MeasurementRecord, RunRecord, Source

NODEID = "test_release.py::test_release[acme.rate]"


def keys(count: int) -> list[str]:
    return [f"{number:016x}" for number in range(count)]


def measured(value: float, **changes) -> MeasurementRecord:
    """One measurement as a record has it, without examples."""
    fields = {
        "name": "rate", "value": value, "low": value - 0.02, "high": value + 0.02, "level": 0.95, "method": "clopper-pearson",
        "n": 500, "clusters": "none", "unit": "share", "higher_is_safer": True, "limit": "at least 0.8", "outcome": "PASS",
        "why": "it is high",
    }  # fmt: skip
    return MeasurementRecord(**(fields | changes))


def kept(folder: Path, values, names=None, clusters=None, **changes) -> MeasurementRecord:
    """A measurement together with what each example measured."""
    array = np.asarray(values, dtype=float)
    names = keys(len(array)) if names is None else names
    examples = EvidenceStore(folder).examples(names, array, clusters)
    return measured(float(array.mean()), examples=examples, n=len(array), **changes)


def check(model: str, *measurements: MeasurementRecord, **changes) -> CheckRecord:
    fields = {
        "nodeid": NODEID, "check": "acme.rate", "version": 1, "summary": "A rate.", "outcome": "PASS", "why": "it is high",
        "subject": f"./{model}", "fingerprint": model * 16, "seed": 0, "level": 0.95, "device": "cpu",
        "measurements": measurements, "options": {"tokens": 32},
        "companions": {"base_model": Source(spec="base", fingerprint="ba" * 32)},
        "data": {"prompts": Source(spec="p.jsonl", fingerprint="cd" * 32, n=500)},
    }  # fmt: skip
    return CheckRecord(**(fields | changes))


def run(*checks: CheckRecord, **changes) -> RunRecord:
    fields = {
        "created": "2026-01-01T00:00:00Z", "command": "pytest", "model": "./old", "seed": 0, "level": 0.95,
        "inconclusive": "fail", "cache": "use", "checks": checks,
    }  # fmt: skip
    return RunRecord(**(fields | changes))


def recorded(folder: Path, *checks: CheckRecord) -> Recorded:
    return Recorded(run(*checks), folder, "old-report")


def changed(folder: Path, after, before, *, clusters=None, policy: Policy | None = None, **about) -> Comparison:
    """The comparison of two releases of which these are the values, example by example."""
    now = check("new", kept(folder / "new", after, clusters=clusters, **about))
    then = check("old", kept(folder / "old", before, clusters=clusters, **about))
    (found,) = compare(now, folder / "new", recorded(folder / "old", then), policy or Policy())
    return found
