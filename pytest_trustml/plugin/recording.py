"""From a test to its record: what each test said, carried to the controlling process, and written as reports there."""

from __future__ import annotations

import datetime
import importlib.metadata
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec
import pytest

from pytest_trustml.checks.bound import BoundCheck, unrun
from pytest_trustml.checks.check import Check
from pytest_trustml.checks.trust import Trust
from pytest_trustml.errors import TrustFailure, TrustmlError
from pytest_trustml.reports import junit
from pytest_trustml.reports.lines import failure_text
from pytest_trustml.reports.report import write_report
from pytest_trustml.reports.strict import strict
from pytest_trustml.result.plain import plain
from pytest_trustml.result.record import CheckRecord, RunRecord, decode_check, encode, record_measurement
from pytest_trustml.result.verdict import worst

if TYPE_CHECKING:
    from pytest_trustml.plugin.session import Session

TRUST = pytest.StashKey[Trust]()
CHECK = pytest.StashKey[Check]()
RECORD = pytest.StashKey[CheckRecord]()
_LIBRARIES = ("pytest-trustml", "pytest", "torch", "transformers", "peft", "diffusers", "numpy", "scipy")


class Recorder:
    """Makes one record per test about a model. In workers it rides on the test report; the controller writes the files."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.records: dict[str, CheckRecord] = {}
        self.expected: set[str] = set()
        self.controller = not hasattr(session.config, "workerinput")

    @pytest.fixture
    def trustml_judge(self, request: pytest.FixtureRequest) -> Callable[[BoundCheck, Trust], None]:
        """Runs a bound check, keeps its record and raises unless it passed."""

        def judge(bound: BoundCheck, trust: Trust) -> None:
            __tracebackhide__ = True
            trust.name = bound.check.id
            started = time.perf_counter()
            record, verdicts = bound.run(trust, request.node.nodeid)
            record = self._complete(record, time.perf_counter() - started)
            request.node.stash[RECORD] = record
            if record.outcome == "PASS":
                return
            if record.outcome in ("INCONCLUSIVE", "INVALID") and self.session.inconclusive == "skip":
                pytest.skip(failure_text(record))
            raise TrustFailure(failure_text(record), next(v for v in verdicts if v.outcome.value == record.outcome))

        return judge

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        """Put the record on the report, and show a user's mistake or a verdict without a traceback."""
        record = self._record(item, call)
        if record is not None:
            item.user_properties.extend(junit.properties(record))
        report: pytest.TestReport = yield
        if record is not None:
            report.trustml_record = encode(strict(record)).decode()
        problem = call.excinfo.value if call.excinfo else None
        if isinstance(problem, TrustFailure) and CHECK in item.stash:
            report.longrepr = str(problem)  # made safe where it was worded, with a command that can still be pasted
        elif isinstance(problem, TrustmlError):
            report.longrepr = plain(str(problem))
        elif record is not None and report.failed:
            report.longrepr = plain(str(report.longrepr))  # a traceback may quote what the model said
        return report

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember what was selected: a check that never reports is an error, not an absence."""
        self.expected.update(item.nodeid for item in session.items if "trustml_check" in getattr(item, "fixturenames", ()))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """The same under xdist, where only the workers collect."""
        self.expected.update(nodeid for nodeid in ids if nodeid.startswith("test_release.py::test_release["))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather the records of this process and of all workers."""
        text = getattr(report, "trustml_record", None)
        if self.controller and text is not None:
            self.records[report.nodeid] = decode_check(text.encode(), report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Write the reports, in the controlling process only."""
        config = self.session.config
        if not self.controller or config.getoption("collectonly"):
            return
        for nodeid in sorted(self.expected - set(self.records)):
            check = self.session.registry.find(nodeid.partition("[")[2].rstrip("]"))
            why = "it did not report: its process ended before it did, or the session was stopped"
            self.records[nodeid] = self._complete(self._unrun(check, nodeid, "ERROR", why), 0.0)
        if self.records:
            write_report(self.run(), self.session.report)

    def run(self) -> RunRecord:
        """The record of the whole run."""
        session = self.session
        created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return RunRecord(
            created=created,
            command=" ".join(["pytest", *map(str, session.config.invocation_params.args)]),
            model=session.release.name,
            seed=session.seed,
            level=session.level,
            inconclusive=session.inconclusive,
            cache=session.cache_mode,
            limits={key: str(limit) for key, limit in sorted(session.release.limits.items())},
            versions={name: importlib.metadata.version(name) for name in _LIBRARIES},
            checks=tuple(self.records[nodeid] for nodeid in sorted(self.records)),
        )

    def _record(self, item: pytest.Item, call: pytest.CallInfo[None]) -> CheckRecord | None:
        """The record of this phase; None where another phase will tell, or the test is not about a model."""
        problem = call.excinfo.value if call.excinfo else None
        if call.when == "teardown" or (call.when == "setup" and problem is None):
            return None
        if RECORD in item.stash:
            return item.stash[RECORD]
        check = item.stash.get(CHECK, None)
        if check is None:
            return self._own_test(item, call)
        words = str(problem) if isinstance(problem, TrustmlError) else f"{type(problem).__name__}: {problem}"
        if isinstance(problem, pytest.skip.Exception | TrustFailure):
            outcome, words = "NOT_APPLICABLE", str(problem).removeprefix("NOT_APPLICABLE: ")
        else:
            outcome = "ERROR"
        return self._complete(self._unrun(check, item.nodeid, outcome, words), call.duration)

    def _own_test(self, item: pytest.Item, call: pytest.CallInfo[None]) -> CheckRecord | None:
        """The record of a test of the project itself that used the judge."""
        trust = item.stash.get(TRUST, None)
        if trust is None or call.when != "call":
            return None
        problem = call.excinfo.value if call.excinfo else None
        if isinstance(problem, pytest.skip.Exception):
            outcome, why = "NOT_APPLICABLE", problem.msg or "skipped"
        elif problem is not None and not isinstance(problem, TrustFailure):
            outcome, why = "ERROR", f"{type(problem).__name__}: {problem}"
        elif trust.verdicts:
            outcome = worst(verdict.outcome for verdict in trust.verdicts).value
            why = next(v.why for v in trust.verdicts if v.outcome.value == outcome)
        else:
            outcome, why = "INCONCLUSIVE", "the test required nothing: no measurement was judged"
        doc = (getattr(getattr(item, "function", None), "__doc__", None) or item.name).strip().splitlines()[0]
        record = CheckRecord(
            nodeid=item.nodeid,
            check=item.nodeid,
            version=1,
            summary=doc,
            outcome=outcome,
            why=why,
            subject=self.session.model.spec,
            fingerprint=self.session.model.fingerprint,
            seed=trust.seed,
            level=trust.level,
            device=self.session.device,
            measurements=tuple(record_measurement(v.measurement, v) for v in trust.verdicts),
            controls=tuple(trust.controls),
            evidence=tuple(trust.evidence),
        )
        return self._complete(record, call.duration)

    def _unrun(self, check: Check, nodeid: str, outcome: str, why: str) -> CheckRecord:
        return unrun(
            check,
            self.session.model,
            nodeid=nodeid,
            seed=self.session.seed,
            level=self.session.level,
            outcome=outcome,
            why=plain(why),
        )

    def _complete(self, record: CheckRecord, seconds: float) -> CheckRecord:
        reproduce = self.session.reproduce(record.check)
        return msgspec.structs.replace(
            record, seconds=round(seconds, 3), reproduce=reproduce, subject=self.session.release.name
        )
