"""The program behind the action, piece by piece: guards, what counts as an answer, leftovers."""

from __future__ import annotations

import os
import re
import sys
import time

import msgspec
import pytest

from pytest_trustml.gate.inputs import Inputs, pytest_arguments, read_inputs
from pytest_trustml.gate.workflow import decided, guarded, main, unusable
from pytest_trustml.result.decision import Decision
from pytest_trustml.result.record import encode
from tests.action.job import assigned, obeyed
from tests.action.test_github import RUN, decision


def python(code: str, environ: dict[str, str] | None = None) -> tuple[int, str]:
    return guarded([sys.executable, "-c", code], dict(os.environ) | (environ or {}))


def test_a_guarded_program_commands_nothing(capfd):
    code, said = python("import sys; print('::error::pwned'); print('::warning::pwned', end='', file=sys.stderr); sys.exit(3)")
    log = capfd.readouterr().out
    assert code == 3
    assert "::warning::pwned" in said
    assert "\n::error::pwned\n" in log
    assert [command.name for command in obeyed(log + "::notice::ours\n")] == ["stop-commands", "notice"]


def test_the_guard_cannot_be_foreseen(capfd):
    for _ in range(2):
        python("")
    tokens = re.findall(r"^::stop-commands::([0-9a-f]{40})$", capfd.readouterr().out, re.MULTILINE)
    assert len(set(tokens)) == 2


def test_a_command_line_cannot_command_either(capfd):
    guarded([sys.executable, "-c", "\n::error::pwned"], os.environ)
    assert [command.name for command in obeyed(capfd.readouterr().out)] == ["stop-commands"]


def test_what_outlives_a_guarded_program_is_not_shown(capfd, monkeypatch):
    monkeypatch.setattr("pytest_trustml.gate.workflow._GRACE", 0.5)
    late = "import time; time.sleep(2.5); print('::error::late', flush=True)"
    start = time.monotonic()
    python(f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {late!r}]); print('done')")
    assert time.monotonic() - start < 2.5
    time.sleep(max(0.0, 3 - (time.monotonic() - start)))
    log = capfd.readouterr().out
    assert "done" in log
    assert "::error::late" not in log


def test_a_guarded_program_gets_no_file_of_the_job(capfd):
    given = dict.fromkeys(("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE"), "/x")
    _, said = python("import os; print(sorted(os.environ))", given | {"TRUSTML_INPUT_MODEL": "m", "GITHUB_WORKSPACE": "/w"})
    assert "GITHUB_WORKSPACE" in said
    assert not [name for name in (*given, "TRUSTML_INPUT_MODEL") if repr(name) in said]


@pytest.mark.parametrize(
    ("code", "said", "words"),
    [
        (2, "", "was interrupted (exit code 2)"),
        (3, "INTERNALERROR> boom", "internal error"),
        (4, "log\nERROR: usage: pytest\n  no such option ::x", "could not start (exit code 4): usage: pytest"),
        (5, "", "found nothing to judge"),
        (-9, "", "memory runs out"),
        (-15, "", "was killed by signal 15"),
        (99, "", "did not finish (exit code 99)"),
        (0, "", "left no record"),
        (1, "ERROR: x", "left no record"),
    ],
)
def test_a_run_that_did_not_judge(tmp_path, code, said, words):
    why = unusable(code, said, tmp_path / "run.json")
    assert words in why
    assert "::" not in why


def test_only_a_decision_that_fits_the_exit_code_counts(tmp_path):
    path = tmp_path / "run.json"
    blocked = msgspec.structs.replace(RUN, decision=decision())
    path.write_bytes(encode(blocked))
    assert decided(1, "", path) == blocked
    for code in (0, 2, -9, 70):
        other = decided(code, "log\nCOULD NOT JUDGE: nothing fits\nmore", path)
        assert isinstance(other, Decision)
        assert (other.answer, other.why) == ("unjudged", "nothing fits")
    for content in (b"", b"{", encode(RUN), encode(blocked)[:-20]):
        path.write_bytes(content)
        assert decided(0, "Traceback", path).answer == "unjudged"
        assert "exit code 0 and no decision" in decided(0, "Traceback", path).why
    assert decided(1, "", tmp_path / "gone.json").answer == "unjudged"


def test_what_is_not_given_is_left_out():
    environ = {f"TRUSTML_INPUT_{name}": "" for name in ("BASE_MODEL", "DATA", "CHECKS", "EXTRA_ARGS", "REPORT_DIR", "FAIL_ON")}
    inputs = read_inputs(environ | {"TRUSTML_INPUT_MODEL": " m\n"})
    assert inputs == Inputs(model="m")
    assert pytest_arguments(inputs) == [
        "--trustml-model=m", "--junitxml=trustml-report/trust.xml", "--trustml-report=trustml-report/run",
    ]  # fmt: skip


def test_a_folder_that_cannot_be_written_is_a_mistake(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trustml-report").write_text("a file")
    outputs = tmp_path / "outputs"
    code = main(dict(os.environ) | {"TRUSTML_INPUT_MODEL": "demo:none", "GITHUB_OUTPUT": str(outputs)})
    assert code == 2
    assert obeyed(capfd.readouterr().out)[-1].name in ("error", "warning")
    assert not outputs.exists() or assigned(outputs.read_text())["verdict"] == "unjudged"
