"""SARIF: only what needs attention is an alert, alerts keep their identity, and the file is what the standard asks for."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_trustml.reports.sarif import MOST_RESULTS, sarif
from pytest_trustml.result.decision import Decision, Finding
from pytest_trustml.result.policy import Policy
from pytest_trustml.result.record import RunRecord
from tests.unit.reports.gated_records import comparison, gated, hostile_gated, refused, waiver
from tests.unit.reports.hostile_records import HOSTILE, check, measurement, run
from tests.unit.reports.test_report_views import OBEYED

SCHEMA = "TRUSTML_SARIF_SCHEMA"
EVERY = [run(), run(check()), gated(), hostile_gated(HOSTILE)]


def read(record: RunRecord) -> dict[str, Any]:
    log = json.loads(sarif(record), parse_constant=lambda word: pytest.fail(word))
    assert log["version"] == "2.1.0" and len(log["runs"]) == 1
    return log["runs"][0]


def words_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield key
            yield from words_of(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from words_of(entry)
    elif isinstance(value, str):
        yield value


@pytest.mark.skipif(SCHEMA not in os.environ, reason=f"{SCHEMA} names no file that holds the schema of SARIF 2.1.0")
@pytest.mark.parametrize("record", EVERY)
def test_the_official_schema_accepts_it(record: RunRecord) -> None:
    import jsonschema

    schema = json.loads(Path(os.environ[SCHEMA]).read_text("utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert not [f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.loads(sarif(record)))]


@pytest.mark.parametrize("record", EVERY)
def test_structure(record: RunRecord) -> None:
    found = read(record)
    rules = found["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules} - {"trustml.gate"}) == len({entry.check for entry in record.checks})
    for rule in rules:
        assert rule["id"] and rule["shortDescription"]["text"] and rule["help"]["text"] and len(rule["properties"]["tags"]) == 1
        assert rule["defaultConfiguration"] == {"level": "error"}
    for result in found["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note") and result["message"]["text"]
        assert re.fullmatch("[0-9a-f]{32}", result["partialFingerprints"]["trustml/v1"])
        (place,) = result["locations"]
        uri = place["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[\w.%-]+(/[\w.%-]+)*", uri, re.ASCII) and ".." not in uri.split("/")
        assert place["physicalLocation"]["region"]["startLine"] >= 1
        assert isinstance(result["suppressions"], list)  # for all results or for none, says the standard


@pytest.mark.parametrize("record", EVERY)
def test_no_word_is_obeyed(record: RunRecord) -> None:
    for words in words_of(read(record)):
        assert not OBEYED.search(words) and "::" not in words and "##[" not in words and "\n" not in words


def test_messages_hold_no_links_of_their_own() -> None:
    for result in read(hostile_gated(HOSTILE))["results"]:
        assert not re.search(r"(?<!\\)(\\\\)*[\[\]]", result["message"]["text"])


def test_only_what_needs_attention_is_an_alert() -> None:
    bad = {"ERROR": "error", "FAIL": "error", "INVALID": "error", "INCONCLUSIVE": "warning"}
    for outcome in ("PASS", "NOT_APPLICABLE", *bad):
        measurements = () if outcome in ("ERROR", "NOT_APPLICABLE") else (measurement(outcome=outcome), measurement("more"))
        levels = [result["level"] for result in read(run(check(outcome=outcome, measurements=measurements)))["results"]]
        assert levels == ([bad[outcome]] if outcome in bad else []), outcome
    for outcome, level in {"WORSE": "error", "CANNOT_TELL": "note", "NO_WORSE": None, "BETTER": None}.items():
        found = read(run(check(comparisons=(comparison(outcome=outcome),))))["results"]
        assert [result["level"] for result in found] == ([level] if level else [])
    (found,) = read(run(check(comparisons=(refused(why="other data"),))))["results"]
    assert found["level"] == "note" and "not compared: other data" in found["message"]["text"]


def test_a_check_that_only_the_baseline_failed_is_one_alert() -> None:
    (found,) = read(run(check(outcome="FAIL", comparisons=(comparison(),))))["results"]
    assert "rate is worse than the baseline: 0.01235 -> 0.05235, +0.04" in found["message"]["text"]


def test_an_invalid_check_with_a_fine_measurement_is_an_alert() -> None:
    (found,) = read(run(check(outcome="INVALID", why="a control failed")))["results"]
    assert found["message"]["text"] == "INVALID: a control failed"


def test_errors_come_first() -> None:
    severity = ["error", "warning", "note"]
    levels = [severity.index(result["level"]) for result in read(gated())["results"]]
    assert levels == sorted(levels) and set(levels) == {0, 2}


def test_alerts_keep_their_identity_when_numbers_change() -> None:
    def prints(record: RunRecord) -> list[str]:
        return [result["partialFingerprints"]["trustml/v1"] for result in read(record)["results"]]

    def one(**changes: Any) -> RunRecord:
        wrong = measurement(outcome="FAIL", **changes)
        return run(check(outcome="FAIL", measurements=(wrong,), comparisons=(comparison(change=changes["value"]),)))

    first = prints(one(value=0.2, low=0.1, high=0.3))
    assert first == prints(one(value=0.4, low=0.3, high=0.5, n=9, why="else")) and len(set(first)) == 2
    assert not set(first) & set(prints(run(check("acme.other", outcome="FAIL"))))


@pytest.mark.parametrize(
    ("location", "nodeid", "uri", "line"),
    [
        ("conf/trustml.toml:12", "test_release.py::test_release[a]", "conf/trustml.toml", 12),
        ("./a b/ü.toml:3", "t.py::t", "a%20b/%C3%BC.toml", 3),
        ("", "tests/test_trust.py::test_it", "tests/test_trust.py", 1),
        ("", "test_release.py::test_release[a]", "trustml.toml", 1),
        ("/home/ann/trustml.toml:4", "test_release.py::t", "trustml.toml", 1),
        ("C:\\ann\\trustml.toml:4", "/abs/test_x.py::t", "trustml.toml", 1),
        ("../up.toml:4", "../up.py::t", "trustml.toml", 1),
        ("trustml.toml:0", "t.py::t", "t.py", 1),
        ("trustml.toml:¹", "t.py::t", "t.py", 1),
        ("trustml.toml", "http://evil.example/x.py", "trustml.toml", 1),
    ],
)
def test_places_lie_in_the_project(location: str, nodeid: str, uri: str, line: int) -> None:
    (result,) = read(run(check(outcome="ERROR", measurements=(), location=location, nodeid=nodeid)))["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == (uri, line)


def test_waivers_suppress_until_their_last_day() -> None:
    def suppressed(created: str, expires: str, covered: str = "acme") -> list[Any]:
        policy = Policy(waivers=(waiver(covered, expires),))
        (result,) = read(run(check(outcome="ERROR", measurements=()), created=created, policy=policy))["results"]
        return result["suppressions"]

    (held,) = suppressed("2026-01-31T23:59:59+00:00", "2026-01-31")
    assert held == {
        "kind": "external",
        "status": "accepted",
        "justification": "Ann: known, mended in v3 (until 2026-01-31)",
    }
    assert suppressed("2026-02-01T00:00:00+00:00", "2026-01-31") == []
    assert suppressed("2026-01-01", "2026-01-31", "other.*") == []
    assert suppressed("who knows", "2026-01-31") == []


def test_the_worst_are_kept_and_the_rest_counted() -> None:
    many = [check(f"acme.c{index}", outcome="INCONCLUSIVE", measurements=()) for index in range(MOST_RESULTS + 7)]
    found = read(run(*many, check("zzz.last", outcome="ERROR", measurements=())))
    assert len(found["results"]) == MOST_RESULTS and found["results"][0]["ruleId"] == "zzz.last"
    assert found["properties"]["trustml"]["results_left_out"] == 8
    assert len(found["properties"]["trustml"]["checks"]) == MOST_RESULTS + 8


def test_the_property_bag_says_everything_and_no_place() -> None:
    bag = read(msgspec.structs.replace(gated(), model="/home/ann/releases/v2"))["properties"]["trustml"]
    assert bag["decision"]["answer"] == "blocked" and bag["model"] == "v2" and bag["baseline"]["model"] == "v1"
    assert [found["kind"] for found in bag["decision"]["findings"]] == ["blocks", "unjudged", "waived", "notes"]
    assert [(entry["check"], entry["state"]) for entry in bag["waivers"]] == [("acme.leak", "holds"), ("acme.rate", "expired")]
    assert b"/home/ann" not in sarif(msgspec.structs.replace(gated(), model="/home/ann/releases/v2"))
    lost = next(m for entry in bag["checks"] for m in entry["measurements"] if m["name"] == "lost")
    assert lost["value"] == lost["low"] == "undefined" and lost["why"] == "no row"


def test_what_the_gate_found_about_no_check_is_a_result_of_its_own() -> None:
    missing = Finding(kind="unjudged", rule="required-missing", check="acme.gone", why="no report tells of it")
    known = Finding(kind="blocks", rule="limit", check=check().check, why="too high")
    decision = Decision(answer="blocked", why="", policy="trustml.toml", findings=(known, missing))
    found = read(msgspec.structs.replace(run(check()), decision=decision))
    alerts = [result for result in found["results"] if result["ruleId"] == "trustml.gate"]
    assert [alert["properties"]["about"] for alert in alerts] == ["required-missing"]
    assert found["tool"]["driver"]["rules"][alerts[0]["ruleIndex"]]["id"] == "trustml.gate"
