"""Whatever dies - a worker, all of them, the controller - the record is whole or absent, and absence of a test is an ERROR."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_trustml.result.record import decode_run

DEATHS = {"exit": "import os; os._exit(1)", "kill": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"}

OWN = """
import time
import pytest
import pytest_trustml as tm


def test_good(trustml):
    trustml.require(trustml.proportion([False] * 100, name="rate", higher_is_safer=False), at_most=0.5)


def test_dies(trustml, trustml_model):
    @death@


@pytest.mark.trustml
def test_marked():
    time.sleep(0.1)


def test_uses_the_model(trustml_model):
    assert trustml_model.spec


@pytest.fixture
def dies_later():
    yield
    @death@


def test_dies_in_teardown(trustml, @later@):
    trustml.require(trustml.proportion([False] * 100, name="rate", higher_is_safer=False), at_most=0.5)


def test_not_about_a_model():
    time.sleep(0.1)


def test_broken_fixture(trustml, no_such_fixture):
    pass
"""


def own(tmp_path, death="pass", later="trustml_model", more=""):
    text = OWN.replace("@death@", death).replace("@later@", later) + more
    (tmp_path / "work" / "test_own.py").write_text(text)


def deadly(tmp_path, death, check="crashes"):
    """Have a check of the toy package end its process."""
    package = tmp_path / "site" / "acme_checks" / "__init__.py"
    text = package.read_text()
    body = {"crashes": "    raise ZeroDivisionError(HOSTILE)", "fails": "    return rate(trust, np.arange(100) % 2 == 0)"}[
        check
    ]
    assert body in text
    package.write_text(text.replace(body, f"    {death}"))


def outcomes(run):
    return {record.nodeid.rpartition("::")[2]: record.outcome for record in run.record.checks}


@pytest.mark.parametrize("death", DEATHS)
def test_a_worker_that_dies_in_a_check(judge, tmp_path, death):
    deadly(tmp_path, DEATHS[death])
    run = judge("-n", "2", checks="acme.passes,acme.crashes,acme.fails,acme.undecided")
    assert run.code == 1
    assert outcomes(run) == {
        "test_release[acme.passes]": "PASS", "test_release[acme.crashes]": "ERROR", "test_release[acme.fails]": "FAIL",
        "test_release[acme.undecided]": "INCONCLUSIVE",
    }  # fmt: skip
    assert "its process ended" in run.check("crashes").why


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize(
    "dist",
    ["load", pytest.param("worksteal", marks=pytest.mark.slow), pytest.param("loadfile", marks=pytest.mark.slow)],
)
def test_a_worker_that_dies_in_a_test_of_the_project(judge, tmp_path, death, dist):
    own(tmp_path, DEATHS[death])
    run = judge("test_own.py", "-n", "2", "--dist", dist, checks=None)
    assert run.code == 1
    if dist == "loadfile":  # xdist itself gives up the whole file
        lost = {name for name, outcome in outcomes(run).items() if outcome == "ERROR"}
        assert {"test_dies", "test_broken_fixture"} <= lost
        assert "test_not_about_a_model" not in lost
        return
    assert outcomes(run) == {
        "test_good": "PASS", "test_dies": "ERROR", "test_dies_in_teardown": "PASS", "test_broken_fixture": "ERROR",
    }  # fmt: skip


def test_a_verdict_before_a_death_in_teardown_is_an_error(judge, tmp_path):
    own(tmp_path, DEATHS["kill"], later="dies_later")
    run = judge("test_own.py", "-n", "2", "-k", "good or teardown or not_about", checks=None)
    assert run.code == 1
    assert outcomes(run) == {"test_good": "PASS", "test_dies_in_teardown": "ERROR"}
    assert "after PASS" in next(c for c in run.record.checks if c.outcome == "ERROR").why


def test_an_error_in_teardown_is_an_error_in_the_record(judge, tmp_path):
    own(tmp_path, "raise RuntimeError('gone')", later="dies_later")
    for workers in ((), ("-n", "2")):
        run = judge("test_own.py", "-k", "teardown", *workers, checks=None)
        (record,) = run.record.checks
        assert record.outcome == "ERROR"
        assert record.why == "its teardown failed after PASS: RuntimeError: gone"
        assert record.measurements[0].outcome == "PASS"  # what was measured stays, the verdict does not
        assert run.junit["test_dies_in_teardown"]["trustml.outcome"] == "ERROR"


def test_all_workers_killed(judge, tmp_path):
    deadly(tmp_path, DEATHS["kill"])
    deadly(tmp_path, DEATHS["exit"], "fails")
    run = judge("-n", "2", "--max-worker-restart=0", checks="acme.crashes,acme.fails,acme.broken")
    assert run.code == 1
    found = outcomes(run)
    assert set(found) == {"test_release[acme.crashes]", "test_release[acme.fails]", "test_release[acme.broken]"}
    assert found["test_release[acme.crashes]"] == "ERROR"
    assert "PASS" not in found.values()


def test_all_workers_killed_among_tests_of_the_project(judge, tmp_path):
    own(tmp_path, DEATHS["kill"])
    run = judge("test_own.py", "-n", "1", "--max-worker-restart=0", checks=None)
    assert run.code in (1, 2)
    found = outcomes(run)
    assert found["test_good"] == "PASS"
    missing = {name for name, outcome in found.items() if outcome == "ERROR"}
    assert missing == {"test_dies", "test_marked", "test_uses_the_model", "test_dies_in_teardown", "test_broken_fixture"}
    assert "test_not_about_a_model" not in found


def test_workers_that_die_before_they_collect(judge, tmp_path):
    (tmp_path / "work" / "conftest.py").write_text(
        "import os\ndef pytest_collection(session):\n    if hasattr(session.config, 'workerinput'): os._exit(3)\n"
    )
    run = judge("-n", "1", "--max-worker-restart=0", checks="acme.passes,acme.fails")
    assert run.code != 0
    assert outcomes(run) == {"test_release[acme.passes]": "ERROR", "test_release[acme.fails]": "ERROR"}


@pytest.mark.parametrize("stop", ["-x", "--maxfail=1"])
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two workers"])
def test_a_run_that_stops_early(judge, tmp_path, stop, workers):
    slow = "\n\n@pytest.mark.parametrize('n', range(30))\ndef test_late(trustml, n):\n    time.sleep(0.1)\n    assert 0\n"
    own(tmp_path, more=slow)
    run = judge("test_own.py", stop, *workers, "-k", "late or good or not_about", checks=None)
    assert run.code != 0
    found = outcomes(run)
    assert set(found) == {"test_good", *(f"test_late[{n}]" for n in range(30))}
    assert {outcome for name, outcome in found.items() if "late" in name} == {"ERROR"}
    silent = [record for record in run.record.checks if "did not report" in record.why]
    assert len(silent) >= 20
    assert all(record.measurements == () for record in silent)


def test_a_test_that_breaks_before_it_can_use_the_judge(judge, tmp_path):
    own(tmp_path)
    run = judge("test_own.py", "-k", "broken_fixture or uses_the_model", checks=None)
    assert outcomes(run) == {"test_broken_fixture": "ERROR"}


SLOW = """
import time
import pathlib

def test_first(trustml):
    trustml.require(trustml.proportion([False] * 100, name="rate", higher_is_safer=False), at_most=0.5)

def test_second(trustml):
    pathlib.Path("started").touch()
    time.sleep(60)

def test_third(trustml):
    pass
"""


def obey_interrupts():
    """A suite that runs in the background of a shell ignores Ctrl-C, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def begin(judge, tmp_path, *arguments):
    """Start a run that takes a minute, and wait until it is in the middle."""
    (tmp_path / "work" / "test_slow.py").write_text(SLOW)
    environment = os.environ | {
        "PYTHONPATH": str(tmp_path / "site"), "TRUSTML_CACHE": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    environment.pop("PYTEST_ADDOPTS", None)
    words = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "--junitxml=trust.xml", "test_slow.py"]
    process = subprocess.Popen(
        [*words, "--trustml-model=py:acme_model:parrot", *arguments],
        cwd=tmp_path / "work", env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        preexec_fn=obey_interrupts,
    )  # fmt: skip
    started = tmp_path / "work" / "started"
    deadline = time.monotonic() + 60
    while not started.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert started.exists(), process.communicate()[0].decode()
    started.unlink()
    return process


def end(process):
    """Whatever is left of a run and its workers."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.communicate(timeout=30)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two workers"])
def test_an_interrupted_run_says_what_it_did_not_do(judge, tmp_path, workers):
    process = begin(judge, tmp_path, *workers)
    try:
        os.kill(process.pid, signal.SIGINT)
        process.wait(timeout=60)
    finally:
        end(process)
    assert process.returncode == 2
    path = tmp_path / "work" / "trustml-report" / "run.json"
    record = decode_run(path.read_bytes(), str(path))
    found = {check.nodeid.rpartition("::")[2]: check.outcome for check in record.checks}
    assert found["test_second"] == "ERROR"
    assert found["test_third"] == "ERROR" if not workers else found["test_third"] in ("ERROR", "INCONCLUSIVE")
    assert set(found) == {"test_first", "test_second", "test_third"}


def reports(folder: Path) -> set[str]:
    return {
        path.name for path in folder.rglob("*") if re.search(r"run\.json|summary|index|sarif|model-index|trust\.xml", path.name)
    }


def test_the_gate_judges_a_record_of_a_run_that_lost_a_worker(judge, tmp_path):
    deadly(tmp_path, DEATHS["kill"])
    judge("-n", "2", checks="acme.passes,acme.crashes")
    decided = subprocess.run(
        [sys.executable, "-m", "pytest_trustml.gate", "trustml-report"], cwd=tmp_path / "work", capture_output=True, text=True
    )
    assert decided.returncode == 2, decided.stdout + decided.stderr
    assert "acme.crashes" in decided.stdout


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two workers"])
def test_a_killed_controller_leaves_no_record_old_or_new(judge, tmp_path, workers):
    assert judge(checks="acme.passes").code == 0
    work = tmp_path / "work"
    assert {"run.json", "index.html", "trust.xml"} <= reports(work)
    process = begin(judge, tmp_path, *workers)
    os.kill(process.pid, signal.SIGKILL)
    end(process)
    assert reports(work) == set()
    for reported in ("trustml-report", "trust.xml"):
        decided = subprocess.run(
            [sys.executable, "-m", "pytest_trustml.gate", reported], cwd=work, capture_output=True, text=True
        )
        assert decided.returncode == 2, decided.stdout + decided.stderr
        assert "COULD NOT JUDGE" in decided.stdout + decided.stderr


def test_looking_at_what_would_run_leaves_the_report(judge, tmp_path):
    judge(checks="acme.passes")
    before = (tmp_path / "work" / "trustml-report" / "run.json").read_bytes()
    for option in ("--co", "--trustml-list", "--fixtures", "--help", "--trustml-limit=acme.nonsense=at_most:1"):
        judge(option, checks="acme.passes")
        assert (tmp_path / "work" / "trustml-report" / "run.json").read_bytes() == before, option


def test_a_run_of_nothing_leaves_no_old_report(judge, tmp_path):
    judge(checks="acme.passes")
    assert judge("-k", "nothing_at_all", checks="acme.passes").code == 5
    assert not (tmp_path / "work" / "trustml-report" / "run.json").exists()


def test_a_baseline_in_the_report_folder_is_refused(judge, tmp_path):
    judge(checks="acme.passes")
    path = tmp_path / "work" / "trustml-report" / "run.json"
    path.write_text(re.sub(r'"fingerprint": "\w+"', '"fingerprint": "another"', path.read_text()))
    before = path.read_bytes()
    run = judge("--trustml-baseline=trustml-report", checks="acme.passes")
    assert run.code == 4
    assert "lies in the folder that this run writes its report to" in run.output
    assert path.read_bytes() == before


def test_no_folder_of_a_run_is_left_behind(judge, tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    deadly(tmp_path, DEATHS["kill"])
    for arguments in (("-n", "2"), ("-n", "2", "--trustml-redact"), ("--trustml-redact", "-k", "passes"), ("--co",)):
        judge(*arguments, checks="acme.passes,acme.crashes" if "-n" in arguments else "acme.passes")
        assert not list((tmp_path / "tmp").glob("trustml*"))
