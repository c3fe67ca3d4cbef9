"""What a run may tell: nothing that quotes data or the model and, on request, hashes in place of all that might."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from pytest_trustml.checks.veil import HIDDEN, Veil
from pytest_trustml.errors import UsageError
from pytest_trustml.result.evidence import Evidence
from pytest_trustml.result.plain import plain
from pytest_trustml.result.record import CheckRecord

WITHHELD = "withheld, because it may quote the data or the model: run without --trustml-redact to see it"
_NOTHING = Exception("")
_NAME = re.compile(r"[\w.:/+\-]{1,64}")
_LOUD = {
    "-s": lambda option: option("capture", "fd") == "no",
    "--log-file": lambda option: option("log_file", None),
    "--log-cli-level": lambda option: option("log_cli_level", None),
    "--debug": lambda option: option("debug", None),
}


class Discretion:
    """Goes over every record, report and warning before anything is written, sent to another process or shown.

    Always: whatever quotes a text of the data or an answer of the model is hidden (`Veil`), in tracebacks and captured output
    as well. Numbers, names of checks, digests and the words of checks stay. So do the command line and the specs of models and
    data, which are the user's own words.

    In a redacted run also: errors are told by type and digest; tracebacks, captured output, warnings and reasons for skipping
    of tests about a model are left out; words in ``details`` stay only where they are a name without blanks that is not in the
    data; what follows ``?`` in the spec of data, which may name the content of a cell, is cut off.

    Parameters
    ----------
    veil : Veil
    redact : bool
    """

    def __init__(self, veil: Veil, redact: bool) -> None:
        self.veil = veil
        self.redact = redact

    def quotes(self, words: str) -> bool:
        """Whether words, one piece per line, quote the data or the model. A redacted run is strict: labels count as well."""
        return self.veil.quotes(words) or (self.redact and bool(self.veil.holds(words.split("\n"))))

    def error(self, problem: BaseException, words: str) -> str:
        """An error as records tell it."""
        if self.redact:
            return f"{type(problem).__name__} ({_digest(str(problem))}): what it said is {WITHHELD}"
        return plain(self.veil.over(words))

    def skipped(self, problem: BaseException) -> str:
        """Why a test skipped itself, as records tell it."""
        if self.redact:
            return f"skipped; why ({_digest(str(problem))}) is {WITHHELD}"
        return plain(self.veil.over(str(problem))) or "skipped"

    def word(self, word: str) -> str:
        """A word of a command line, or the spec of data, without the content of cells that it may name."""
        spec, question, _ = word.partition("?")
        return f"{spec}?{HIDDEN}" if self.redact and question else word

    def record(self, record: CheckRecord) -> CheckRecord:
        """The record as it may be told."""
        told: dict[str, str] = {}
        _spoken(record, lambda text: told.setdefault(text, text), lambda text: told.setdefault(text, text))
        words = list(told)
        hidden = dict(zip(words, self.veil.over_all(words), strict=True))
        known = self.veil.holds(words) if self.redact else set()

        def detail(text: str) -> str:
            if not self.redact:
                return hidden[text]
            open = _NAME.fullmatch(text) and hidden[text] == text and text not in known
            return text if open else f"withheld ({_digest(text)})"

        record = _spoken(record, hidden.__getitem__, detail)
        if not self.redact:
            return record
        data = {role: msgspec.structs.replace(s, spec=self.word(s.spec)) for role, s in record.data.items()}
        return msgspec.structs.replace(record, data=data)

    def report(self, report: pytest.TestReport, problem: BaseException | None, *, skipping_is_ours: bool) -> None:
        """What pytest shows of a phase of a test about a model, in place.

        ``skipping_is_ours``: the reason for skipping, if there is one, is a verdict or names what to supply.
        """
        over = self._withheld if self.redact else self.veil.over
        report.sections = [(title, over(text)) for title, text in report.sections]
        report.user_properties = [
            (name, value if name.startswith("trustml.") else self._property(value)) for name, value in report.user_properties
        ]
        if isinstance(report.longrepr, tuple):
            path, number, reason = report.longrepr
            report.longrepr = (path, number, reason if skipping_is_ours else f"Skipped: {self.skipped(problem or _NOTHING)}")
        elif report.longrepr is not None and self.redact:
            kind = "failed" if problem is None else type(problem).__name__
            report.longrepr = f"{kind}: what happened is {WITHHELD}"
        elif report.longrepr is not None and self.veil.quotes(text := str(report.longrepr)):
            report.longrepr = plain(self.veil.over(text))

    def _withheld(self, text: str) -> str:
        return f"what it wrote is {WITHHELD}" if text.strip() else text

    def _property(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if self.redact and self.veil.holds([value]):
            return f"withheld ({_digest(value)})"
        return self.veil.over(value)

    def warning(self, message: warnings.WarningMessage, about_model: bool) -> None:
        """A warning, in place: its text may quote what it warns of."""
        said = str(message.message)
        told = f"the warning is {WITHHELD}" if self.redact and about_model else self.veil.over(said)
        if told != said:
            message.message = Warning(told)

    def check_output(self, config: pytest.Config) -> None:
        """Refuse what would write a test's output past us.

        Raises
        ------
        UsageError
            If a redacted run is to show or keep what tests print or log.
        """
        if not self.redact or hasattr(config, "workerinput"):
            return
        loud = [flag for flag, asked in _LOUD.items() if asked(config.getoption)]
        if config.pluginmanager.hasplugin("logging"):
            loud += [f"the ini setting {name}" for name in ("log_file", "log_cli") if config.getini(name)]
        if loud:
            raise UsageError(
                f"--trustml-redact leaves hashes only, but {' and '.join(loud)} would write what tests print and log. "
                "Leave out one of the two."
            )


def _digest(text: str) -> str:
    return f"sha256 {hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _spoken(record: CheckRecord, say: Callable[[str], str], detail: Callable[[str], str]) -> CheckRecord:
    """The record with every text that a check may have put together from what it saw as ``say`` and ``detail`` put it."""

    def shown(pieces: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
        return tuple(msgspec.structs.replace(piece, caption=say(piece.caption)) for piece in pieces)

    measurements = tuple(
        msgspec.structs.replace(
            m, method=say(m.method), why=say(m.why), details=_tree(m.details, detail), evidence=shown(m.evidence)
        )
        for m in record.measurements
    )
    controls = tuple(msgspec.structs.replace(c, name=say(c.name), why=say(c.why)) for c in record.controls)
    comparisons = tuple(msgspec.structs.replace(c, why=say(c.why)) for c in record.comparisons)
    return msgspec.structs.replace(
        record, why=say(record.why), measurements=measurements, controls=controls, comparisons=comparisons,
        evidence=shown(record.evidence),
    )  # fmt: skip


def _tree(value: Any, say: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return say(value)
    if isinstance(value, dict):
        return {say(str(key)): _tree(entry, say) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_tree(entry, say) for entry in value]
    return value
