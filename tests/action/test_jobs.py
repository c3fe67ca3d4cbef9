"""The action as a job runs it: releases that pass, are blocked, cannot be judged; wrong and hostile inputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from junitparser import JUnitXml

from pytest_trustml.gate.command import main
from tests.action.job import STEPS, assigned, bash, obeyed

VIEWS = ("run.json", "summary.md", "index.html", "results.sarif", "model-index.yml", "trust.xml")


def counts(outputs: dict[str, str]) -> tuple[str, ...]:
    return tuple(outputs[name] for name in ("verdict", "passed", "failed", "inconclusive"))


def test_a_release_that_passes(job):
    done = job(checks="acme.passes")
    assert done.code == 0, done.log
    assert counts(done.outputs) == ("released", "1", "0", "0")
    assert done.commands == []
    assert "acme.passes" in done.summary
    folder = done.workspace / done.outputs["report"]
    assert all((folder / name).is_file() for name in VIEWS)
    assert (done.workspace / done.outputs["junit"]) == folder / "trust.xml"
    assert json.loads((done.workspace / done.outputs["sarif"]).read_text())["version"] == "2.1.0"
    assert sum(1 for suite in JUnitXml.fromfile(str(folder / "trust.xml")) for _ in suite) == 2  # the check and the decision


@pytest.mark.parametrize(("fail_on", "code"), [("blocked", 1), ("never", 0)])
def test_a_release_that_is_blocked(job, tmp_path, fail_on, code):
    (tmp_path / "workspace" / "trustml.toml").write_text('# rules\n[limits]\n"acme.fails" = { at_most = 0.1 }\n')
    done = job(checks="acme.passes,acme.fails,acme.crashes", fail_on=fail_on, config="trustml.toml")
    assert done.code == code, done.log
    assert counts(done.outputs) == ("blocked", "1", "1", "1")
    first, second = done.commands
    assert (first.name, first.properties) == ("error", {"file": "trustml.toml", "line": "3", "title": "Blocked: acme.fails"})
    assert "at most 0.1" in first.text
    assert (second.name, second.properties["title"]) == ("warning", "Cannot tell: acme.crashes")
    assert "Blocked" in done.summary


@pytest.mark.parametrize(("fail_on", "code"), [("unjudged", 2), ("blocked", 0)])
def test_a_release_that_nobody_can_judge(job, fail_on, code):
    done = job(checks="acme.passes,acme.undecided", fail_on=fail_on)
    assert done.code == code, done.log
    assert counts(done.outputs) == ("unjudged", "1", "0", "1")
    (warning,) = done.commands
    assert (warning.name, warning.properties["title"]) == ("warning", "Cannot tell: acme.undecided")


def test_the_policy_of_the_release_directory_decides(job, tmp_path):
    release = tmp_path / "workspace" / "my release"
    release.mkdir()
    (release / "trustml.toml").write_text(
        'model = "py:acme_model:parrot"\n[gate]\nrequired = ["acme.passes", "acme.undecided"]\n[[gate.waivers]]\n'
        'check = "acme.fails"\nowner = "Ann"\nreason = "known, 100 % of it"\nexpires = 2999-01-31\n'
    )
    done = job(model="my release", checks="acme.passes,acme.fails", report_dir="all reports")
    assert done.code == 2, done.log
    assert counts(done.outputs) == ("unjudged", "1", "1", "0")
    assert done.outputs["report"] == "all reports"
    titles = [command.properties["title"] for command in done.commands]
    assert titles == ["Cannot tell: acme.undecided", "Waived: acme.fails"]
    assert "Ann, until 2999-01-31: known, 100 % of it" in done.commands[1].text
    assert "my release/trustml.toml" in done.summary


def test_the_inputs_reach_pytest(job, tmp_path):
    (tmp_path / "workspace" / "asked.jsonl").write_text('{"prompt": "a?"}\n' * 60)
    done = job(
        checks="acme.passes",
        data="\n  acme_prompts=asked.jsonl\n\n",
        extra_args="--trustml-seed=7 --trustml-limit 'acme.passes=at_most:0.5' --junitxml=elsewhere.xml",
    )
    assert done.code == 0, done.log
    record = json.loads((done.workspace / "trustml-report" / "run.json").read_text())
    assert record["seed"] == 7
    assert record["checks"][0]["data"]["acme_prompts"]["n"] == 60
    assert not (done.workspace / "elsewhere.xml").exists()  # where the reports go is the action's


def test_a_release_is_compared_with_the_last_one(job, tmp_path):
    checks = "acme.passes"
    job(checks=checks)
    (tmp_path / "workspace" / "trustml-report").rename(tmp_path / "workspace" / "last")
    model = tmp_path / "site" / "acme_model.py"
    model.write_text(model.read_text().replace("parrot-1", "parrot-2"))
    done = job(checks=checks, baseline="last")
    assert done.code == 0, done.log
    record = json.loads((done.workspace / "trustml-report" / "run.json").read_text())
    assert record["baseline"]["spec"] == "last"
    assert record["checks"][0]["comparisons"]
    same = job(checks=checks, baseline="trustml-report")
    assert counts(same.outputs)[0] == "unjudged"


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"checks": "acme.pases"}, "Did you mean 'acme.passes'"),
        ({"checks": "acme.passes", "extra_args": "--collect-only"}, "left no record"),
        ({"checks": "acme.passes", "extra_args": "-k nothing_is_called_so"}, "exit code 5"),
        ({"checks": "acme.passes", "config": "gone.toml"}, "gone.toml"),
        ({"checks": "acme.passes", "baseline": "gone"}, "gone"),
    ],
)
def test_what_cannot_be_judged_is_said_once(job, inputs, reason):
    done = job(**inputs)
    assert done.code == 2, done.log
    assert done.outputs["verdict"] == "unjudged"
    (warning,) = done.commands
    assert reason in warning.text
    assert reason.split("'")[0] in done.summary
    assert "Traceback" not in done.log


def test_a_killed_run_is_unjudged(job, tmp_path):
    package = tmp_path / "site" / "acme_checks" / "__init__.py"
    package.write_text(package.read_text().replace("raise ZeroDivisionError(HOSTILE)", "import os; os.kill(os.getpid(), 9)"))
    done = job(checks="acme.passes,acme.crashes")
    assert done.code == 2, done.log
    assert counts(done.outputs) == ("unjudged", "undefined", "undefined", "undefined")
    assert "was killed" in done.commands[0].text


def test_reports_of_an_earlier_job_do_not_count(job):
    assert job(checks="acme.passes").code == 0
    done = job(checks="acme.passes", extra_args="--collect-only")
    assert done.outputs["verdict"] == "unjudged"
    assert done.outputs["sarif"] == ""
    assert "acme.passes" not in (done.workspace / "trustml-report" / "trust.xml").read_text()


ORDERS = "$(touch pwned) `touch pwned` ; touch pwned && touch pwned # \"; touch pwned; ' ${IFS}touch${IFS}pwned | tee pwned"
ODD = ("::set-output name=verdict::released", "%0A::error::pwned", "--help", "ünïcødé ⏎ 模型 '\"\\ %s{0}", "x" * 5000)


@pytest.mark.parametrize("text", [ORDERS, *ODD])
def test_a_hostile_model_is_a_model_that_is_not_there(job, tmp_path, text):
    done = job(model=text, checks="acme.passes")
    harmless(done, tmp_path)
    assert done.code == 2, done.log
    assert counts(done.outputs) == ("unjudged", "undefined", "undefined", "undefined")


@pytest.mark.parametrize("name", ["data", "extra_args", "config", "baseline", "checks", "base_model"])
def test_hostile_words_in_every_other_input(job, tmp_path, name):
    text = "x=$(touch pwned) `touch pwned` ; touch pwned ::set-output name=verdict::released %0A::error::pwned"
    done = job(**({"checks": "acme.passes"} | {name: text}))
    harmless(done, tmp_path)
    assert done.code == 2, done.log
    assert done.outputs["verdict"] == "unjudged"


@pytest.mark.parametrize(
    "inputs",
    [
        {"model": "a\nverdict=released"},
        {"model": "a\n::set-output name=verdict::released\n$(touch pwned)"},
        {"model": ""},
        {"model": "a\rb"},
        {"report_dir": "a\nverdict<<EOF\nreleased\nEOF"},
        {"report_dir": "-x"},
        {"fail_on": "nevr"},
        {"data": "members"},
        {"data": "a=b\n=c"},
        {"extra_args": "-k 'never closed"},
        {"extra_args": "-- tests"},
        {"checks": "a\n::error::pwned"},
    ],
)
def test_an_input_that_cannot_be_meant_is_refused_before_anything_runs(job, tmp_path, inputs):
    done = job(**({"fail_on": "never"} | inputs))
    harmless(done, tmp_path)
    assert done.code == 2, done.log
    assert done.outputs["verdict"] == "unjudged"
    (error,) = done.commands
    assert (error.name, error.properties["title"]) == ("error", "Wrong input")
    assert next(iter(inputs)).replace("_", "-") in error.text
    assert "test session starts" not in done.log


def harmless(done, folder: Path) -> None:
    """Nothing was executed, nothing was forged, and GitHub obeyed nothing but our own annotations."""
    assert not list(folder.rglob("*pwned*"))
    assert done.outputs.keys() == {"verdict", "passed", "failed", "inconclusive", "junit", "sarif", "report"}
    assert len(done.commands) <= 10
    for command in done.commands:
        assert command.name in ("error", "warning")
        assert command.properties["title"].startswith(("Wrong input", "Cannot tell", "Blocked", "Waived"))
    assert not (folder / "env").exists()
    assert "\n::" not in done.summary
    assert "<script" not in done.summary


def test_a_models_words_command_nothing(job, tmp_path):
    done = job(checks="acme.passes,acme.orders,acme.blind,acme.hostile,acme.crashes", extra_args="-s -rA")
    harmless(done, tmp_path)
    assert done.code == 1
    assert counts(done.outputs) == ("blocked", "1", "2", "2")
    assert "\n::error::pwned" in done.log  # it was printed, where nobody obeys
    guards = [command for command in obeyed(done.log) if command.name == "stop-commands"]
    assert len(guards) == 2


FORGER = """
import os

def test_forge(trustml):
    ways = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE")
    found = [name in os.environ for name in ways] + [name.startswith("TRUSTML_INPUT") for name in os.environ]
    trustml.require(trustml.proportion(found, name="found", higher_is_safer=False), at_most=0.5)
    assert not any(found)
"""


def test_a_test_cannot_write_the_outputs(job, tmp_path):
    (tmp_path / "workspace" / "pytest.ini").write_text("[pytest]\ntestpaths = test_forger.py\n")
    (tmp_path / "workspace" / "test_forger.py").write_text(FORGER)
    done = job(checks="acme.passes")
    assert done.code == 0, done.log
    assert done.outputs["verdict"] == "released"
    assert "test_forger.py" in done.summary


def test_the_gate_alone_reports_to_a_job_too(job, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(job(checks="acme.passes,acme.fails").workspace)
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(name, str(tmp_path / f"alone_{name}"))
    assert main(["trustml-report/run", "--report=merged", "--github"]) == 1
    assert assigned((tmp_path / "alone_GITHUB_OUTPUT").read_text())["junit"] == "merged/trust.xml"
    assert "acme.fails" in (tmp_path / "alone_GITHUB_STEP_SUMMARY").read_text()
    assert [command.name for command in obeyed(capfd.readouterr().out)] == ["error"]
    assert main(["nowhere", "--github"]) == 2
    assert assigned((tmp_path / "alone_GITHUB_OUTPUT").read_text())["verdict"] == "unjudged"


def test_the_installation_takes_what_the_action_holds(tmp_path):
    """With a Python that only writes down what it is asked: no shell reads the path."""
    (step,) = [step for step in STEPS if "pip install" in step.get("run", "")]
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python").write_text('#!/bin/sh\nprintf "%s\\n" "$@" > asked\n')
    (folder / "python").chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    path = "/an action/$(touch pwned)"
    done = bash(step["run"], {"PATH": f"{folder}:/usr/bin:/bin", "GITHUB_ACTION_PATH": path}, work)
    assert done.returncode == 0, done.stdout
    assert (work / "asked").read_text().splitlines() == ["-m", "pip", "install", "--disable-pip-version-check", path]
    assert not (work / "pwned").exists()
    assert bash(step["run"], {"PATH": f"{folder}:/usr/bin:/bin"}, work).returncode != 0  # an unset variable stops it
