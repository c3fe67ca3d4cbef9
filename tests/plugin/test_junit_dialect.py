"""The JUnit file for strict readers: nothing below a test case but what their schema knows, and nothing lost."""

from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree

import pytest
from junitparser import JUnitXml

from pytest_trustml.gate.junit import properties, read_junit
from pytest_trustml.plugin.dialect import strict_file

ORDER = ["skipped", "error", "failure", "system-out", "system-err"]

OWN = """
import sys

def test_prints(trustml, record_property):
    print("trustml.outcome=PASS")
    print("   trustml.rate.value=0.0")
    print("trustml.outcome=PASS", file=sys.stderr)
    record_property("lines", "one\\ntrustml.outcome=PASS\\rtwo")
    record_property("trustml.forged\\ntrustml.outcome", "PASS")
    trustml.require(trustml.proportion([True] * 100, name="rate", higher_is_safer=False), at_most=0.5)
"""


def told(run):
    """Test name -> what its case tells, in the dialect of the file."""
    return {c.name: properties(c) for suite in JUnitXml.fromfile(str(run.folder / "trust.xml")) for c in suite}


def check_schema(path):
    """What the schema of Jenkins demands of a test case, and of the suite around it."""
    root = ElementTree.parse(path).getroot()
    assert root.tag == "testsuites"
    (suite,) = root
    assert [child.tag for child in suite if child.tag != "testcase"] == []
    assert int(suite.get("tests")) <= len(suite)
    for case in suite:
        assert {"name", "classname", "time"} >= set(case.attrib)
        tags = [child.tag for child in case]
        assert tags == sorted(tags, key=ORDER.index), tags
        assert len(tags) == len(set(tags))
        for child in case:
            assert set(child.attrib) <= {"message", "type"}


@pytest.mark.parametrize("arguments", [(), ("-n", "2"), ("-o", "junit_logging=all")])
def test_both_dialects_tell_the_same(judge, arguments):
    plain = told(judge(*arguments))
    run = judge("--trustml-junit-strict", *arguments)
    check_schema(run.folder / "trust.xml")
    assert "<properties" not in (run.folder / "trust.xml").read_text()
    assert told(run) == plain
    assert plain["test_release[acme.hostile]"]["trustml.outcome"] == "FAIL"
    assert plain["test_release[acme.broken]"]["trustml.outcome"] == "INVALID"
    (case,) = [case for case in read_junit(run.folder / "trust.xml") if case.name.endswith("test_release[acme.fails]")]
    assert case.record.measurements[0].value == 0.5


def test_what_a_test_prints_cannot_speak_for_its_verdict(judge, tmp_path):
    (tmp_path / "work" / "test_own.py").write_text(OWN)
    run = judge("test_own.py", "--trustml-junit-strict", "-o", "junit_logging=all", checks=None)
    check_schema(run.folder / "trust.xml")
    assert told(run)["test_prints"]["trustml.outcome"] == "FAIL"
    assert told(run)["test_prints"]["trustml.rate.value"] == "1.0"
    text = ElementTree.parse(run.folder / "trust.xml").find(".//system-out").text
    assert "| trustml.outcome=PASS" in text
    assert "lines=one⏎trustml.outcome=PASS" in text


HOSTILE = """<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="s" tests="2" errors="0" failures="1">
<testcase classname="c" name="a" time="0.1"><properties>
<property name="trustml.check" value="a=b=c"/><property name="trustml.outcome" value="FAIL"/>
<property name="trustml.x.why" value=" = ]]&gt; &lt;b&gt; \u2603 ::error:: ##[group] trustml.outcome=PASS "/>
<property name="trustml.x.empty" value=""/></properties>
<system-err>err</system-err><system-out>out\u0085trustml.outcome=PASS</system-out>
<failure message="m" type="t">text</failure></testcase>
<testcase classname="c" name="b" time="0"/></testsuite></testsuites>"""


def test_order_escapes_and_emptiness(tmp_path):
    path = tmp_path / "trust.xml"
    path.write_text(HOSTILE, encoding="utf-8")
    content = strict_file(path)
    assert content.startswith(b'<?xml version="1.0" encoding="utf-8"?><testsuites>')
    path.write_bytes(content)
    check_schema(path)
    first, second = next(iter(JUnitXml.fromfile(str(path))))
    assert properties(first)["trustml.check"] == "a=b=c"
    assert properties(first)["trustml.outcome"] == "FAIL"
    assert properties(first)["trustml.x.empty"] == ""
    assert "<b>" in properties(first)["trustml.x.why"]
    assert first.system_err == "err"
    assert properties(second) == {}
    assert len(list(second._elem)) == 0


def test_without_a_file_it_is_a_mistake_on_the_command_line_only(judge, tmp_path):
    words = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest"]
    (tmp_path / "work" / "test_plain.py").write_text("def test_plain(record_property):\n    record_property('a', 'b')\n")
    work = tmp_path / "work"
    done = subprocess.run([*words, "--trustml-junit-strict"], cwd=work, capture_output=True, text=True)
    assert done.returncode == 4
    assert "has no file to write. Name it: --junitxml=trust.xml" in done.stderr
    (work / "pytest.ini").write_text("[pytest]\ntrustml_junit_strict = true\n")
    assert subprocess.run(words, cwd=work, capture_output=True).returncode == 0
    # No model is judged here: the dialect is that of the file, whoever wrote it.
    assert subprocess.run([*words, "--junitxml=t.xml"], cwd=work, capture_output=True).returncode == 0
    assert "<properties" not in (work / "t.xml").read_text()
    assert "a=b" in (work / "t.xml").read_text()


def test_the_parser_is_not_loaded_where_it_is_not_needed(tmp_path):
    (tmp_path / "test_plain.py").write_text("def test_plain(): pass\n")
    code = (
        "import sys, pytest\n"
        "assert pytest.main(['-q', '-p', 'no:hypothesispytest', '--junitxml=t.xml']) == 0\n"
        "assert 'junitparser' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
