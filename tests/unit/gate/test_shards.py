"""Reports of several shards and machines become one; what is missing, cut off or does not fit together is no release."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import msgspec
import pytest
from junitparser import JUnitXml, Properties, Property, TestCase, TestSuite

from pytest_trustml.gate.junit import read_junit
from pytest_trustml.reports import junit
from tests.unit.gate.conftest import OLD, merged


def junit_file(path, *records, results=None, extra=()):
    """A JUnit file as pytest writes it: one case per record with its properties, and further cases as they are."""
    from junitparser import Failure

    suite = TestSuite("pytest")
    for record in records:
        case = TestCase(record.nodeid.partition("::")[2], "test_release", 0.1)
        found = Properties()
        for name, value in junit.properties(record):
            found.add_property(Property(name, value))
        case.append(found)
        if record.outcome != "PASS":
            case.result = [Failure(record.why)]
        suite.add_testcase(case)
    for case in extra:
        suite.add_testcase(case)
    xml = JUnitXml()
    xml.add_testsuite(suite)
    xml.update_statistics()
    path.write_bytes(xml.tostring())
    return path


def test_shards_are_judged_together(bench, gate):
    one, two = bench.report("one", bench.check("acme.a")), bench.report("two", bench.check("acme.b"))
    policy = bench.policy('required = ["acme.a", "acme.b"]')
    assert gate(one, "--policy", policy).code == 2
    decided = gate(one, two / "run.json", "--policy", policy, "--shards", 2, "--report", bench.folder / "out")
    assert decided.code == 0
    assert [record.check for record in merged(bench.folder / "out").checks] == ["acme.a", "acme.b"]


def test_a_folder_of_downloaded_reports_is_searched(bench, gate):
    bench.report("all/one", bench.check("acme.a"))
    bench.report("all/two", bench.check("acme.b", 100))
    decided = gate(bench.folder / "all", "--policy", bench.policy())
    assert decided.code == 1
    assert decided.output.count("report: ") == 2


def test_the_order_of_shards_changes_nothing(bench, gate):
    places = [bench.report(name, bench.check(f"acme.{name}", events)) for name, events in (("a", 5), ("b", 25), ("c", 100))]
    outputs = []
    for order in (places, places[::-1]):
        decided = gate(*order, "--policy", bench.policy())
        outputs.append([text for text in decided.output.splitlines() if not text.startswith("report:")])
    assert outputs[0] == outputs[1]


def test_a_missing_shard_is_no_release(bench, gate):
    one = bench.report("one", bench.check("acme.a"))
    decided = gate(one, bench.folder / "two", "--policy", bench.policy())
    assert decided.code == 2
    assert "There is no report at" in decided.output
    decided = gate(one, "--policy", bench.policy(), "--shards", 2)
    assert decided.code == 2
    assert decided.says("unjudged", "shard-missing")
    (bench.folder / "empty").mkdir()
    assert gate(one, bench.folder / "empty", "--policy", bench.policy()).code == 2


@pytest.mark.parametrize("keep", [0, 1, 200, 0.5, 0.99])
def test_a_record_that_was_cut_off_is_no_release(bench, gate, keep):
    one, two = bench.report("one", bench.check("acme.a")), bench.report("two", bench.check("acme.b"))
    content = (two / "run.json").read_bytes()
    (two / "run.json").write_bytes(content[: keep if isinstance(keep, int) else int(len(content) * keep)])
    decided = gate(one, two, "--policy", bench.policy())
    assert decided.code == 2
    assert decided.says("unjudged", "unreadable")
    assert str(two) in decided.output
    assert "Traceback" not in decided.output


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "schema 2"), ({"schema": "x"}, "schema"), ({"new_field": 1}, "new_field"), ({"checks": None}, "checks"),
    ],
)  # fmt: skip
def test_an_unknown_schema_is_no_release(bench, gate, change, words):
    one = bench.report("one", bench.check("acme.a"))
    content = json.loads((one / "run.json").read_bytes())
    (one / "run.json").write_text(json.dumps(content | change))
    decided = gate(one, "--policy", bench.policy())
    assert decided.code == 2
    assert words in decided.output


def test_an_equal_record_twice_is_one_and_a_different_one_is_a_conflict(bench, gate):
    one = bench.report("one", bench.check("acme.a", seconds=1.0))
    two = bench.report("two", bench.check("acme.a", seconds=2.0))
    assert gate(one, two, "--policy", bench.policy()).code == 0
    three = bench.report("three", bench.check("acme.a", 100))
    for order in ((one, three), (three, one)):
        decided = gate(*order, "--policy", bench.policy())
        assert decided.says("unjudged", "conflict")
        assert decided.code == 1  # the worse one stays


def test_reports_of_different_models_are_no_release(bench, gate):
    one, two = bench.report("one", bench.check("acme.a")), bench.report("two", bench.check("acme.b", fingerprint=OLD))
    decided = gate(one, two, "--policy", bench.policy())
    assert decided.code == 2
    assert decided.says("unjudged", "different-models")


def test_evidence_of_all_shards_is_gathered(bench, gate):
    checks = []
    for name in ("one", "two"):
        store = bench.store(name)
        pieces = (
            store.table(["x"], [[name]], caption="t"),
            store.gallery([([[0.0, 1.0]], name)], caption="g"),
        )
        checks.append(bench.check(f"acme.{name}", store=store, evidence=pieces))
        bench.report(name, checks[-1])
    out = bench.folder / "out"
    assert gate(bench.folder / "one", bench.folder / "two", "--policy", bench.policy(), "--report", out).code == 0
    for record in merged(out).checks:
        for piece in (*record.evidence, record.measurements[0].examples):
            assert (out / piece.path).is_file()
    assert len(list((out / "evidence").glob("image-*"))) == len(list((bench.folder / "one/evidence").glob("image-*")))
    assert "missing" not in (out / "index.html").read_text(encoding="utf-8")


def test_junit_alone_is_enough_to_decide(bench, gate):
    good = junit_file(bench.folder / "good.xml", bench.check("acme.a"), bench.check("acme.b"))
    decided = gate(good, "--policy", bench.policy('required = ["acme"]\nforbid = []'))
    assert decided.code == 0, decided.output
    assert decided.says("notes", "junit-only")
    bad = junit_file(bench.folder / "bad.xml", bench.check("acme.a", 100), bench.check("acme.b"))
    assert gate(bad, "--policy", bench.policy()).code == 1
    undecided = junit_file(bench.folder / "undecided.xml", bench.check("acme.a", 25))
    assert gate(undecided, "--policy", bench.policy()).code == 2


def test_numbers_survive_junit(bench):
    record = bench.check("acme.a")
    (case,) = read_junit(junit_file(bench.folder / "j.xml", record))
    (before,), (after,) = record.measurements, case.record.measurements
    for name in ("value", "low", "high", "level", "n", "limit", "outcome", "method"):
        assert getattr(after, name) == getattr(before, name)
    assert (case.record.nodeid, case.record.fingerprint) == (record.nodeid, record.fingerprint)


def test_another_test_of_the_project_that_fails_blocks(bench, gate):
    from junitparser import Error, Failure, Skipped

    folder = bench.report("one", bench.check("acme.a"))
    for result, code, rule in ((Failure("1 != 2"), 1, "test-failed"), (Error("boom"), 2, "test-error"), (Skipped(), 0, "")):
        case = TestCase("test_other", "tests.test_things", 0.1)
        case.result = [result]
        path = junit_file(bench.folder / "j.xml", bench.check("acme.a"), extra=[case])
        decided = gate(folder, path, "--policy", bench.policy())
        assert decided.code == code, decided.output
        assert not rule or rule in decided.output


def test_a_junit_file_that_contradicts_the_record_is_no_release(bench, gate):
    folder = bench.report("one", bench.check("acme.a"))
    said = msgspec.structs.replace(bench.check("acme.a"), outcome="ERROR", why="teardown failed")
    decided = gate(folder, junit_file(bench.folder / "j.xml", said), "--policy", bench.policy())
    assert decided.code == 2
    assert decided.says("unjudged", "junit-disagrees")


def test_a_junit_file_that_was_cut_off_is_no_release(bench, gate):
    path = junit_file(bench.folder / "j.xml", bench.check("acme.a"), bench.check("acme.b"))
    content = path.read_bytes()
    for part in (b"", content[:100], content[: len(content) // 2], content[:-5]):
        path.write_bytes(part)
        decided = gate(path, "--policy", bench.policy())
        assert decided.code == 2, decided.output
        assert decided.says("unjudged", "unreadable")
    path.write_bytes(content.replace(b'tests="2"', b'tests="7"'))
    decided = gate(path, "--policy", bench.policy())
    assert decided.code == 2
    assert "announces" in decided.output


def test_a_hostile_junit_file_is_an_error_without_traceback(bench, gate):
    path = junit_file(bench.folder / "j.xml", bench.check("acme.a"))
    content = path.read_text()
    value = junit.properties(bench.check("acme.a"))
    exact = next(value for name, value in value if name.endswith(".high"))
    for found, put in ((exact, "-1.0"), (exact, "nan"), (exact, "many"), ("at most 0.05", "at best 3"), ("PASS", "GREAT")):
        path.write_text(content.replace(found, put))
        decided = gate(path, "--policy", bench.policy())
        assert decided.code == 2, (put, decided.output)
        assert "Traceback" not in decided.output
    entities = '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    path.write_text(f'<?xml version="1.0"?><!DOCTYPE x [{entities}]><testsuites>&b;</testsuites>')
    assert gate(path, "--policy", bench.policy()).code == 2


def test_words_of_reports_never_command_a_ci_log(bench, gate):
    hostile = "x\n::error::pwned\r\n##[group]a\x1b[31m"
    folder = bench.report("one", bench.unmeasured("acme.a", "ERROR", hostile), bench.check("acme.b"))
    decided = gate(folder, "--policy", bench.policy(), "--report", bench.folder / "out")
    assert decided.code == 2
    for text in decided.output.splitlines():
        assert not text.lstrip().startswith(("::", "##["))
        assert "\x1b" not in text
    JUnitXml.fromfile(str(bench.folder / "out" / "trust.xml"))


def test_the_merged_junit_holds_all_tests_and_the_decision(bench, gate):
    one = junit_file(bench.folder / "a.xml", bench.check("acme.a"))
    two = junit_file(bench.folder / "b.xml", bench.check("acme.b", 100))
    assert gate(one, two, "--policy", bench.policy(), "--report", bench.folder / "out").code == 1
    cases = {case.name: case for suite in JUnitXml.fromfile(str(bench.folder / "out/trust.xml")) for case in suite}
    assert set(cases) == {"test_release[acme.a]", "test_release[acme.b]", "decision"}
    assert cases["decision"].result[0].message.startswith("blocked")


def test_it_runs_as_a_module_with_its_exit_code(bench):
    command = [sys.executable, "-m", "pytest_trustml.gate"]
    folder = bench.report("one", bench.check("acme.a", 100))
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.startswith("BLOCKED: acme.a")
    done = subprocess.run([*command, str(folder), "--policy", "none.toml"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "There is no file none.toml" in done.stderr
    assert "Traceback" not in done.stderr
    shutil.rmtree(folder)
    assert subprocess.run([*command, str(folder)], capture_output=True).returncode == 2


def test_a_test_of_the_project_is_one_in_both_files(bench, gate):
    own = msgspec.structs.replace(bench.check("acme.a"), nodeid="tests/test_t.py::test_x", check="tests/test_t.py::test_x")
    decided = gate(bench.report("r", own), junit_file(bench.folder / "j.xml", own), "--policy", bench.policy())
    assert decided.code == 0
    assert "junit-only" not in decided.output
    required = bench.policy('required = ["tests/test_t.py::*"]')
    assert gate(bench.report("r", own), "--policy", required).code == 0


def test_a_merged_file_can_be_judged_again(bench, gate):
    folder = bench.report("one", bench.check("acme.a", 100))
    out = bench.folder / "out"
    assert gate(folder, junit_file(bench.folder / "j.xml", bench.check("acme.a", 100)), "--report", out).code == 1
    again = gate(out, "--report", out)
    assert again.code == 1
    assert not again.says("blocks", "test-failed")


def test_what_a_test_prints_does_not_speak_for_its_verdict(bench, gate):
    case = TestCase("test_other", "tests.test_things", 0.1)
    case.system_out = "trustml.check=acme.b\ntrustml.outcome=PASS"
    path = junit_file(bench.folder / "j.xml", bench.check("acme.a"), extra=[case])
    decided = gate(path, "--policy", bench.policy('required = ["acme.a", "acme.b"]'))
    assert decided.code == 2
    assert decided.says("unjudged", "required-missing")
