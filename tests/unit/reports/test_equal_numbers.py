"""All views of a record hold the same numbers: exact where programs read them, to four digits where people do."""

from __future__ import annotations

import html
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import yaml
from hypothesis import given, settings

from pytest_trustml.reports import junit
from pytest_trustml.reports.html.page import page
from pytest_trustml.reports.markdown import summary
from pytest_trustml.reports.model_card import model_index
from pytest_trustml.reports.sarif import sarif
from pytest_trustml.reports.strict import strict
from pytest_trustml.reports.wording import decisive
from pytest_trustml.result.comparison import Comparison
from pytest_trustml.result.measurement import number
from pytest_trustml.result.record import MeasurementRecord, RunRecord, decode_run, encode
from tests.unit.reports.gated_records import comparison
from tests.unit.reports.hostile_records import check, measurement, run
from tests.unit.reports.test_report_views import Page

UNDEFINED = "undefined"
FIELDS = ("value", "low", "high", "n")
CHANGES = ("change", "low", "high", "margin", "n")
OUTCOMES = ("FAIL", "INCONCLUSIVE", "INVALID", "PASS", "REPORTED")

finite = st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(0, 10**12)
words = st.text(alphabet=st.characters(), max_size=30)


@st.composite
def measurements(draw: st.DrawFn, name: str) -> MeasurementRecord:
    said = dict(n=draw(counts), outcome=draw(st.sampled_from(OUTCOMES)), why=draw(words), method=draw(words), limit=draw(words))
    kind = draw(st.sampled_from(("whole", "no interval", "nothing")))
    low, value, high = sorted(draw(st.lists(finite, min_size=3, max_size=3)))
    if kind != "whole":
        said |= dict(low=UNDEFINED, high=UNDEFINED, level=UNDEFINED)
    else:
        said |= dict(low=low, high=high, level=draw(st.floats(0.5, 0.999)))
    return measurement(name, value=UNDEFINED if kind == "nothing" else value, **said)


@st.composite
def comparisons(draw: st.DrawFn, name: str) -> Comparison:
    outcome = draw(st.sampled_from(("BETTER", "NO_WORSE", "WORSE", "CANNOT_TELL", "NOT_COMPARED")))
    said = dict(why=draw(words), method=draw(words), n=draw(counts))
    if outcome == "NOT_COMPARED":
        gone = dict.fromkeys(("before", "after", "change", "low", "high", "level", "margin", "p_worse"), UNDEFINED)
        return comparison(name, outcome, **said | gone)
    low, change, high = sorted(draw(st.lists(finite, min_size=3, max_size=3)))
    before, after = draw(finite), draw(finite)
    margin = draw(st.one_of(st.just(UNDEFINED), finite))
    return comparison(name, outcome, **said, before=before, after=after, change=change, low=low, high=high, margin=margin)


@st.composite
def runs(draw: st.DrawFn) -> RunRecord:
    """Up to three checks of up to three measurements, with or without a baseline."""
    checks = []
    for index in range(draw(st.integers(1, 3))):
        names = [f"m{index}_{place}" for place in range(draw(st.integers(1, 3)))]
        checks.append(
            check(
                f"acme.c{index}",
                outcome=draw(st.sampled_from(("FAIL", "INCONCLUSIVE", "INVALID", "PASS"))),
                why=draw(words),
                summary=draw(words),
                measurements=tuple(draw(measurements(name)) for name in names),
                comparisons=tuple(draw(comparisons(name)) for name in names if draw(st.booleans())),
            )
        )
    return run(*checks, model=draw(words))


def told(record: RunRecord) -> dict[str, list[Any]]:
    return {m.name: [getattr(m, field) for field in FIELDS] for entry in record.checks for m in entry.measurements}


def changed(record: RunRecord) -> dict[str, list[Any]]:
    return {c.measurement: [getattr(c, field) for field in CHANGES] for entry in record.checks for c in entry.comparisons}


def as_number(text: str) -> float | str:
    return text if text == UNDEFINED else float(text)


@settings(max_examples=60, deadline=None)
@given(runs())
def test_the_record_itself(record: RunRecord) -> None:
    again = decode_run(encode(strict(record)), "run.json")
    assert told(again) == told(record) and changed(again) == changed(record)


@settings(max_examples=60, deadline=None)
@given(runs())
def test_junit(record: RunRecord) -> None:
    found: dict[str, str] = {}
    for entry in record.checks:
        case = ET.Element("testcase")
        for name, value in junit.properties(entry):
            ET.SubElement(case, "property", name=name, value=value)
        found |= {item.get("name"): item.get("value") for item in ET.fromstring(ET.tostring(case))}
    for name, numbers in told(record).items():
        assert [as_number(found[f"trustml.{name}.{field}"]) for field in FIELDS] == numbers
        assert int(found[f"trustml.{name}.n"]) == numbers[-1]
    fields = ("change", "change_low", "change_high", "margin", "change_n")
    for name, numbers in changed(record).items():
        assert [as_number(found[f"trustml.{name}.{field}"]) for field in fields] == numbers


@settings(max_examples=60, deadline=None)
@given(runs())
def test_sarif(record: RunRecord) -> None:
    checks = json.loads(sarif(record))["runs"][0]["properties"]["trustml"]["checks"]
    assert {m["name"]: [m[field] for field in FIELDS] for entry in checks for m in entry["measurements"]} == told(record)
    found = {c["measurement"]: [c[field] for field in CHANGES] for entry in checks for c in entry["comparisons"]}
    assert found == changed(record)


@settings(max_examples=60, deadline=None)
@given(runs())
def test_model_index(record: RunRecord) -> None:
    (index,) = yaml.safe_load(model_index(record))["model-index"]
    metrics = [metric for result in index["results"] for metric in result["metrics"]]
    found = {m["name"]: [m["value"], *(m["args"][field] for field in FIELDS[1:])] for m in metrics}
    assert found == told(record)


@settings(max_examples=40, deadline=None)
@given(runs())
def test_index_html(record: RunRecord) -> None:
    tags = Page(page(record, Path("nowhere"))).tags
    found = [attributes for _, attributes in tags if "data-measurement" in attributes]
    numbers = {entry["data-measurement"]: [as_number(entry[f"data-{field}"]) for field in FIELDS] for entry in found}
    assert numbers == told(record) and len(found) == len(numbers)
    found = [attributes for _, attributes in tags if "data-comparison" in attributes]
    numbers = {entry["data-comparison"]: [as_number(entry[f"data-{field}"]) for field in CHANGES] for entry in found}
    assert numbers == changed(record) and len(found) == len(numbers)


@settings(max_examples=60, deadline=None)
@given(runs())
def test_summary(record: RunRecord) -> None:
    """The table has the measurement that decided and all that did not pass; every comparison has a row."""
    text = summary(record)
    table = [[html.unescape(cell).strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in text.splitlines()]
    every = {m.name: m for entry in record.checks for m in entry.measurements}
    decided = {entry.check: decisive(entry) for entry in record.checks}
    shown_rows = [row for row in table if len(row) == 7 and "acme.c" in row[1]]
    assert len(shown_rows) >= len(record.checks)
    for row in shown_rows:
        name, *named = re.findall(r"<code>([^<]*)</code>", row[1])
        m = every[named[0]] if named else decided[name]
        assert row[2].strip("*") == shown(m.value) and row[3].startswith(ends(m.low, m.high)) and row[4] == str(m.n)
    by_name = {c.measurement: c for entry in record.checks for c in entry.comparisons}
    change_rows = [row for row in table if len(row) == 9 and "acme.c" in row[1]]
    assert len(change_rows) == len(by_name)
    for row in change_rows:
        c = by_name[re.fullmatch(r"<code>(m\d_\d)</code>", row[2])[1]]
        assert row[4].strip("*").removeprefix("+") == shown(c.change)
        assert row[5].replace("+", "").startswith(ends(c.low, c.high).replace("+", ""))
        assert (row[6], row[7]) == (str(c.n), shown(c.margin))
        assert c.before == UNDEFINED or row[3] == f"{shown(c.before)} → {shown(c.after)}"


def shown(value: float | str) -> str:
    return UNDEFINED if isinstance(value, str) else number(value)


def ends(low: float | str, high: float | str) -> str:
    return "–" if UNDEFINED in (low, high) else f"{shown(low)} to {shown(high)}"
