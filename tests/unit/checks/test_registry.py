"""Checks are found by entry point, loaded when selected, and never half-loaded in silence."""

from __future__ import annotations

import importlib.metadata
import sys
import types

import pytest

import pytest_trustml as tm
from pytest_trustml.checks.registry import GROUP, Registry


def make(id: str, role: str | tm.Role = "prompts") -> tm.Check:
    @tm.check(id=id, version=1, limit=tm.AtMost(0.1), data={"prompts": role})
    def function(trust, model, prompts):
        """A page."""

    return function


@pytest.fixture
def registry(monkeypatch):
    def build(**modules: dict[str, tm.Check]) -> Registry:
        points = []
        for name, checks in modules.items():
            module = types.ModuleType(f"family_{name}")
            vars(module).update(checks)
            monkeypatch.setitem(sys.modules, module.__name__, module)
            points.append(importlib.metadata.EntryPoint(name, module.__name__, GROUP))
        return Registry(points)

    return build


def ids(checks):
    return [check.id for check in checks]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (None, ["a_leak.one", "a_leak.two", "b_leak.one"]),
        ("a_leak", ["a_leak.one", "a_leak.two"]),
        ("leak", ["a_leak.one", "a_leak.two", "b_leak.one"]),
        ("*.one", ["a_leak.one", "b_leak.one"]),
        ("a_leak,!a_leak.two", ["a_leak.one"]),
        ("!b_leak", ["a_leak.one", "a_leak.two"]),
        ("b_leak.one, a_leak.one", ["b_leak.one", "a_leak.one"]),
    ],
)
def test_selection(registry, expression, expected):
    family = registry(a_leak={"one": make("a_leak.one"), "two": make("a_leak.two")}, b_leak={"one": make("b_leak.one")})
    assert ids(family.select(expression)) == expected


def test_a_typo_names_close_matches(registry):
    family = registry(a={"one": make("a.one")})
    with pytest.raises(tm.UsageError, match=r"Unknown check 'a.onee'. Did you mean 'a.one'"):
        family.select("a.onee")
    with pytest.raises(tm.UsageError, match="leaves no check"):
        family.select("!a")
    with pytest.raises(tm.UsageError, match="is empty"):
        family.select(" , ")
    with pytest.raises(tm.UsageError, match="Did you mean 'a.one'"):
        family.find("a.on")


def test_a_broken_family_is_an_error_only_when_selected(registry, monkeypatch):
    good = registry(good={"one": make("good.one")})
    broken = importlib.metadata.EntryPoint("broken", "no_such_module_at_all", GROUP)
    both = Registry([*good.families.values(), broken])
    assert ids(both.select("good")) == ["good.one"]
    with pytest.raises(tm.UsageError, match=r"'broken' .*no_such_module_at_all.* cannot be loaded: ModuleNotFoundError"):
        both.all()


def test_clashes_name_both_parties(registry):
    with pytest.raises(tm.UsageError, match="announced by the family 'a'"):
        registry(a={"x": make("b.one")}).all()
    with pytest.raises(tm.UsageError, match=r"Two checks are called 'a.one': .* and "):
        registry(a={"x": make("a.one"), "y": make("a.one")}).all()
    with pytest.raises(tm.UsageError, match="holds no check"):
        registry(a={}).all()
    with pytest.raises(tm.UsageError, match=r"Two packages offer .* 'a': .*\(one\) and .*\(two\)"):
        _ = Registry([importlib.metadata.EntryPoint("a", v, GROUP) for v in ("one", "two")]).families


def test_a_role_means_one_thing(registry):
    family = registry(a={"one": make("a.one"), "two": make("a.two", tm.Role(name="prompts", help="other"))})
    with pytest.raises(tm.UsageError, match="a.one and a.two describe the data role 'prompts' differently"):
        family.roles(family.all())


def test_the_shipped_families_are_announced():
    shipped = Registry()
    assert {"clip_memorization", "lora_safety"} <= set(shipped.families)
    for check in shipped.all():
        assert check.page
        assert check.reference, check.id
        assert check.min_n > 1, check.id
