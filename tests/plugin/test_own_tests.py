"""A project's own tests: the fixtures, selection beside the shipped suite, records."""

from __future__ import annotations

OWN = '''
import pytest_trustml as tm

def test_answers_are_loud(trustml, trustml_model, trustml_data):
    """Answers are upper case."""
    prompts = trustml_data("acme_prompts")
    answers = trustml.observe(tm.generate, trustml_model, prompts, max_new_tokens=5)
    rate = trustml.proportion([a.isupper() for a in answers], name="loud_rate", higher_is_safer=True)
    trustml.require(rate, at_least=0.9)

def test_requires_nothing(trustml):
    pass

def test_not_about_a_model():
    raise AssertionError("must be deselected beside the suite")

def test_comparing_is_refused(trustml):
    rate = trustml.proportion([True] * 50, name="x", higher_is_safer=True)
    assert rate >= 0.5
'''


def write(run_folder, text=OWN):
    tests = run_folder / "work" / "tests"
    tests.mkdir()
    (tests / "test_trust.py").write_text(text)


def test_own_tests_are_recorded_like_built_in_checks(judge, tmp_path):
    write(tmp_path)
    run = judge("tests", "-k", "loud or nothing or comparing", checks=None)
    assert run.code == 1
    loud = run.check("test_answers_are_loud")
    assert loud.outcome == "PASS"
    assert loud.nodeid == "tests/test_trust.py::test_answers_are_loud"
    assert loud.summary == "Answers are upper case."
    assert loud.measurements[0].name == "loud_rate"
    assert run.junit["test_answers_are_loud"]["trustml.loud_rate.limit"] == "at least 0.9"
    assert run.check("test_requires_nothing").outcome == "INCONCLUSIVE"
    assert "Use trustml.require" in run.output


def test_beside_the_suite_only_tests_about_the_model_run(judge, tmp_path):
    write(tmp_path)
    (tmp_path / "work" / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")
    run = judge("-k", "passes or loud or not_about", checks="acme.passes")
    assert run.code == 0, run.output
    assert "2 passed" in run.output
    parallel = judge("-n", "2", "-k", "passes or loud or not_about", checks="acme.passes")
    assert parallel.code == 0, parallel.output
    assert "2 passed" in parallel.output


def test_without_testpaths_only_the_suite_is_collected(judge, tmp_path):
    write(tmp_path, "raise RuntimeError('must not be imported')")
    assert judge(checks="acme.passes").code == 0


def test_without_a_model_such_tests_are_skipped_with_the_reason(judge, tmp_path):
    write(tmp_path)
    run = judge("tests", "-k", "loud", "-rs", model=None, checks=None)
    assert run.code == 0
    assert "run pytest with --trustml-model=SPEC" in run.output


def test_ini_settings_and_strict_mode(judge, tmp_path):
    (tmp_path / "work" / "pytest.ini").write_text(
        "[pytest]\naddopts = --strict-markers --strict-config\ntrustml_model = py:acme_model:parrot\ntrustml_seed = 5\n"
        "trustml_limit =\n    acme.passes=at_most:0.4\n"
    )
    run = judge(model=None, checks="acme.passes")
    assert run.code == 0, run.output
    assert run.check("passes").seed == 5
    assert run.check("passes").measurements[0].limit == "at most 0.4"
    assert "trustml-seed = 5 (ini file)" in judge("--trustml-show-config", model=None).output


def test_native_toml_settings(judge, tmp_path):
    (tmp_path / "work" / "pyproject.toml").write_text(
        '[tool.pytest]\nstrict = true\ntrustml_model = "py:acme_model:parrot"\ntrustml_limit = ["acme.passes=at_most:0.4"]\n'
    )
    run = judge(model=None, checks="acme.passes")
    assert run.code == 0, run.output
    assert run.check("passes").measurements[0].limit == "at most 0.4"


def test_waivers_of_the_policy_stand_in_the_junit_file(judge, tmp_path):
    (tmp_path / "work" / "trustml.toml").write_text(
        '[gate]\nwaivers = [{ check = "acme.fails", reason = "known", owner = "ann", expires = 2099-01-31 }]\n'
    )
    run = judge(checks="acme.fails,acme.passes")
    assert "ann" in run.junit["test_release[acme.fails]"]["trustml.waiver"]
    assert "trustml.waiver" not in run.junit["test_release[acme.passes]"]


def test_a_check_that_decides_itself_is_an_error(judge, tmp_path):
    package = tmp_path / "site" / "acme_checks" / "__init__.py"
    package.write_text(
        package.read_text().replace(
            "    raise ZeroDivisionError(HOSTILE)", "    trust.require(rate(trust, [1] * 50), at_most=0.1)"
        )
    )
    run = judge(checks="acme.crashes")
    assert run.code == 1
    assert run.check("crashes").outcome == "ERROR"


def test_without_a_model_workers_run_tests_as_if_the_plugin_were_not_there(judge, tmp_path):
    write(tmp_path, "def test_one():\n    pass\n\n\ndef test_two():\n    pass\n")
    run = judge("tests", "-n", "2", model=None, checks=None)
    assert run.code == 0, run.output
    assert "2 passed" in run.output and not (tmp_path / "work" / "trustml-report").exists()
