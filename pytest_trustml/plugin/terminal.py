"""What the terminal shows: what was understood before the run, one line per check after it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from pytest_trustml.plugin.recording import Recorder
from pytest_trustml.reports.lines import table_lines
from pytest_trustml.result.plain import line

if TYPE_CHECKING:
    from pytest_trustml.plugin.session import Session


class Summary:
    """Header and closing table, in the controlling process."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def pytest_report_header(self) -> list[str]:
        """What was understood, so that a wrong model is noticed at once."""
        session = self.session
        parts = [f"trustml: {line(session.release.name)} is {session.model.description}"]
        parts += [f"{role.replace('_', ' ')} {line(s.spec)} is {s.description}" for role, s in session.companions.items()]
        checks = f"{len(session.checks)} check" + ("" if len(session.checks) == 1 else "s")
        setup = f"seed {session.seed}, level {session.level:g}, device {session.device}, {checks}"
        return ["; ".join(parts), f"trustml: {setup}, limits and data from {self._origins()}"]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line per check, and where to look further."""
        recorder = self.session.config.pluginmanager.getplugin("trustml-recorder")
        assert isinstance(recorder, Recorder)
        if not recorder.records:
            return
        terminalreporter.section("trustml")
        width = self.session.config.get_terminal_writer().fullwidth
        for text, outcome in self._lines(recorder, width):
            terminalreporter.write_line(text, **_COLOURS.get(outcome, {}))
        for subject in (self.session.model, *self.session.companions.values()):
            if subject.usage:
                terminalreporter.write_line(f"{line(subject.spec)}: {subject.usage}")
        terminalreporter.write_line(f"report: {self.session.report / 'index.html'}")

    def _lines(self, recorder: Recorder, width: int) -> Iterable[tuple[str, str]]:
        records = [recorder.records[nodeid] for nodeid in sorted(recorder.records)]
        for text in table_lines(records, width):
            yield text, text.split(" ", 1)[0]

    def _origins(self) -> str:
        return ", ".join(["the command line", *map(line, self.session.release.origins)])


_COLOURS: dict[str, dict[str, bool]] = {
    "PASS": {"green": True},
    "FAIL": {"red": True},
    "ERROR": {"red": True},
    "INVALID": {"red": True},
    "INCONCLUSIVE": {"yellow": True},
}
