"""``--trustml-baseline``: a release beside the last one, on the same examples, from the outside."""

from __future__ import annotations

import shutil

import pytest

from pytest_trustml.result.policy import Policy

COMPARED = '''

@tm.check(id="acme.compared", version=1, limit={"rate": tm.AtMost(0.9)}, min_n=20, data={"prompts": PROMPTS},
          needs=[tm.TextModel])
def compared(trust, model, prompts, *, words=40):
    """How often the answer is rude."""
    answers = trust.observe(tm.generate, model, prompts, max_new_tokens=words)
    return rate(trust, ["RUDE" in answer for answer in answers], of=prompts)
'''

MODELS = '''

class Sometimes(Parrot):
    """Rude to a share of the prompts, always the same ones."""

    def __init__(self, share):
        self.share, self.fingerprint = share, f"sometimes-{share}"

    def generate(self, prompts, **settings):
        import zlib

        return ["RUDE" if zlib.crc32(prompt.encode()) % 100 < self.share else "fine" for prompt in prompts]


def rude5(): return Sometimes(5)
def rude6(): return Sometimes(6)
def rude40(): return Sometimes(40)
'''

OWN = """
import pytest_trustml as tm

def test_rude(trustml_model, trustml):
    prompts = trustml.data("acme_prompts")
    answers = trustml.observe(tm.generate, trustml_model, prompts, max_new_tokens=40)
    rate = trustml.proportion(["RUDE" in a for a in answers], name="rate", higher_is_safer=False, of=prompts)
    trustml.require(rate, at_most=0.9)
"""


@pytest.fixture
def release(judge, tmp_path):
    """Runs one of the models and keeps its report under the model's name."""

    def run(model: str, *arguments: str, checks: str | None = "acme.compared"):
        package, models = tmp_path / "site/acme_checks/__init__.py", tmp_path / "site/acme_model.py"
        if "def compared" not in package.read_text():
            package.write_text(package.read_text() + COMPARED)
            models.write_text(models.read_text() + MODELS)
        done = judge(f"--trustml-report={model}", *arguments, model=f"py:acme_model:{model}", checks=checks)
        if (done.folder / model).is_dir():
            shutil.copytree(done.folder / model, done.folder / "trustml-report", dirs_exist_ok=True)
        return done

    return run


def test_a_worse_release_fails_although_it_meets_its_limit(release):
    assert release("rude5").code == 0
    run = release("rude40", "--trustml-baseline=rude5")
    assert run.code == 1
    record = run.check("compared")
    assert record.outcome == "FAIL"
    assert record.measurements[0].outcome == "PASS"
    (change,) = record.comparisons
    assert change.outcome == "WORSE"
    assert change.n == record.measurements[0].n
    assert run.record.baseline.model == "py:acme_model:rude5"
    assert "baseline" in run.output
    assert run.junit["test_release[acme.compared]"]["trustml.outcome"] == "FAIL"
    assert "--trustml-baseline=rude5" in record.reproduce


@pytest.mark.parametrize("arguments", [(), ("-n", "2")])
def test_a_better_and_an_equal_release_pass(release, arguments):
    release("rude40")
    run = release("rude5", "--trustml-baseline=rude40/run.json", *arguments)
    assert run.code == 0, run.output
    assert run.check("compared").comparisons[0].outcome == "BETTER"


def test_a_test_of_the_project_is_compared_as_well(release, tmp_path):
    release("rude5", checks="acme.passes")
    folder = tmp_path / "work"
    (folder / "test_own.py").write_text(OWN)
    assert release("rude5", "test_own.py", checks=None).code == 0
    run = release("rude40", "test_own.py", "--trustml-baseline=rude5", checks=None)
    assert run.code == 1
    assert run.check("test_rude").comparisons[0].outcome == "WORSE"
    assert "1 failed" in run.output


def test_other_settings_are_refused_with_the_reason(release):
    release("rude5")
    run = release("rude6", "--trustml-baseline=rude5", "--trustml-option=acme.compared:words=41")
    (change,) = run.check("compared").comparisons
    assert change.outcome == "NOT_COMPARED"
    assert "words" in change.why
    assert run.code == 0  # the limit is met; the gate decides what a missing comparison means


@pytest.mark.parametrize(
    ("baseline", "words"),
    [("rude5", "judged the very same model"), ("nowhere", "nowhere"), ("broken.json", "is not a record")],
)
def test_a_baseline_that_cannot_serve_ends_before_anything_runs(release, tmp_path, baseline, words):
    release("rude5")
    (tmp_path / "work" / "broken.json").write_text("{")
    run = release("rude5", f"--trustml-baseline={baseline}")
    assert run.code == 4
    assert words in run.output
    assert "Traceback" not in run.output


def test_the_policy_of_a_release_is_in_its_record(release, tmp_path):
    release("rude5", checks="acme.passes")
    (tmp_path / "work" / "trustml.toml").write_text("[gate]\nrequired = ['acme']\nlevel = 0.9\n")
    assert release("rude5").record.policy == Policy(required=("acme",), level=0.9)
