"""From a test to its record: what each test said, carried to the controlling process, and written as reports there."""

from __future__ import annotations

import datetime
import importlib.metadata
import time
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec
import pytest

from pytest_trustml.checks.bound import BoundCheck, bare_record
from pytest_trustml.checks.check import Check
from pytest_trustml.checks.trust import Trust
from pytest_trustml.errors import TrustFailure, TrustmlError
from pytest_trustml.plugin.baseline import since
from pytest_trustml.plugin.dialect import junit_path
from pytest_trustml.plugin.expectation import CRASH, SILENCE, SUITE, Expectation, about_model
from pytest_trustml.plugin.own_tests import bare_own_record, own_record
from pytest_trustml.plugin.places import place
from pytest_trustml.reports import junit
from pytest_trustml.reports.evidence import forget
from pytest_trustml.reports.lines import failure_text
from pytest_trustml.reports.report import CARD, PAGE, RECORD, SCANNING, SUMMARY, write_report
from pytest_trustml.reports.strict import strict
from pytest_trustml.result.plain import plain
from pytest_trustml.result.record import CheckRecord, RunRecord, decode_check, encode

if TYPE_CHECKING:
    from pytest_trustml.plugin.session import Session

CHECK = pytest.StashKey[Check]()
SAID = pytest.StashKey[CheckRecord]()
_LIBRARIES = ("pytest-trustml", "pytest", "torch", "transformers", "peft", "diffusers", "numpy", "scipy")


class Recorder:
    """Makes one record per test about a model. In workers it rides on the test report; the controller writes the files."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.discretion = session.discretion
        self.records: dict[str, CheckRecord] = {}
        self.expectation = Expectation(session.only_suite)
        self.running = False
        self._doubtful: set[str] = set()
        self.worker: str | None = getattr(session.config, "workerinput", {}).get("workerid")

    @pytest.fixture
    def trustml_judge(self, request: pytest.FixtureRequest) -> Callable[[BoundCheck, Trust], None]:
        """Runs a bound check, keeps its record and raises unless it passed."""

        def judge(bound: BoundCheck, trust: Trust) -> None:
            __tracebackhide__ = True
            trust.name = bound.check.id
            started = time.perf_counter()
            record, verdicts = bound.run(trust, request.node.nodeid)
            record = self._complete(self._since(record), time.perf_counter() - started)
            request.node.stash[SAID] = record
            if record.outcome == "PASS":
                return
            if record.outcome in ("INCONCLUSIVE", "INVALID") and self.session.inconclusive == "skip":
                pytest.skip(failure_text(record))
            raise TrustFailure(failure_text(record), next((v for v in verdicts if v.outcome.value == record.outcome), None))

        return judge

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        """Before anything runs, take away what an earlier run left: a run that is killed must not be taken for that one."""
        config = session.config
        self.running = self.worker is None and not config.getoption("collectonly")
        if not self.running:
            return
        stale = [self.session.report / name for name in (RECORD, SUMMARY, PAGE, SCANNING, CARD)]
        junitxml = junit_path(config)
        try:
            for path in (*stale, *([junitxml] if junitxml else [])):
                path.unlink(missing_ok=True)
            if self.session.redact:
                forget(self.session.report)
        except OSError as problem:
            raise pytest.UsageError(
                f"The report of an earlier run could not be removed: {problem}. Remove it, or choose another --trustml-report."
            ) from None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        """Put the record on the report, and show a user's mistake or a verdict without a traceback."""
        if not about_model(item):
            return (yield)
        judged = SAID in item.stash
        if call.excinfo is not None:
            self.session.veil.overhear(call.excinfo.tb)
        record = self._record(item, call)
        if record is not None:
            item.stash[SAID] = record
            kept = [pair for pair in item.user_properties if not pair[0].startswith("trustml.")]
            item.user_properties[:] = [*kept, *junit.properties(record, waivers=self.session.release.policy.waivers)]
        report: pytest.TestReport = yield
        if record is not None:
            report.trustml_record = encode(strict(record)).decode()
        problem = call.excinfo.value if call.excinfo else None
        ours = CHECK in item.stash and (judged or call.when == "setup")
        self.discretion.report(report, problem, skipping_is_ours=ours)
        if isinstance(problem, TrustFailure) and ours:
            report.longrepr = str(problem)  # made safe where it was worded, with a command that can still be pasted
        elif isinstance(problem, TrustmlError):
            report.longrepr = self.discretion.error(problem, str(problem))
        elif record is not None and report.passed and record.outcome == "FAIL":
            report.outcome, report.longrepr = "failed", failure_text(record)  # worse than the baseline, seen after the test
        elif record is not None and report.failed:
            shown = f"{failure_text(record)}\n" if self.session.redact and record.measurements else ""
            report.longrepr = shown + plain(str(report.longrepr))  # a traceback may quote what the model said
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage, nodeid: str) -> None:
        """A warning may quote what it warns of. Seen here before pytest or xdist pass it on."""
        if not self._distributing:  # what comes from workers was seen there
            self.discretion.warning(warning_message, self.expectation.is_about_model(nodeid))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember what was selected: a test about a model that never reports is an error, not an absence."""
        if self.worker is not None:
            self.expectation.collected(session.items)
            self.expectation.tell(self.session.scratch.folder, self.worker)
        elif not self._distributing:
            self.expectation.collected(session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """The same under xdist, where only the workers collect."""
        self.expectation.distributed(ids)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather the records of this process and of all workers."""
        if self.worker is not None:
            return
        text = getattr(report, "trustml_record", None)
        if text is not None:
            self.records[report.nodeid] = decode_check(text.encode(), report.nodeid)
        if report.when == "???":  # xdist's word for the test that its worker died of
            self._crashed(report.nodeid)
        if report.when in ("teardown", "???"):
            self.expectation.ended.add(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the reports, in the controlling process only."""
        if not self.running:
            return
        self.expectation.listen(self.session.scratch.made)
        missing = self.expectation.missing(self.records)
        if self.expectation.unheard and self.session.only_suite and exitstatus != pytest.ExitCode.USAGE_ERROR:
            missing = {f"{SUITE}{check.id}]": SILENCE for check in self.session.checks}  # it broke before it could collect
        for nodeid, why in missing.items():
            self.records[nodeid] = self._absent(nodeid, why)
        for nodeid in [nodeid for nodeid in self._doubtful if not self.expectation.is_about_model(nodeid)]:
            del self.records[nodeid]
        if missing and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.records:
            write_report(self.run(), self.session.report)

    @property
    def _distributing(self) -> bool:
        return self.worker is None and self.session.config.getoption("dist", "no") != "no"

    def run(self) -> RunRecord:
        """The record of the whole run."""
        session = self.session
        created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        words = [self.discretion.word(str(word)) for word in session.config.invocation_params.args]
        return RunRecord(
            created=created,
            command=" ".join(["pytest", *words]),
            model=session.release.name,
            seed=session.seed,
            level=session.level,
            inconclusive=session.inconclusive,
            cache=session.cache_mode,
            redacted=session.redact,
            limits={key: str(limit) for key, limit in sorted(session.release.limits.items())},
            policy=session.release.policy,
            baseline="none" if session.baseline is None else session.baseline.baseline,
            versions={name: importlib.metadata.version(name) for name in _LIBRARIES},
            checks=tuple(self.records[nodeid] for nodeid in sorted(self.records)),
        )

    def _record(self, item: pytest.Item, call: pytest.CallInfo[None]) -> CheckRecord | None:
        """The record of this phase; None where another phase will tell, or there is nothing to say."""
        problem = call.excinfo.value if call.excinfo else None
        said = item.stash.get(SAID, None)
        if call.when == "teardown":
            return None if said is None or problem is None else self._undone(said, problem)
        if call.when == "setup" and problem is None:
            return None
        if said is not None:
            return said
        check = item.stash.get(CHECK, None)
        if check is None:
            record = own_record(item, call, self.session)
            return None if record is None else self._complete(self._since(record), call.duration)
        missing = call.when == "setup" and isinstance(problem, pytest.skip.Exception | TrustFailure)
        if missing or isinstance(problem, pytest.skip.Exception):
            words = str(problem).removeprefix("NOT_APPLICABLE: ") if missing else self.discretion.skipped(problem)
            return self._complete(self._unrun(check, item.nodeid, "NOT_APPLICABLE", words), call.duration)
        words = str(problem) if isinstance(problem, TrustmlError) else f"{type(problem).__name__}: {problem}"
        return self._complete(self._unrun(check, item.nodeid, "ERROR", self.discretion.error(problem, words)), call.duration)

    def _undone(self, said: CheckRecord, problem: BaseException) -> CheckRecord:
        """What a test said counts for nothing if it could not be brought to its end."""
        words = self.discretion.error(problem, f"{type(problem).__name__}: {problem}")
        return msgspec.structs.replace(said, outcome="ERROR", why=f"its teardown failed after {said.outcome}: {words}")

    def _crashed(self, nodeid: str) -> None:
        said = self.records.get(nodeid)
        if said is None:
            self._doubtful.add(nodeid)  # which tests are about a model is known for sure when the run is over
            self.records[nodeid] = self._absent(nodeid, CRASH)
        else:
            self.records[nodeid] = msgspec.structs.replace(said, outcome="ERROR", why=f"{CRASH}, after {said.outcome}")

    def _absent(self, nodeid: str, why: str) -> CheckRecord:
        if not nodeid.startswith(SUITE):
            return self._complete(bare_own_record(nodeid, self.session, "ERROR", why), 0.0)
        check = self.session.registry.find(nodeid.removeprefix(SUITE).rstrip("]"))
        return self._complete(self._unrun(check, nodeid, "ERROR", why), 0.0)

    def _since(self, record: CheckRecord) -> CheckRecord:
        session = self.session
        return since(record, session.baseline, session.report, session.release.policy)

    def _unrun(self, check: Check, nodeid: str, outcome: str, why: str) -> CheckRecord:
        return bare_record(
            check,
            self.session.model,
            nodeid=nodeid,
            seed=self.session.seed,
            level=self.session.level,
            outcome=outcome,
            why=plain(why),
        )

    def _complete(self, record: CheckRecord, seconds: float) -> CheckRecord:
        session = self.session
        return self.discretion.record(
            msgspec.structs.replace(
                record,
                seconds=round(seconds, 3),
                reproduce=session.reproduce(record.check),
                subject=session.release.name,
                location=record.location or place(record.check, session.release.origins, session.cwd),
            )
        )
