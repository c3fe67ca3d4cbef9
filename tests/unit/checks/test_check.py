"""Decoration validates everything: what can be wrong with a check is said before it ever runs."""

from __future__ import annotations

import pytest

import pytest_trustml as tm
from pytest_trustml.checks.bound import missing, set_limits, set_options
from pytest_trustml.checks.check import check

VALID = {"id": "acme.rate", "version": 1, "limit": tm.AtMost(0.1)}


def decorated(function=None, **changes):
    def rate(trust, model, prompts=None, *, words=3, strict=False, share=0.5, judge="phrases"):
        """How often it happens.

        More words.
        """

    if function is None:
        changes.setdefault("data", {"prompts": "prompts"})
    return check(**(VALID | changes))(function or rate)


def test_a_check_is_still_the_function():
    made = decorated()
    assert made(None, None) is None
    assert (made.id, made.family, made.headline, made.summary) == ("acme.rate", "acme", "rate", "How often it happens.")
    assert made.optional == {"prompts"}
    assert made.options == {"words": 3, "strict": False, "share": 0.5, "judge": "phrases"}
    assert made.data["prompts"].name == "prompts"
    assert "test_check.py:" in made.origin


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "rate"}, "family.measure"),
        ({"id": "Acme.rate"}, "family.measure"),
        ({"version": 0}, "whole number from 1"),
        ({"cost": "second"}, "Did you mean 'seconds'"),
        ({"companions": {"ref": "refrence_model"}}, "Did you mean 'reference_model'"),
        ({"needs": [int]}, "Unknown capability 'int'"),
        ({"limit": 0.1}, "Use AtMost, AtLeast or Within"),
        ({"limit": {}}, "has no limit"),
        ({"shares": {"rat": "prompts"}}, "'rat' of 'prompts' cannot be planned"),
        ({"changes": {"rate": "words"}}, "'rate' of 'words' cannot be planned"),
        ({"data": {"prompts": "prompts", "other": "x"}}, "declares other but takes no such parameter"),
        ({"data": {}}, "takes 'prompts', which is neither in data= nor in companions="),
    ],
)
def test_a_mistake_in_the_declaration_is_named(changes, message):
    with pytest.raises(tm.UsageError, match=message):
        decorated(**changes)


def test_a_mistake_in_the_signature_is_named():
    def no_docstring(trust, model):
        pass

    def wrong_order(model, trust):
        """Page."""

    def no_default(trust, model, *, size):
        """Page."""

    def wrong_default(trust, model, prompts="x"):
        """Page."""

    for function, message in [(no_docstring, "no docstring"), (wrong_order, "first two"), (no_default, "needs a default")]:
        with pytest.raises(tm.UsageError, match=message):
            decorated(function)
    with pytest.raises(tm.UsageError, match="only have the default None"):
        decorated(wrong_default, data={"prompts": "prompts"})


def test_options_take_the_type_of_their_default():
    made = decorated()
    assert set_options(made, {"words": "7", "strict": "true", "share": 1, "judge": "x"}) == {
        "words": 7, "strict": True, "share": 1.0, "judge": "x",
    }  # fmt: skip
    with pytest.raises(tm.UsageError, match="Did you mean 'words'"):
        set_options(made, {"wrods": 1})
    for name, value, kind in [("words", "many", "whole number"), ("words", 1.5, "whole"), ("strict", "perhaps", "true or"),
                              ("share", "half", "a number"), ("judge", 3, "a word"), ("words", True, "whole")]:  # fmt: skip
        with pytest.raises(tm.UsageError, match=kind):
            set_options(made, {name: value})


def test_limits_may_be_tightened_but_not_turned_round():
    made = decorated()
    assert set_limits(made, {"": tm.AtMost(0.01)}) == {"rate": tm.AtMost(0.01)}
    assert set_limits(made, {"rate": tm.Within(-1, 0.1)}) == {"rate": tm.Within(-1, 0.1)}
    with pytest.raises(tm.UsageError, match=r"lower values of it are safer. Write at_most"):
        set_limits(made, {"": tm.AtLeast(0.01)})


def test_either_of_two_capabilities_is_enough():
    @tm.check(id="acme.either", version=1, limit=tm.AtMost(0.5), needs=[tm.TextModel | tm.Classifier])
    def either(trust, model):
        """Anything that speaks or sorts."""

    assert either.needs == ("text|classifier",)

    class Offers:
        def __init__(self, *kinds):
            self.kinds = kinds

        def why_not(self, kind):
            return None if kind in self.kinds else f"it is no {kind}"

    assert missing(either, Offers("text"), {}, {}) is None
    assert missing(either, Offers("classifier"), {}, {}) is None
    assert missing(either, Offers("pairs"), {}, {}) == "it is no text; it is no classifier"
    with pytest.raises(tm.UsageError, match="capability"):
        tm.check(id="acme.x", version=1, limit=tm.AtMost(0.5), needs=[tm.TextModel | int])(either.run)
