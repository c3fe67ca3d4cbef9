"""The JUnit file in the dialect of strict readers, who know no properties below a test case."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pytest_trustml.plugin.options import given
from pytest_trustml.result.plain import line

_ORDER = ("skipped", "error", "failure", "system-out", "system-err")
_OURS = "trustml."
_LONGEST = 10_000


def speak_strictly(config: pytest.Config) -> None:
    """Have the JUnit file of this run rewritten when pytest has written it.

    Raises
    ------
    pytest.UsageError
        If the command line asks for it and for no JUnit file. The ini setting alone may stand there for other runs.
    """
    if config.getoption("help", False) or config.getoption("collectonly", False):
        return
    path = junit_path(config)
    if path is not None:
        config.pluginmanager.register(StrictFile(path), "trustml-junit-strict")
    elif given(config, "junit-strict")[1] == "command line":
        raise pytest.UsageError("--trustml-junit-strict has no file to write. Name it: --junitxml=trust.xml.")


def junit_path(config: pytest.Config) -> Path | None:
    """The JUnit file that pytest will write, read from the option as pytest reads it."""
    path = config.getoption("xmlpath", None)
    return Path(os.path.abspath(os.path.expanduser(os.path.expandvars(path)))) if path else None


class StrictFile:
    """Rewrites the JUnit file in place, whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """After pytest's own writing; in the controlling process only, because workers do not register this."""
        from pytest_trustml.reports.storage import write

        if self.path.is_file():
            write(self.path, strict_file(self.path))


def strict_file(path: Path) -> bytes:
    """The content of a JUnit file with the properties of every test case as lines ``name=value`` of its ``system-out``.

    Children of a test case come in the order of the schema of Jenkins, skipped, error, failure, system-out, system-err, and
    the last two at most once. A line that a test printed and that looks like one of our properties gets a bar in front, so
    that no test can speak for its verdict.
    """
    from junitparser import JUnitXml, Properties, SystemErr, SystemOut

    xml = JUnitXml.fromfile(str(path))
    for suite in xml:
        for case in suite:
            told = [(str(p.name), str(p.value)) for found in case.iterchildren(Properties) for p in found]
            printed = [_barred(text) for found in case.iterchildren(SystemOut) for text in (found.text or "").splitlines()]
            lines = [*printed, *(f"{line(name, _LONGEST)}={line(value, _LONGEST)}" for name, value in told)]
            errors = "\n".join(found.text or "" for found in case.iterchildren(SystemErr))
            for kind in (Properties, SystemOut, SystemErr):
                for found in list(case.iterchildren(kind)):
                    case._elem.remove(found._elem)
            if lines:
                case.system_out = "\n".join(lines)
            if errors:
                case.system_err = errors
            case._elem[:] = sorted(case._elem, key=_place)
    return b'<?xml version="1.0" encoding="utf-8"?>' + _without_head(xml.tostring())


def _barred(text: str) -> str:
    return f"| {text}" if text.lstrip().startswith(_OURS) else text


def _place(element: Any) -> int:
    return _ORDER.index(element.tag) if element.tag in _ORDER else len(_ORDER)


def _without_head(content: bytes) -> bytes:
    return content.partition(b"?>")[2].lstrip() if content.startswith(b"<?xml") else content
