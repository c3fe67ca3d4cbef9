"""The decision, the waivers, the changes and what was withheld, in every view that people look at."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

from pytest_trustml.reports import junit
from pytest_trustml.reports.html.page import page
from pytest_trustml.reports.lines import failure_text, table_lines
from pytest_trustml.reports.markdown import summary
from pytest_trustml.result.comparison import Comparison
from pytest_trustml.result.decision import Decision, Finding
from pytest_trustml.result.policy import Policy
from tests.unit.reports.gated_records import comparison, gated, hostile_gated, refused, waiver, withheld
from tests.unit.reports.hostile_records import HOSTILE, check, measurement, run
from tests.unit.reports.test_report_views import OBEYED, Page

NOWHERE = Path("nowhere")


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading of the summary."""
    below = text.split(f"**{heading}**")[1].split("\n**")[0]
    table = [row for row in below.splitlines() if row.startswith("|")][2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in table]


def test_the_summary_opens_with_the_decision() -> None:
    text = summary(gated())
    assert text.startswith("## ⛔ Blocked: 2 reasons block it\n\n💥 3 of 6 checks did not pass")
    kinds = re.findall(r"^- \S+ ([a-z ]+): <code>", text, re.MULTILINE)
    assert kinds == ["blocks", "cannot judge", "waived", "note"]
    places = [
        text.index(words) for words in ("Blocked", "it is worse than", "| | check | value", "**Since", "**Waivers", "**Repro")
    ]
    assert places == sorted(places)
    for answer, opening in {"released": "## ✅ Released: fine", "unjudged": "## ❔ Could not be judged: fine"}.items():
        decision = Decision(answer=answer, why="fine", policy="p")
        assert summary(gated(decision=decision)).startswith(opening)


def test_the_summary_says_what_changed() -> None:
    text = summary(gated())
    assert "**Since the baseline** <code>v1</code> of 2025-12-01, <code>fedcba987654…</code>" in text
    assert "/home/ann" not in text
    changed = rows(text, "Since the baseline")
    verdicts = [row[-1] for row in changed]
    assert verdicts == ["worse", "cannot tell", "not compared: the data differs", "no worse than the margin", "better"]
    interval = "+0.02123 to +0.06123 (95 %, paired bootstrap)"
    names = ["<code>acme.rate</code>", "<code>rate</code>"]
    assert changed[0] == ["❌", *names, "0.01235 → 0.05235", "**+0.04**", interval, "500", "0.005", "worse"]
    assert changed[2][3:8] == ["–", "**undefined**", "–", "0", "undefined"]


def test_waivers_are_always_listed() -> None:
    listed = rows(summary(gated()), "Waivers")
    assert listed == [
        ["🤝 holds", "<code>acme.leak</code>", "Ann", "known, mended in v3", "2026-01-31"],
        ["⛔ expired", "<code>acme.rate</code>", "Bo", "was to be mended", "2026-01-01"],
    ]
    read = Page(page(gated(), NOWHERE))
    for words in ("acme.leak", "Ann", "known, mended in v3", "2026-01-31", "holds", "expired", "was to be mended"):
        assert words in read.words
    ungated = run(check(), policy=Policy(waivers=(waiver("no.such", "2025-01-01"),)), created="?")
    assert "unknown: the date of the run cannot be read" in rows(summary(ungated), "Waivers")[0][0]
    assert "covers no check of this run" in Page(page(ungated, NOWHERE)).words


def test_what_was_withheld_is_named_by_its_digest() -> None:
    digest = "ab" * 32
    text, markup = summary(gated()), page(gated(), NOWHERE)
    for words in (text, Page(markup).words):
        assert digest in words and "withheld: sha256" in words and "This run was redacted" in words
    assert "The file is missing" not in markup
    assert f"evidence: withheld: sha256 {digest} (answers" in failure_text(check(outcome="FAIL", evidence=(withheld(),)))
    assert "redacted" not in summary(run(check())) + Page(page(run(check()), NOWHERE)).words


def test_the_page_opens_with_the_decision() -> None:
    markup = page(gated(), NOWHERE)
    read = Page(markup)
    assert "<h1>Blocked</h1>" in markup and 'class="top tone-blocked"' in markup
    header = read.words.partition("Decision of the gate")[2]
    assert header.index("it is worse than the baseline") < header.index("3 of 6 checks did not pass")
    assert re.search(r'<a class="mono" href="#check-\d+">acme.rate</a>', markup)  # a reason leads to its check
    assert '<b class="mono">other.absent</b>' in markup
    assert "Compared with" in read.words and "v1, 2025-12-01" in read.words and "/home/ann" not in markup
    for words in ("worse", "cannot tell", "not compared", "no worse than the margin", "better", "the data differs"):
        assert words in read.words
    assert "Decision of the gate" not in Page(page(run(check()), NOWHERE)).words


def test_hostile_words_change_no_view() -> None:
    record = hostile_gated(HOSTILE)
    markup, text = page(record, NOWHERE), summary(record)
    read = Page(markup)
    assert not OBEYED.search(markup) and "<script" not in markup.lower() and len(read.ids) == len(set(read.ids))
    assert "{{ 7*7 }}" in read.words
    assert not OBEYED.search(text)
    outside = re.sub(r"^(`{3,})sh\n.*?\n\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert outside != text and "<script" not in outside and "<img" not in outside and "http:/" not in outside
    assert not re.search(r"(?<!\\)\]\(", outside) and not re.search(r"@[A-Za-z]", outside) and "##[" not in text
    assert not any(row.lstrip().startswith("::") for row in text.splitlines())
    assert sum(row.startswith("#") for row in text.splitlines()) == 1
    for heading, columns in (("Since the baseline", 9), ("Waivers", 5)):
        cells = rows(text, heading)
        assert cells and {len(row) for row in cells} == {columns}


@pytest.mark.parametrize("cap", [0, 4000, 9000, 60_000])
def test_a_large_summary_is_cut_in_every_part(cap: int) -> None:
    many = [
        check(
            f"acme.c{index}", outcome="FAIL", why="x" * 2000, evidence=(withheld(f"piece {index}"),),
            comparisons=(comparison(why="y" * 900), refused(why="z" * 900)),
        )
        for index in range(400)
    ]  # fmt: skip
    absent = [check(f"acme.a{index}", outcome="NOT_APPLICABLE", why="y" * 900) for index in range(400)]
    findings = tuple(Finding(kind="blocks", rule=f"r{index}", check="acme.c1", why="w" * 900) for index in range(400))
    policy = Policy(waivers=tuple(waiver(f"acme.c{index}", reason="r" * 900) for index in range(400)))
    decision = Decision(answer="blocked", why="v" * 3000, policy="p" * 900, findings=findings)
    text = summary(run(*many, *absent, policy=policy, decision=decision, model="m" * 900), cap=cap)
    assert len(text.encode()) <= max(cap, 4000)
    for noun in ("reasons", "checks", "changes", "waivers", "commands", "pieces of evidence"):
        assert f"more {noun} did not fit here" in text
    if cap == 60_000:
        assert rows(text, "Waivers") and rows(text, "Since the baseline") and "acme.c0" in text


def test_properties_of_changes_and_waivers() -> None:
    record = check(comparisons=(comparison(), refused("score", "other data")))
    waivers = (waiver("acme", "2026-01-31"), waiver("*.rate", "2020-01-01", owner="Bo"), waiver("other"))
    pairs = dict(junit.properties(record, waivers=waivers))
    assert pairs["trustml.rate.change_outcome"] == "WORSE" and pairs["trustml.rate.change_n"] == "500"
    assert [float(pairs[f"trustml.rate.{name}"]) for name in ("change", "change_low", "change_high", "margin")] == [
        0.04, 0.0212345678, 0.0612345678, 0.005,
    ]  # fmt: skip
    assert pairs["trustml.score.change"] == pairs["trustml.score.margin"] == "undefined"
    assert pairs["trustml.score.change_why"] == "other data" and "trustml.rate.change_why" not in pairs
    known = "known, mended in v3"
    assert pairs["trustml.waiver"] == f"Ann: {known} (until 2026-01-31); Bo: {known} (until 2020-01-01)"
    assert "trustml.waiver" not in dict(junit.properties(record))
    names = [name for name, _ in junit.properties(record, waivers=waivers)]
    assert len(names) == len(set(names))


def test_hostile_properties_survive_xml() -> None:
    record = hostile_gated(HOSTILE)
    pairs = [pair for entry in record.checks for pair in junit.properties(entry, waivers=record.policy.waivers)]
    case = ET.Element("testcase")
    for name, value in pairs:
        ET.SubElement(case, "property", name=name, value=value)
    read = ET.fromstring(ET.tostring(case, encoding="utf-8"))
    assert [(entry.get("name"), entry.get("value")) for entry in read] == pairs
    assert not any("::" in value or "\n" in value or OBEYED.search(name + value) for name, value in pairs)


def test_a_failure_says_what_became_worse() -> None:
    worse = check(outcome="FAIL", why="rate beside the baseline: even the favourable end is worse", comparisons=(comparison(),))
    moved = "rate is worse than the baseline: 0.01235 -> 0.05235, +0.04 (95 % interval +0.02123 to +0.06123, paired bootstrap, "
    moved += "n = 500 in 40 clusters), margin 0.005"
    said = failure_text(worse).splitlines()
    assert len(said) == 4
    assert said[1] == f"FAIL: {moved}; rate beside the baseline: even the favourable end is worse"
    both = msgspec.structs.replace(worse, why="too much", measurements=(measurement(outcome="FAIL"),))
    assert failure_text(both).splitlines()[1] == f"FAIL: the limit is at most 0.05; too much; {moved}"
    assert "baseline" not in failure_text(check(outcome="FAIL", comparisons=(comparison(outcome="BETTER"),)))
    for entry in hostile_gated(HOSTILE).checks:
        lines = failure_text(entry).splitlines()
        assert len(lines) == 4 and not any(OBEYED.search(text) or text.lstrip().startswith("::") for text in lines)


def test_the_terminal_marks_what_changed_where_there_is_room() -> None:
    checks = gated().checks
    wide = table_lines(checks, 120)
    assert wide[0].split()[-1] == "change"
    ends = {row.split()[1]: row.rpartition("  ")[2] for row in wide[1:]}
    assert ends == {
        "other.broken": "-", "acme.rate": "worse", "acme.leak": "cannot tell", "acme.score": "not compared",
        "acme.drift": "better", "acme.kept": "no worse",
    }  # fmt: skip
    narrow = table_lines(checks, 60)
    assert "change" not in narrow[0] and all(len(row) <= 60 for row in narrow)
    assert "change" not in table_lines([check()], 120)[0]


def test_a_comparison_without_an_interval_is_said_in_words() -> None:
    bare: Comparison = comparison(low="undefined", high="undefined", level="undefined", p_worse="undefined", margin="undefined")
    record = run(check(outcome="FAIL", comparisons=(bare,)))
    assert "+0.04 (no interval, n = 500 in 40 clusters)" in failure_text(record.checks[0])
    assert rows(summary(record), "Since the baseline")[0][5:8] == ["–", "500", "undefined"]
    assert "no interval" in Page(page(record, NOWHERE)).words
