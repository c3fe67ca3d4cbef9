"""All reports say the same, whatever words and numbers a record holds."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from pytest_trustml.reports import junit
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.reports.html.page import page
from pytest_trustml.reports.lines import failure_text, table_lines
from pytest_trustml.reports.markdown import code, escaped, summary
from pytest_trustml.reports.report import write_report
from pytest_trustml.reports.strict import strict
from pytest_trustml.reports.wording import command, headline, overall, title
from pytest_trustml.result.measurement import number
from pytest_trustml.result.record import RunRecord, decode_run, encode
from tests.unit.reports.hostile_records import HOSTILE, check, measurement, run

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


class Page(HTMLParser):
    """Reads a page, and fails if tags do not nest or anything is asked of the network."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.ids: list[str] = []
        self.words = ""
        self.numbers: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_startendtag(self, tag, attributes):
        self.seen(tag, dict(attributes))

    def handle_starttag(self, tag, attributes):
        self.seen(tag, dict(attributes))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing at {self.getpos()}"

    def handle_data(self, data):
        if "style" not in self.open:
            self.words += data

    def seen(self, tag, attributes):
        self.tags.append((tag, attributes))
        assert tag not in ("script", "iframe", "object", "embed", "link", "base", "form"), tag
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name.rpartition(":")[2] in ("src", "href", "srcset", "action", "data", "poster"):
                assert value.startswith(("data:image/", "#")), (tag, name, value[:80])
            if name == "style":
                assert "url(" not in value or "url(#" in value
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "data":
            self.numbers.append(attributes["value"])


def test_hostile_words_change_no_report(hostile: RunRecord, tmp_path: Path) -> None:
    write_report(hostile, tmp_path)
    markup = (tmp_path / "index.html").read_text("utf-8")
    read = Page(markup)
    assert not OBEYED.search(markup)
    assert len(read.ids) == len(set(read.ids))
    assert "<script" not in markup.lower()
    assert "{{ 7*7 }}" in read.words
    assert read.words.count("<script>alert(1)</script>") > 20
    assert sum(tag == "img" for tag, _ in read.tags) == 6
    assert "cannot be shown" not in read.words
    assert sum("sensitive" in (attributes.get("class") or "") for _, attributes in read.tags) == 6

    text = (tmp_path / "summary.md").read_text("utf-8")
    assert not OBEYED.search(text)
    outside = re.sub(r"^(`{3,})sh\n.*?\n\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert outside != text and "<script" not in outside and "<img" not in outside
    assert (
        not re.search(r"(?<!\\)\]\(", outside)
        and "http:/" not in outside
        and "www." not in outside
        and not re.search(r"@[A-Za-z]", outside)
    )
    assert not any(row.lstrip().startswith("::") for row in text.splitlines())
    assert "##[" not in text
    table = [row for row in text.splitlines() if row.startswith("|")]
    assert len(table) >= 7 and {len(re.findall(r"(?<!\\)\|", row)) for row in table} == {8}
    assert sum(row.startswith("#") for row in text.splitlines()) == 1

    record = (tmp_path / "run.json").read_bytes()
    json.loads(record.decode("utf-8"), parse_constant=lambda word: pytest.fail(word))
    assert b"null" not in record
    assert decode_run(record, "run.json") == strict(hostile)
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".tmp")]


def test_a_fence_is_longer_than_any_in_the_command(hostile: RunRecord) -> None:
    text = summary(hostile)
    fence = re.search(r"^(`+)sh$", text, re.MULTILINE)[1]
    inside = text.split(f"{fence}sh\n")[1].split(f"\n{fence}\n")[0]
    assert len(fence) == 4 and "```" in inside


def test_junit_properties_survive_xml(hostile: RunRecord) -> None:
    case = ET.Element("testcase")
    pairs = [pair for record in hostile.checks for pair in junit.properties(record)]
    for name, value in pairs:
        ET.SubElement(case, "property", name=name, value=value)
    read = ET.fromstring(ET.tostring(case, encoding="utf-8"))
    assert [(entry.get("name"), entry.get("value")) for entry in read] == pairs
    assert not any("::" in value or "\n" in value or OBEYED.search(name + value) for name, value in pairs)


def test_junit_names_and_undefined() -> None:
    lost = measurement("lost", value="undefined", low="undefined", high="undefined", level="undefined", n=0, why="no row")
    record = check(measurements=(measurement(), lost), seconds=3.0, device="cuda:1")
    pairs = dict(junit.properties(record))
    assert pairs["trustml.check"] == "acme.rate" and pairs["trustml.seed"] == "7" and pairs["trustml.fingerprint"]
    fields = {name.rpartition(".")[2] for name in pairs if name.startswith("trustml.rate.")}
    assert fields == {"value", "low", "high", "level", "method", "n", "limit", "outcome"}
    assert pairs["trustml.lost.value"] == "undefined" and pairs["trustml.lost.why"] == "no row"
    assert float(pairs["trustml.rate.value"]) == 0.0123456789
    assert junit.properties(record) == junit.properties(check(measurements=(measurement(), lost), seconds=9.0, device="cpu"))


finite = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=60, deadline=None)
@given(numbers=st.lists(finite, min_size=3, max_size=3).map(sorted), n=st.integers(0, 10**12), bound=finite)
def test_every_report_has_the_same_number(numbers: list[float], n: int, bound: float) -> None:
    low, value, high = numbers
    m = measurement(value=value, low=low, high=high, n=n, limit=f"at most {number(bound)}")
    whole = run(check(measurements=(m,), outcome="FAIL"))
    pairs = dict(junit.properties(whole.checks[0]))
    assert [float(pairs[f"trustml.rate.{end}"]) for end in ("low", "value", "high")] == numbers
    assert int(pairs["trustml.rate.n"]) == n
    stored = decode_run(encode(strict(whole)), "run.json").checks[0].measurements[0]
    assert [stored.low, stored.value, stored.high, stored.n] == [low, value, high, n]
    read = Page(page(whole, Path("nowhere")))
    assert [float(word) for word in read.numbers] == [value, low, high]
    row = next(row for row in summary(whole).splitlines() if "acme.rate" in row and row.startswith("|"))
    cells = [cell.strip() for cell in row.split("|")]
    assert cells[3:6] == [f"**{number(value)}**", f"{number(low)} to {number(high)} (95 %, clopper-pearson)", str(n)]
    assert f"= {number(value)} share (95 % interval {number(low)} to {number(high)}, clopper-pearson, n = {n})" in failure_text(
        whole.checks[0]
    )


@settings(max_examples=40, deadline=None)
@given(words=st.text(alphabet=st.characters(), max_size=60))
def test_any_words_stay_words(words: str) -> None:
    whole = run(check(summary=words, why=words, outcome="FAIL", subject=words), model=words)
    Page(page(whole, Path("nowhere")))
    encode(strict(whole))
    assert "\n" not in escaped(words) and "<" not in escaped(words) and not re.search(r"(?<!\\)[`|\[]", escaped(words))
    assert code(words).startswith("<code>")
    assert len(failure_text(whole.checks[0]).splitlines()) == 4
    assert not command(words).lstrip().startswith("::")


def test_large_runs_are_cut_and_say_so() -> None:
    many = [check(f"acme.check_{index}", outcome="FAIL", why="x" * 5000) for index in range(2000)]
    absent = [check(f"acme.absent_{index}", outcome="NOT_APPLICABLE", why="y" * 5000) for index in range(2000)]
    whole = run(*many, *absent)
    text = summary(whole)
    assert len(text.encode()) <= 60_000
    assert "more checks did not fit here" in text and "more commands did not fit here" in text
    assert len(re.findall("^```", text, re.MULTILINE)) == 2 and text.count("<details>") == text.count("</details>") == 1
    assert len(summary(whole, cap=10**9).encode()) < 2**20


def test_large_evidence_is_cut_and_says_so(store: EvidenceStore, tmp_path: Path) -> None:
    table = store.table(["a"], [[index] for index in range(5000)], caption="long")
    text = store.text("z" * 10**6, caption="longer")
    markup = page(run(check(outcome="FAIL", evidence=(table, text))), tmp_path)
    assert "the first 200 of 5000 rows" in markup and "the first 20000 of 1000000 letters" in markup
    assert len(markup) < 150_000


def test_what_failed_comes_first_and_silence_is_no_pass() -> None:
    order = ["NOT_APPLICABLE", "PASS", "INCONCLUSIVE", "INVALID", "FAIL", "ERROR"]
    whole = run(*(check(f"acme.{outcome.lower()}", outcome=outcome) for outcome in order))
    found = re.findall(r"<code>acme\.(\w+)</code>", summary(whole).split("**Reproduce**")[0])
    assert found == ["error", "fail", "invalid", "inconclusive", "pass"]
    shown = [text.split()[0] for text in table_lines(whole.checks)[1:]]
    assert shown == ["ERROR", "FAIL", "INVALID", "INCONCLUSIVE", "PASS", "NOT_APPLICABLE"]
    assert title(whole) == "4 of 5 checks did not pass" and "1 failed (acme.fail)" in headline(whole)
    assert title(run(check(), check("acme.two", outcome="FAIL"))) == "1 of 2 checks failed"
    assert title(run(check())) == "The one check passed"
    for nothing in (run(), run(check(outcome="NOT_APPLICABLE", measurements=()))):
        assert overall(nothing) == "NOT_APPLICABLE" and title(nothing) == "Nothing was judged"
        assert "✅" not in summary(nothing) and "tone-PASS" not in page(nothing, Path("nowhere")).split("<body>")[1]


def test_failure_text_names_measurement_limit_evidence_and_command(store: EvidenceStore) -> None:
    piece = store.text("x", caption="an answer")
    worse = measurement("leak", outcome="FAIL", value=0.5, low=0.4, high=0.6, evidence=(piece,), clusters=12)
    record = check(outcome="FAIL", why="even 0.4 is too much", measurements=(measurement(), worse))
    measured, judged, shown, again = failure_text(record).splitlines()
    assert measured == "acme.rate: leak = 0.5 share (95 % interval 0.4 to 0.6, clopper-pearson, n = 300 in 12 clusters)"
    assert judged == "FAIL: the limit is at most 0.05; even 0.4 is too much"
    assert shown == f"evidence: {piece.path} (an answer)"
    assert again == f"reproduce: {record.reproduce}" and "::" in again


@pytest.mark.parametrize("width", [20, 48, 72, 100, 400])
def test_terminal_lines_fit_and_align(hostile: RunRecord, width: int) -> None:
    wide = check("acme.中文中文", outcome="PASS")
    absent = [check(f"acme.{name}", outcome="NOT_APPLICABLE", why="give a base model") for name in "xyz"]
    lines = table_lines([*hostile.checks, wide, *absent], width)
    assert all(sum(2 if "\u4e00" <= c <= "\u9fff" else 1 for c in text) <= width for text in lines)
    assert not any(OBEYED.search(text) or "\n" in text or text.lstrip().startswith("::") for text in lines)
    assert sum(text.startswith("NOT_APPLICABLE") for text in lines) == 2
    if width == 400:
        assert "NOT_APPLICABLE  acme: x, y, z: give a base model" in lines


def test_hostile_words_are_hostile() -> None:
    assert OBEYED.search(HOSTILE) and "::error::" in HOSTILE and "]]>" in HOSTILE
