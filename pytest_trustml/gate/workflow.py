"""What the GitHub Action runs: one pytest run over what the inputs name, then the gate over what that run left.

``python -m pytest_trustml.gate.workflow`` reads the inputs from the environment (`inputs`). Both programs may print words of a
model, and both may call a user's ``py:module:function``. So GitHub is told to obey nothing that they print, and neither gets
the files through which a step speaks to its job. Whatever goes wrong with them, the verdict is ``unjudged``.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from pytest_trustml.errors import CacheError, UsageError
from pytest_trustml.gate.github import JUNIT, annotation, report, write_outputs, write_summary
from pytest_trustml.gate.inputs import FOLDER, PREFIX, FailOn, Inputs, gate_arguments, pytest_arguments, read_inputs
from pytest_trustml.reports.report import CARD, PAGE, RECORD, SCANNING, SCHEMA, SUMMARY
from pytest_trustml.result.decision import EXIT_CODES, Answer, Decision, Finding
from pytest_trustml.result.plain import line
from pytest_trustml.result.record import RunRecord, decode_run

_JOB_FILES = ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")
_TAIL = 64_000
_GRACE = 5.0  # seconds for the last words of a program that has ended
_MISTAKE = 2
_ENDS = {
    2: "was interrupted",
    3: "stopped with an internal error",
    4: "could not start",
    5: "found nothing to judge: the input checks selects among what pytest --trustml-list names",
    -9: "was killed, as happens where memory runs out",
}


def main(environ: Mapping[str, str]) -> int:
    """Judge what the inputs name.

    Parameters
    ----------
    environ : mapping
        The environment, with ``TRUSTML_INPUT_*`` and the ``GITHUB_*`` of a job.

    Returns
    -------
    int
        0: released, or the input ``fail-on`` lets the step pass. 1: blocked. 2: nobody can tell, or an input is wrong.
    """
    try:
        inputs = read_inputs(environ)
    except UsageError as problem:
        return _refused(str(problem), environ)
    try:
        result = _judged(inputs, environ)
        report(result, inputs.folder, environ)
    except (CacheError, OSError) as problem:  # a folder or a file of the job that cannot be written
        print(annotation("error", str(problem), title="Could not report"), flush=True)
        return _MISTAKE
    decision = result if isinstance(result, Decision) else result.decision
    assert isinstance(decision, Decision)
    return exit_code(decision.answer, inputs.fail_on)


def exit_code(answer: Answer, fail_on: FailOn) -> int:
    """The exit code of the step.

    >>> exit_code("blocked", "blocked"), exit_code("unjudged", "blocked"), exit_code("unjudged", "unjudged")
    (1, 0, 2)
    >>> exit_code("blocked", "never"), exit_code("released", "unjudged")
    (0, 0)
    """
    failing = {"never": (), "blocked": ("blocked",), "unjudged": ("blocked", "unjudged")}[fail_on]
    return EXIT_CODES[answer] if answer in failing else 0


def _judged(inputs: Inputs, environ: Mapping[str, str]) -> RunRecord | Decision:
    """The record that the gate decided about or, where there is none, why nobody can tell."""
    _clear(inputs)
    code, said = guarded([sys.executable, "-m", "pytest", *pytest_arguments(inputs)], environ)
    why = unusable(code, said, inputs.run / RECORD)
    if why:
        return _unjudged("pytest", why)
    code, said = guarded([sys.executable, "-m", "pytest_trustml.gate", *gate_arguments(inputs)], environ)
    return decided(code, said, inputs.folder / RECORD)


def unusable(code: int, said: str, record: Path) -> str:
    """Why the gate cannot be asked about a pytest run; empty if it can.

    Parameters
    ----------
    code : int
        How pytest ended. Only 0 and 1 mean that all tests were run.
    said : str
        The end of what it printed.
    record : Path
        The record that it should have left.
    """
    if code not in (0, 1):
        _, error, mistake = f"\n{said}".rpartition("\nERROR: ")
        words = _ENDS.get(code, f"was killed by signal {-code}" if code < 0 else "did not finish")
        return f"pytest {words} (exit code {code}){f': {line(mistake.strip(), 400)}' if error else ''}"
    if not record.is_file():
        return f"pytest ended with exit code {code} and left no record at {record}: extra-args may have kept it from judging"
    return ""


def decided(code: int, said: str, record: Path) -> RunRecord | Decision:
    """The record that the gate wrote, if it holds the decision with which the gate ended; else a decision that says what is
    wrong."""
    try:
        run = decode_run(record.read_bytes(), str(record))
    except (OSError, UsageError):
        run = None
    if run is not None and isinstance(run.decision, Decision) and EXIT_CODES[run.decision.answer] == code:
        return run
    _, found, why = f"\n{said}".partition("\nCOULD NOT JUDGE: ")
    return _unjudged("gate", why.partition("\n")[0] if found else f"the gate ended with exit code {code} and no decision")


def guarded(command: Sequence[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """Run a program whose output GitHub shows and does not obey.

    It gets none of the files through which a step speaks to its job, and what outlives it is not shown.

    Returns
    -------
    int, str
        Exit code (negative: the signal), and the end of what was printed.
    """
    hidden = {name: value for name, value in environ.items() if name not in _JOB_FILES and not name.startswith(PREFIX)}
    token = secrets.token_hex(20)
    screen = _Screen()
    print(f"::stop-commands::{token}", flush=True)
    try:
        screen.show(f"$ {line(shlex.join(command), 8000)}\n".encode("utf-8", "backslashreplace"))
        process = subprocess.Popen(
            command, env=hidden, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
        )
        assert process.stdout is not None
        relay = threading.Thread(target=screen.relay, args=(process.stdout,), daemon=True)
        relay.start()
        try:
            code = process.wait()
        except BaseException:
            process.kill()
            raise
        relay.join(_GRACE)  # it is over at once, unless something that the program started still holds the pipe
        if not relay.is_alive():
            process.stdout.close()
    finally:
        screen.close()
        print(f"\n::{token}::", flush=True)  # on a line of its own, whatever the last line was
    return code, screen.tail


class _Screen:
    """Shows bytes until it is closed, and remembers the last of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = True
        self._last = b""

    @property
    def tail(self) -> str:
        return self._last.decode("utf-8", "replace").replace("\r\n", "\n")

    def show(self, content: bytes) -> None:
        with self._lock:
            if self._open:
                with contextlib.suppress(OSError):  # nobody listens any more: the program must not hang for that
                    sys.stdout.buffer.write(content)
                    sys.stdout.buffer.flush()
                self._last = (self._last + content)[-_TAIL:]

    def relay(self, pipe: BinaryIO) -> None:
        with contextlib.suppress(OSError):
            while content := pipe.read(65536):  # unbuffered: what is there already
                self.show(content)

    def close(self) -> None:
        with self._lock:
            self._open = False


def _refused(problem: str, environ: Mapping[str, str]) -> int:
    """An input is wrong: nothing was run, and the step fails whatever ``fail-on`` says."""
    decision = _unjudged("input", problem)
    print(annotation("error", problem, title="Wrong input"), flush=True)
    write_outputs(decision, Path(FOLDER), environ)
    write_summary(decision, environ)
    return _MISTAKE


def _unjudged(rule: str, why: str) -> Decision:
    finding = Finding(kind="unjudged", rule=rule, check="", why=why)
    return Decision(answer="unjudged", why=why, policy="unknown", findings=(finding,))


def _clear(inputs: Inputs) -> None:
    """Take away what an earlier job left on the same machine: it must not be taken for the result of this one."""
    views = (RECORD, SUMMARY, PAGE, SCANNING, CARD, SCHEMA, JUNIT)
    stale = [place / name for place in (inputs.folder, inputs.run) for name in views]
    for path in [*stale, *inputs.run.glob("*.xml")]:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main(os.environ))
