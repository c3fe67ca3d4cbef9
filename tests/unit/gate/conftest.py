"""Reports as shards leave them: real measurements, real verdicts, real files."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from pytest_trustml.gate.command import main
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.reports.report import write_report
from pytest_trustml.result.record import CheckRecord, Control, RunRecord, Source, decode_run, record_measurement
from pytest_trustml.result.verdict import AtMost, Limit, decide
from pytest_trustml.statistics import proportion

NEW, OLD = "ab" * 32, "cd" * 32


def rate(events: int, n: int = 500, name: str = "rate", level: float = 0.95):
    """A rate of harmful events with its exact interval."""
    return proportion([True] * events + [False] * (n - events), name=name, higher_is_safer=False, level=level)


class Bench:
    """Makes records and report folders below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def check(
        self, name: str = "acme.rate", events: int = 5, n: int = 500, limit: Limit | None = None, *, fingerprint: str = NEW,
        store: EvidenceStore | None = None, level: float = 0.95, broken: str = "", **changes: Any,
    ) -> CheckRecord:  # fmt: skip
        """A check that saw so many events in n samples: 5 of 500 pass the limit of 5 %, 100 fail it, 25 are undecided."""
        measured = rate(events, n, level=level)
        measured = measured.but(invalid=broken) if broken else measured
        verdict = decide(measured, limit or AtMost(0.05))
        kept: Any = "none"
        if store is not None:
            kept = store.examples([f"{i:016x}" for i in range(n)], [1.0] * events + [0.0] * (n - events))
        record = CheckRecord(
            nodeid=f"test_release.py::test_release[{name}]",
            check=name,
            version=1,
            summary="How often it is bad.",
            outcome=verdict.outcome.value,
            why=verdict.why,
            subject="./model",
            fingerprint=fingerprint,
            seed=0,
            level=level,
            device="cpu",
            data={"prompts": Source(spec="p.jsonl", fingerprint="ef" * 32, n=n)},
            controls=(Control(name="eyes", ok=not broken, why=broken or "open"),),
            measurements=(record_measurement(measured, verdict, kept),),
        )
        return msgspec.structs.replace(record, **changes)

    def unmeasured(self, name: str, outcome: str, why: str = "because") -> CheckRecord:
        return msgspec.structs.replace(self.check(name), outcome=outcome, why=why, measurements=(), controls=())

    def run(self, *checks: CheckRecord, **changes: Any) -> RunRecord:
        run = RunRecord(
            created="2026-11-01T00:00:00+00:00", command="pytest", model="./model", seed=0, level=0.95, inconclusive="fail",
            cache="use", versions={"pytest-trustml": "0.1.0"}, checks=checks,
        )  # fmt: skip
        return msgspec.structs.replace(run, **changes)

    def report(self, name: str, *checks: CheckRecord, **changes: Any) -> Path:
        """A report folder with one record."""
        write_report(self.run(*checks, **changes), self.folder / name)
        return self.folder / name

    def store(self, name: str) -> EvidenceStore:
        return EvidenceStore(self.folder / name)

    def policy(self, gate: str = "", limits: str = "") -> Path:
        path = self.folder / "trustml.toml"
        path.write_text(f"[limits]\n{limits}\n[gate]\n{gate}\n", encoding="utf-8")
        return path


class Decided(NamedTuple):
    """What the gate said."""

    code: int
    output: str

    def says(self, kind: str, rule: str) -> bool:
        """Whether there is such a finding."""
        lines = self.output.splitlines()
        return any(text.split()[:1] == [kind] and text.endswith(f"[{rule}]") for text in lines)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Decided]:
    """Runs the gate's command line in the folder of the bench."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Decided:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = main([str(argument) for argument in arguments])
        return Decided(code, said.getvalue())

    return run


def merged(folder: Path) -> RunRecord:
    path = folder / "run.json"
    return decode_run(path.read_bytes(), str(path))
