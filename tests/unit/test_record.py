"""Records: strict JSON, in which undefined is a word."""

from __future__ import annotations

import json
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trustml.errors import UsageError
from pytest_trustml.result.evidence import Evidence
from pytest_trustml.result.measurement import Interval, Measurement
from pytest_trustml.result.record import (
    CheckRecord,
    Control,
    RunRecord,
    Source,
    decode_check,
    decode_run,
    encode,
    record_measurement,
)
from pytest_trustml.result.verdict import AtMost, decide
from pytest_trustml.statistics import mean, proportion

ABOUT = {"name": "rate", "unit": "share", "higher_is_safer": False}


def check_record(*measurements, **changes):
    fields = {
        "nodeid": "test_release.py::test_release[acme.rate]", "check": "acme.rate", "version": 1, "summary": "A rate.",
        "outcome": "PASS", "why": "it is low", "subject": "./model", "fingerprint": "ab" * 32, "seed": 0, "level": 0.95,
        "device": "cpu", "measurements": measurements,
        "data": {"prompts": Source(spec="p.jsonl", fingerprint="cd" * 32, n=3)},
        "controls": (Control(name="same_twice", ok=True, why="both runs agree"),),
        "evidence": (Evidence(kind="table", path="t.json", sha256="ef" * 32, caption="Rows"),),
    }  # fmt: skip
    return CheckRecord(**(fields | changes))


def run_record(*checks):
    return RunRecord(
        created="2026-01-01T00:00:00Z", command="pytest", model="./model", seed=0, level=0.95, inconclusive="fail",
        cache="use", checks=checks,
    )  # fmt: skip


def test_a_judged_measurement_is_flattened():
    m = proportion([1] * 3 + [0] * 134, name="rate", higher_is_safer=False)
    record = record_measurement(m, decide(m, AtMost(0.1)))
    assert (record.value, record.low, record.level) == (m.value, m.interval.low, 0.95)
    assert (record.limit, record.outcome, record.clusters) == ("at most 0.1", "PASS", "none")
    assert record.why == "even the unfavourable end of the interval is at most 0.1"


def test_what_is_not_there_is_a_word():
    nothing = record_measurement(proportion([], name="rate", higher_is_safer=False), None)
    assert (nothing.value, nothing.low, nothing.high, nothing.level) == ("undefined",) * 4
    assert (nothing.method, nothing.outcome, nothing.why) == ("none: no samples", "REPORTED", "no samples")
    alone = record_measurement(mean([3.0], **ABOUT), None)
    assert (alone.value, alone.low, alone.method) == (3.0, "undefined", "none: a single sample shows no spread")
    unjudged = record_measurement(proportion([1, 0], name="rate", higher_is_safer=False), None)
    assert (unjudged.why, unjudged.limit) == ("no limit was set", "none")


def test_records_survive_being_written_and_read():
    m = proportion([1, 0, 0, 0], name="rate", higher_is_safer=False, cluster=["a", "a", "b", "b"])
    check = check_record(record_measurement(m, decide(m, AtMost(0.1))))
    run = run_record(check)
    assert decode_check(encode(check), "c.json") == check
    assert decode_run(encode(run), "run.json") == run
    assert encode(run) == encode(decode_run(encode(run), "run.json"))


def test_numpy_and_what_is_no_number_become_plain_values():
    interval = Interval(low=np.float64(0.1), high=np.float64(0.3))
    details = {
        "count": np.int64(3), "flag": np.bool_(True), "curve": np.array([0.5, np.nan]), "worst": math.inf, "best": -math.inf,
        "deep": {"pair": (1, np.float32(0.5))}, 7: "key", "text": "lone \ud800",
    }  # fmt: skip
    m = Measurement(value=np.float64(0.2), interval=interval, n=np.int64(10), clusters=np.int64(2), details=details, **ABOUT)
    record = record_measurement(m, None)
    assert record.details == {
        "count": 3, "flag": True, "curve": [0.5, "undefined"], "worst": "infinite", "best": "-infinite",
        "deep": {"pair": [1, 0.5]}, "7": "key", "text": "lone \\ud800",
    }  # fmt: skip
    content = encode(check_record(record))
    assert b"null" not in content
    assert decode_check(content, "c.json").measurements[0] == record


json_values = st.recursive(
    st.floats() | st.integers(-(2**53), 2**53) | st.booleans() | st.text(st.characters(categories=None), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), json_values, max_size=4))
def test_any_details_can_be_written_and_hold_no_null(details):
    m = Measurement(value=0.2, no_interval="one sample", n=1, details=details, **ABOUT)
    record = record_measurement(m, None)
    content = encode(check_record(record))
    assert decode_check(content, "c.json").measurements[0].details == record.details
    json.loads(content, parse_constant=pytest.fail)


def broken():
    good = json.loads(encode(run_record(check_record())))
    yield b"", "not a record"
    yield b"{", "not a record"
    yield b"\xff\xfe", "not a record"
    yield b"[]", "Expected `object`, got `array`"
    yield b"[" * 100_000, "not a record"
    yield json.dumps(good | {"extra": 1}).encode(), "unknown field `extra`"
    yield json.dumps(good | {"schema": 2}).encode(), "schema 2, this version reads schema 1"
    yield json.dumps({key: value for key, value in good.items() if key != "model"}).encode(), "missing required field `model`"
    yield json.dumps(good | {"seed": "0"}).encode(), "Expected `int`, got `str`"
    yield json.dumps(good).replace('"PASS"', '"PROBABLY"').encode(), "Invalid enum value 'PROBABLY'"
    yield json.dumps(good).replace("0.95", "null").encode(), "got `null`"
    yield json.dumps(good).replace("0.95", "NaN").encode(), "malformed"


@pytest.mark.parametrize(("content", "says"), list(broken()))
def test_a_record_is_understood_or_refused(content, says):
    with pytest.raises(UsageError, match=f"^run.json .*{says}"):
        decode_run(content, "run.json")


def test_records_are_frozen():
    with pytest.raises(AttributeError):
        run_record().model = "other"
    assert msgspec.structs.replace(run_record(), model="other").model == "other"
