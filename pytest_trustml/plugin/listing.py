"""Answers to questions before a run: which checks there are, what one of them means, which settings are in force."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from pytest_trustml.checks.check import Check
from pytest_trustml.checks.registry import Registry
from pytest_trustml.errors import TrustmlError
from pytest_trustml.plugin.options import DEFAULTS, OPTIONS, given
from pytest_trustml.release.demos import demo_names
from pytest_trustml.result.plain import plain


def answer(config: pytest.Config) -> int:
    """Print what was asked for; exit code 0."""
    try:
        if config.getoption("trustml_list"):
            lines = listing(Registry(), given(config, "checks")[0])
        elif config.getoption("trustml_explain"):
            lines = page(Registry().find(config.getoption("trustml_explain")))
        elif config.getoption("trustml_plan"):
            lines = planned(config)
        else:
            lines = settings(config)
        text = "\n".join(lines)
    except TrustmlError as problem:
        raise pytest.UsageError(plain(str(problem))) from None
    sys.stdout.write(text + "\n")
    return 0


def planned(config: pytest.Config) -> list[str]:
    """The plan of the run that the same command would start without ``--trustml-plan``."""
    from pytest_trustml.plugin.activation import progress
    from pytest_trustml.plugin.plan import plan
    from pytest_trustml.plugin.session import Session

    session = Session(config, progress(config))
    try:
        return list(plan(session))
    finally:
        session.close()


def listing(registry: Registry, expression: str | None) -> Iterator[str]:
    """Families, checks, needs, data roles, limits, cost, demos."""
    family = None
    for check in registry.select(expression):
        if check.family != family:
            family = check.family
            module = sys.modules[registry.families[family].value]
            yield f"{family}: {(module.__doc__ or '').strip().splitlines()[0]}"
        yield f"  {check.id}"
        yield f"      {check.summary}"
        yield f"      {_needs(check)}; limit {_limits(check)}; n >= {check.min_n}; cost: {check.cost}"
        if check.data:
            yield f"      data: {', '.join(_role(check, name) for name in check.data)}"
    yield f"demo releases: {', '.join('demo:' + name for name in demo_names())}"


def page(check: Check) -> Iterator[str]:
    """The documentation page of a check."""
    yield f"{check.id} (version {check.version})"
    yield ""
    yield check.page
    yield ""
    yield f"Needs: {_needs(check)}"
    for name, role in check.data.items():
        yield f"Data: {_role(check, name)}{': ' + role.help if role.help else ''}"
        for column, meaning in role.columns.items():
            also = f" (also found as {', '.join(role.aliases[column])})" if role.aliases.get(column) else ""
            yield f"    column {column}: {meaning}{also}"
    for name, limit in check.limits.items():
        yield f"Limit: {name} {limit}"
    for name, default in check.options.items():
        yield f"Option: {name} = {default!r}, set with --trustml-option {check.id}:{name}=VALUE"
    yield f"Smallest n: {check.min_n}"
    yield f"Cost: {check.cost}"
    if check.reference:
        yield f"Reference: {check.reference}"


def settings(config: pytest.Config) -> Iterator[str]:
    """Every setting, its value and where it comes from."""
    for option in OPTIONS:
        if option.action:
            continue
        value, origin = given(config, option.name)
        shown = value if value not in (None, []) else DEFAULTS.get(option.name, "not set")
        if option.flag:
            shown = "on" if shown else "off"
        yield f"--trustml-{option.name} = {shown} ({origin})"


def _needs(check: Check) -> str:
    words = [f"a model with .{need.replace('|', ' or .')}" for need in check.needs] or ["any model"]
    for name, companion in check.companions.items():
        words.append(f"{'optionally ' if name in check.optional else ''}--trustml-{companion.replace('_', '-')}")
    return ", ".join(words)


def _role(check: Check, name: str) -> str:
    role = check.data[name]
    note = "has a default" if role.default else "optional" if name in check.optional else "must be supplied"
    return f"{role.name} ({note})"


def _limits(check: Check) -> str:
    return ", ".join(f"{name} {limit}" for name, limit in check.limits.items())
