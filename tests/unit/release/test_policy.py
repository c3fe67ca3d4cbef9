"""The [gate] table: what may stand in it, and what every mistake is answered with."""

from __future__ import annotations

import datetime
import tomllib

import pytest

from pytest_trustml.errors import UsageError
from pytest_trustml.release.policy import read_policy
from pytest_trustml.result.policy import Policy, Waiver, covers, of_measurement
from pytest_trustml.result.verdict import AtMost

WHOLE = """
required = ["lora_safety", "tests/test_trust.py::*"]
limits = { "lora_safety.harmful_rate_increase" = { at_most = 0.01 } }
waivers = [{ check = "a.b", owner = "ann", reason = "known", expires = 2027-01-31 }]
level = 0.99
family_error = 0.01
forbid = ["cache"]
forbid_loosening = true
regression = "unshown"
margins = { "a.b" = 0.03, "a.b:c" = 0 }
"""


LIMITS = {"lora_safety.harmful_rate_increase": AtMost(0.02), "x.y": AtMost(1)}


def read(text: str) -> Policy:
    return read_policy(tomllib.loads(text), "trustml.toml", LIMITS)


def test_every_rule_is_read():
    policy = read(WHOLE)
    assert policy == Policy(
        required=("lora_safety", "tests/test_trust.py::*"),
        limits={"lora_safety.harmful_rate_increase": AtMost(0.01), "x.y": AtMost(1)},
        waivers=(Waiver(check="a.b", owner="ann", reason="known", expires=datetime.date(2027, 1, 31)),),
        level=0.99,
        family_error=0.01,
        forbid=("cache",),
        forbid_loosening=True,
        regression="unshown",
        margins={"a.b": 0.03, "a.b:c": 0.0},
    )
    assert policy.requires("lora_safety.anything")
    assert policy.requires("tests/test_trust.py::test_it[x]")
    assert not policy.requires("other.check")


def test_no_table_is_the_default():
    assert read("") == Policy(limits={"lora_safety.harmful_rate_increase": AtMost(0.02), "x.y": AtMost(1)})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("requird = []", "Unknown key 'gate.requird'. Did you mean 'gate.required'"),
        ("required = 'x'", "gate.required is 'x'. Write a list of checks"),
        ("required = [1]", "gate.required is"),
        ("limits = 3", "gate.limits is 3. Write a table"),
        ("limits = { 'a.b' = 3 }", "gate.limits.a.b is 3"),
        ("waivers = 'x'", "gate.waivers is 'x'. Write a list"),
        ("waivers = [{ check = 'x' }]", "needs exactly check, reason, owner, expires"),
        ("waivers = [{ check = 'x', owner = 'o', reason = '', expires = 2027-01-31 }]", "needs exactly"),
        ("waivers = [{ check = 'x', owner = 'o', reason = 'r', expires = '2027-01-31' }]", "a date without quotes"),
        ("waivers = [{ check = 'x', owner = 'o', reason = 'r', expires = 2027-01-31T00:00:00 }]", "a date without quotes"),
        ("level = 1", "gate.level is 1. Write a number between 0.5 and 1"),
        ("level = true", "gate.level is True"),
        ("family_error = 0", "gate.family_error is 0"),
        ("forbid = ['cash']", "Unknown word 'cash'. Did you mean 'cache'"),
        ("forbid_loosening = 1", "gate.forbid_loosening is 1. Write true or false"),
        ("regression = 'better'", 'gate.regression is \'better\'. Write "worse" or "unshown"'),
        ("margins = { 'a.b' = -1 }", "gate.margins.a.b is -1. A margin is a number from 0"),
        ("margins = { 'a.b' = nan }", "gate.margins.a.b is nan"),
    ],
)
def test_mistakes_are_named(text, message):
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        read(text)


def test_a_waiver_holds_through_its_last_day():
    waiver = Waiver(check="a.b", owner="o", reason="r", expires=datetime.date(2027, 1, 31))
    assert waiver.holds(datetime.date(2027, 1, 31))
    assert not waiver.holds(datetime.date(2027, 2, 1))


@pytest.mark.parametrize(
    ("pattern", "check", "expected"),
    [
        ("a", "a.b", True), ("a", "ab.c", False), ("a.*", "a.b", True), ("*", "a.b", True), ("*.b", "a.b", True),
        ("tests/t.py::*", "tests/t.py::test_x", True), ("tests/t.py::test_x[1]", "tests/t.py::test_x[1]", True),
        ("a.b", "a.bc", False),
    ],
)  # fmt: skip
def test_patterns(pattern, check, expected):
    assert covers(pattern, check) is expected


def test_an_entry_for_the_check_means_its_headline():
    table = {"a.b": 1, "a.b:second": 2}
    assert of_measurement(table, "a.b", "first", headline=True) == 1
    assert of_measurement(table, "a.b", "second", headline=False) == 2
    assert of_measurement(table, "a.b", "third", headline=False) is None
