"""Outputs, summary and annotations of a decision, whatever words it holds."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trustml.errors import CacheError
from pytest_trustml.gate.github import annotation, annotations, assignment, outputs, report
from pytest_trustml.result.decision import Decision, Finding
from pytest_trustml.result.record import CheckRecord, RunRecord
from tests.action.job import assigned, obeyed

RUN = RunRecord(created="2026-01-02", command="pytest", model="m", seed=0, level=0.95, inconclusive="fail", cache="use")
HOSTILE = "x\n::error::pwned\r##[group]pwned\n::stop-commands::pwned%0A::error::pwned, a=b:c"


def finding(kind="blocks", check="acme.fails", why="too many", rule="limit"):
    return Finding(kind=kind, rule=rule, check=check, why=why)


def decision(*findings, answer="blocked", why="acme.fails: too many"):
    return Decision(answer=answer, why=why, policy="trustml.toml", findings=findings)


def check(outcome, name="acme.fails", location=""):
    return CheckRecord(
        nodeid=f"t[{name}-{outcome}]", check=name, version=1, summary="", outcome=outcome, why="", subject="m", fingerprint="0",
        seed=0, level=0.95, device="cpu", location=location,
    )  # fmt: skip


def run(*checks, **decided):
    return msgspec.structs.replace(RUN, checks=checks, decision=decision(finding(), **decided))


def test_every_judged_check_is_counted_once():
    kinds = ("PASS", "PASS", "FAIL", "INCONCLUSIVE", "INVALID", "ERROR", "NOT_APPLICABLE")
    found = outputs(run(*map(check, kinds)), Path("nowhere"))
    assert (found["passed"], found["failed"], found["inconclusive"]) == ("2", "1", "3")


def test_paths_are_named_only_where_files_are(tmp_path):
    assert outputs(run(), tmp_path)["sarif"] == ""
    (tmp_path / "results.sarif").write_text("{}")
    (tmp_path / "trust.xml").write_text("<testsuites/>")
    found = outputs(run(), tmp_path)
    assert found["sarif"] == str(tmp_path / "results.sarif")
    assert found["junit"] == str(tmp_path / "trust.xml")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\r")))
def test_a_value_never_leaves_its_output(value):
    assert assigned("first=1\n" + assignment("report", value) + "last=2\n") == {"first": "1", "report": value, "last": "2"}


@given(st.text(), st.text(), st.text())
def test_an_annotation_is_one_command_whatever_it_says(message, title, file):
    (command,) = obeyed(annotation("error", message, title=title or "t", file=file, line_number="1"))
    assert command.name == "error"
    assert command.properties.keys() <= {"file", "line", "title"}


def test_an_annotation_points_at_the_line_of_the_check():
    def place(location):
        (command,) = obeyed(annotations(run(check("FAIL", location=location)))[0])
        return command.properties.get("file"), command.properties.get("line")

    assert place("release/trustml.toml:12") == ("release/trustml.toml", "12")
    assert place("a,b:c.toml:3") == ("a,b:c.toml", "3")
    for elsewhere in ("", "/etc/passwd:1", "../x:1", "trustml.toml", "trustml.toml:x", "trustml.toml:²"):
        assert place(elsewhere) == (None, None)


def test_what_blocks_comes_first_and_notes_stay_in_the_summary():
    kinds = ("notes", "waived", "unjudged", "blocks")
    texts = annotations(decision(*(finding(kind, f"acme.{kind}") for kind in kinds)))
    assert [text.partition(" ")[0] for text in texts] == ["::error", "::warning", "::warning"]
    assert ["acme.blocks" in texts[0], "acme.unjudged" in texts[1], "acme.waived" in texts[2]] == [True] * 3


@pytest.mark.parametrize(("count", "last"), [(10, "acme.c9"), (11, "and 2 more findings"), (300, "and 291 more findings")])
def test_there_are_at_most_ten_annotations(count, last):
    texts = annotations(decision(*(finding(check=f"acme.c{n}") for n in range(count))))
    assert len(texts) == 10
    assert last in texts[-1]
    assert texts[-1].startswith("::error ")


def test_hostile_words_stay_words(tmp_path, capsys):
    environ = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    decided = decision(finding(check=HOSTILE, why=HOSTILE), why=HOSTILE)
    hostile = check("FAIL", HOSTILE, location=f"{HOSTILE}:1")
    for result in (decided, msgspec.structs.replace(RUN, model=HOSTILE, checks=(hostile,), decision=decided)):
        report(result, tmp_path / "a\nverdict=released", environ)
        (command,) = obeyed(capsys.readouterr().out)
        assert command.name == "error"
        written = (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
        assert "::" not in written
        assert "##[" not in written
        found = assigned((tmp_path / "GITHUB_OUTPUT").read_text())
        assert found["verdict"] == "blocked"
        assert found["report"].endswith("a\nverdict=released")


def test_what_was_there_stays_and_the_size_has_a_limit(tmp_path):
    environ = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    (tmp_path / "GITHUB_STEP_SUMMARY").write_text("before\n")
    many = decision(*(finding(check=f"acme.c{n}", why="y" * 5000) for n in range(2000)))
    for result in (
        many,
        msgspec.structs.replace(RUN, decision=many, checks=tuple(check("FAIL", f"a.c{n}") for n in range(5000))),
    ):
        report(result, tmp_path, environ)
    written = (tmp_path / "GITHUB_STEP_SUMMARY").read_bytes()
    assert written.startswith(b"before\n")
    assert len(written) < 500_000  # two reports, and GitHub takes 1 048 576


def test_outside_of_a_job_a_note_says_what_was_not_written(tmp_path, capsys):
    report(run(check("FAIL")), tmp_path, {})
    printed = capsys.readouterr().out
    assert "GITHUB_OUTPUT is not set" in printed
    assert "GITHUB_STEP_SUMMARY is not set" in printed
    assert "::error title=Blocked%3A acme.fails::too many [limit]" in printed


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path):
    with pytest.raises(CacheError, match="GITHUB_OUTPUT names .* which cannot be written"):
        report(run(), tmp_path, {"GITHUB_OUTPUT": str(tmp_path / "gone" / "outputs")})
