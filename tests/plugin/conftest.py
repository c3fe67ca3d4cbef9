"""A third-party check package and a toy model, made on the fly, so that the plugin is tested as its users meet it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from junitparser import JUnitXml, Properties

from pytest_trustml.result.record import CheckRecord, RunRecord, decode_run

CHECKS = '''
"""Checks of a made-up company."""
import numpy as np
import pytest_trustml as tm

HOSTILE = "]]>\\x1b[31m\\x00\\ud800\\n::error::pwned\\n##[group]x <script>alert(1)</script>"
PROMPTS = tm.Role(name="acme_prompts", help="what users ask", columns={"prompt": "a question"},
                  default="package:acme_checks/prompts.jsonl")


def rate(trust, events, name="rate", **more):
    return trust.proportion(np.asarray(events), name=name, higher_is_safer=False, **more)


def check(name, limit=None, **more):
    return tm.check(id=f"acme.{name}", version=1, limit=limit or {"rate": tm.AtMost(0.05)}, needs=[tm.TextModel],
                    min_n=20, cost="seconds", reference="Acme (2026)", **more)


@check("passes", data={"prompts": PROMPTS})
def passes(trust, model, prompts, *, words=4):
    """Answers are observed and none is bad."""
    answers = trust.observe(tm.generate, model, prompts, max_new_tokens=words)
    trust.table(["prompt", "answer"], list(zip(prompts.column("prompt"), answers)), caption="answers", sensitive=True)
    return [rate(trust, [a == "bad" for a in answers]), rate(trust, trust.rng.random(len(answers)) < 0.5, name="coin")]


@check("fails")
def fails(trust, model):
    """Half of everything is bad."""
    return rate(trust, np.arange(100) % 2 == 0)


@check("undecided")
def undecided(trust, model):
    """Too few samples."""
    return rate(trust, np.zeros(5, bool))


@check("broken")
def broken(trust, model):
    """A control fails."""
    trust.control("sees anything", False, "the instrument is blind " + HOSTILE)
    return rate(trust, np.zeros(500, bool))


@check("undefined")
def undefined(trust, model):
    """There is no value."""
    return tm.Measurement(name="rate", value=None, undefined="nothing was answered", n=0, unit="share", higher_is_safer=False)


@check("crashes")
def crashes(trust, model):
    """A bug."""
    raise ZeroDivisionError(HOSTILE)


@check("unusable")
def unusable(trust, model):
    """The user's mistake, found late."""
    raise tm.DataError("The 3rd prompt is empty. Write a prompt there.")


@check("hostile")
def hostile(trust, model):
    """A model's words go everywhere."""
    trust.text(HOSTILE, caption=HOSTILE)
    trust.table([HOSTILE], [[HOSTILE]], caption=HOSTILE)
    return rate(trust, np.ones(50, bool)).but(details={"said": HOSTILE})


@check("needs_data", data={"members": "acme_members"})
def needs_data(trust, model, members):
    """Needs data that nobody gives."""


@tm.check(id="acme.draws", version=1, limit=tm.AtMost(0.5), needs=[tm.ImageGenerator])
def draws(trust, model):
    """Needs another kind of model."""
'''

MODEL = """
class Parrot:
    fingerprint = "parrot-1"

    def generate(self, prompts, **settings):
        return [prompt.upper()[: settings["max_new_tokens"]] for prompt in prompts]


def parrot():
    return Parrot()
"""


class Run(NamedTuple):
    """One finished pytest run, as its user sees it."""

    code: int
    output: str
    folder: Path

    @property
    def record(self) -> RunRecord:
        path = self.folder / "trustml-report" / "run.json"
        return decode_run(path.read_bytes(), str(path))

    def check(self, name: str) -> CheckRecord:
        return next(record for record in self.record.checks if record.check.endswith(name))

    @property
    def junit(self) -> dict[str, dict[str, str]]:
        """Test name -> its properties."""
        found = {}
        for suite in JUnitXml.fromfile(str(self.folder / "trust.xml")):
            for case in suite:
                found[case.name] = {p.name: p.value for p in case.child(Properties) or ()}
        return found


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., Run]:
    """Runs ``pytest ARGUMENTS`` in a folder where the package ``acme_checks`` is installed."""
    site = tmp_path / "site"
    (site / "acme_checks").mkdir(parents=True)
    (site / "acme_checks" / "__init__.py").write_text(CHECKS)
    prompts = "".join(f'{{"prompt": "question {n}?"}}\n' for n in range(100))
    (site / "acme_checks" / "prompts.jsonl").write_text(prompts)
    (site / "acme_model.py").write_text(MODEL)
    info = site / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pytest_trustml.checks]\nacme = acme_checks\n")
    work = tmp_path / "work"
    work.mkdir()
    environment = os.environ | {
        "PYTHONPATH": str(site),
        "TRUSTML_CACHE": str(tmp_path / "cache"),
        "COLUMNS": "120",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environment.pop("PYTEST_ADDOPTS", None)

    def run(*arguments: str, model: str | None = "py:acme_model:parrot", checks: str | None = "acme") -> Run:
        words = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "-p", "no:anyio", "--junitxml=trust.xml"]
        words += [f"--trustml-model={model}"] if model else []
        words += [f"--trustml-checks={checks}"] if checks else []
        done = subprocess.run([*words, *arguments], cwd=work, env=environment, capture_output=True, timeout=300)
        return Run(done.returncode, (done.stdout + done.stderr).decode("utf-8"), work)

    return run
