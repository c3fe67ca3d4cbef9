"""A run from the outside: outcomes, exit codes, records, JUnit, with and without xdist."""

from __future__ import annotations

import re

import pytest

ALL = {
    "passes": "PASS", "fails": "FAIL", "undecided": "INCONCLUSIVE", "broken": "INVALID", "undefined": "INCONCLUSIVE",
    "crashes": "ERROR", "unusable": "ERROR", "hostile": "FAIL", "needs_data": "NOT_APPLICABLE", "draws": "NOT_APPLICABLE",
}  # fmt: skip


def test_every_outcome_lands_where_it_belongs(judge):
    run = judge()
    assert run.code == 1
    assert {record.check.removeprefix("acme."): record.outcome for record in run.record.checks} == ALL
    assert "1 passed" in run.output
    assert "2 skipped" in run.output
    assert "7 failed" in run.output
    for name in ALL:
        assert f"test_release[acme.{name}]" in run.junit
    assert run.check("needs_data").why == "it needs the data role acme_members: supply --trustml-data acme_members=PATH"
    assert (run.folder / "trustml-report" / "index.html").is_file()
    assert (run.folder / "trustml-report" / "summary.md").is_file()


def test_a_passing_release_exits_0(judge):
    run = judge(checks="acme.passes")
    assert run.code == 0
    properties = run.junit["test_release[acme.passes]"]
    record = run.check("passes")
    rate, coin = record.measurements
    assert properties["trustml.check"] == "acme.passes"
    assert properties["trustml.version"] == "1"
    assert properties["trustml.subject"] == "py:acme_model:parrot"
    assert properties["trustml.fingerprint"] == record.fingerprint
    assert properties["trustml.seed"] == "0"
    assert properties["trustml.outcome"] == "PASS"
    assert float(properties["trustml.rate.value"]) == rate.value == 0.0
    assert float(properties["trustml.rate.high"]) == rate.high < 0.05
    assert properties["trustml.rate.level"] == "0.95"
    assert properties["trustml.rate.method"] == rate.method
    assert properties["trustml.rate.n"] == "100"
    assert properties["trustml.rate.limit"] == "at most 0.05"
    assert properties["trustml.rate.outcome"] == "PASS"
    assert coin.outcome == "REPORTED"


def test_undefined_is_a_word_with_a_reason(judge):
    properties = judge(checks="acme.undefined").junit["test_release[acme.undefined]"]
    assert properties["trustml.rate.value"] == "undefined"
    assert "nothing was answered" in properties["trustml.rate.why"]


def test_the_numbers_are_the_same_under_xdist(judge):
    alone = judge()
    numbers, nodeids = alone.junit, [record.nodeid for record in alone.record.checks]
    parallel = judge("-n", "2")
    assert parallel.code == 1
    assert parallel.junit == numbers
    assert [record.nodeid for record in parallel.record.checks] == nodeids


def test_a_failure_reads_in_four_lines_without_traceback(judge):
    run = judge(checks="acme.fails")
    assert "Traceback" not in run.output
    assert "conftest" not in run.output
    failure = re.search(r"_+ test_release\[acme.fails\] _+\n(.*?)\n[-=]", run.output, re.S).group(1)
    lines = [text for text in failure.splitlines() if text.strip()]
    assert len(lines) == 4, failure
    assert "0.5" in lines[0]
    assert "n = 100" in lines[0]
    assert "at most 0.05" in lines[1]
    assert "--trustml-checks=acme.fails" in lines[3]


def test_a_users_mistake_has_no_traceback_and_a_bug_has_one(judge):
    run = judge(checks="acme.unusable,acme.crashes")
    assert "The 3rd prompt is empty. Write a prompt there." in run.output
    assert run.output.count("ZeroDivisionError") >= 1
    assert run.check("unusable").why == "The 3rd prompt is empty. Write a prompt there."


def test_inconclusive_can_be_skipped_for_exploring(judge):
    run = judge("--trustml-inconclusive=skip", checks="acme.undecided,acme.broken,acme.passes")
    assert run.code == 0
    assert "2 skipped" in run.output
    assert run.check("undecided").outcome == "INCONCLUSIVE"
    assert run.record.inconclusive == "skip"


@pytest.mark.parametrize("arguments", [(), ("-n", "2"), ("-v", "-rA")])
def test_hostile_model_output_stays_words(judge, arguments):
    run = judge(*arguments, checks="acme.hostile,acme.broken,acme.crashes")
    assert run.code == 1
    assert run.junit["test_release[acme.hostile]"]["trustml.outcome"] == "FAIL"  # the XML parses
    output = re.sub(r"\x1b\[[0-9;]*m", "", run.output) if "\x1b[31m\x00" not in run.output else run.output
    assert "\x00" not in output
    for text in output.splitlines():
        assert not text.lstrip().startswith("::"), text
        assert "##[" not in text
    for path in (run.folder / "trustml-report").rglob("*"):
        if path.suffix in (".html", ".md"):
            words = path.read_text(encoding="utf-8")
            assert "<script" not in words
            assert "\x1b" not in words


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("-k", "passes"), {"acme.passes"}),
        (("-x", "-k", "fails or crashes"), None),
        (("--deselect", "test_release.py::test_release[acme.fails]", "-k", "fails or passes"), {"acme.passes"}),
        (("-m", "trustml"), None),
    ],
)
def test_pytest_selects(judge, arguments, expected):
    run = judge(*arguments)
    if expected is not None:
        assert {record.check for record in run.record.checks if record.outcome != "ERROR"} == expected
    elif "-x" in arguments:
        assert run.code == 1
        assert "1 failed" in run.output
        stopped = [record for record in run.record.checks if "session was stopped" in record.why]
        assert len(stopped) == 1  # absent is an error in the record, never silence
    else:
        assert run.code == 5


def test_last_failed_runs_only_what_failed(judge):
    judge("-k", "passes or fails")
    run = judge("--lf", "-k", "passes or fails")
    assert "1 failed" in run.output
    assert "passed" not in run.output


def test_collect_only_lists_short_ids_and_writes_nothing(judge):
    run = judge("--co", "-q")
    assert run.code == 0
    assert "test_release.py::test_release[acme.passes]" in run.output
    assert not (run.folder / "trustml-report").exists()


def test_a_second_run_is_served_from_the_cache(judge):
    first = judge(checks="acme.passes").check("passes")
    second = judge(checks="acme.passes").check("passes")
    assert second.measurements == first.measurements
    off = judge("--trustml-cache=off", checks="acme.passes").check("passes")
    assert off.measurements == first.measurements


def test_seed_level_limits_and_options_reach_the_check(judge):
    arguments = ("--trustml-seed=7", "--trustml-level=0.9", "--trustml-limit=acme.passes=at_most:0.5")
    run = judge(*arguments, "--trustml-option=acme:words=2", "--trustml-option=acme.passes:words=3", checks="acme.passes")
    record = run.check("passes")
    assert (record.seed, record.level, record.options) == (7, 0.9, {"words": 3})
    assert record.measurements[0].limit == "at most 0.5"
    assert record.measurements[0].level == 0.9
    other = judge("--trustml-seed=8", checks="acme.passes").check("passes")
    assert other.measurements[1].value != record.measurements[1].value  # the seed is used


def test_a_killed_worker_is_an_error_in_the_record(judge):
    run = judge(checks="acme.passes")
    package = run.folder.parent / "site" / "acme_checks" / "__init__.py"
    package.write_text(
        package.read_text().replace("    raise ZeroDivisionError(HOSTILE)", "    import os; os.kill(os.getpid(), 9)")
    )
    run = judge("-n", "2", checks="acme.crashes,acme.fails")
    assert run.code == 1
    assert run.check("crashes").outcome == "ERROR"
    assert run.check("fails").outcome == "FAIL"
