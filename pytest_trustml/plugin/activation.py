"""Waking the plugin: a model was named, so there is something to judge."""

from __future__ import annotations

import sys
from contextlib import nullcontext

import pytest

from pytest_trustml.errors import TrustmlError
from pytest_trustml.plugin.distribution import Distribution, pin_worker
from pytest_trustml.plugin.recording import Recorder
from pytest_trustml.plugin.session import SESSION, Session
from pytest_trustml.plugin.suite import Suite
from pytest_trustml.plugin.terminal import Summary
from pytest_trustml.result.plain import plain
from pytest_trustml.work.progress import Progress, TerminalProgress


def activate(config: pytest.Config) -> None:
    """Open what was named and register the hooks that judge it. Mistakes end here, before anything runs."""
    if config.getoption("help", False):
        return
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        pin_worker(worker)
    try:
        session = Session(config, progress(config))
    except TrustmlError as problem:
        raise pytest.UsageError(plain(str(problem))) from None
    config.stash[SESSION] = session
    config.add_cleanup(session.close)
    manager = config.pluginmanager
    manager.register(Suite(session), "trustml-suite")
    manager.register(Recorder(session), "trustml-recorder")
    if worker is None:
        manager.register(Summary(session), "trustml-summary")
        if manager.hasplugin("xdist"):
            manager.register(Distribution(session), "trustml-distribution")


def progress(config: pytest.Config) -> Progress:
    """Progress on the real terminal, past pytest's capture; silent in workers and with -q."""
    if hasattr(config, "workerinput") or config.getoption("quiet", 0) > 0 or config.getoption("verbose", 0) < 0:
        return Progress()
    capture = config.pluginmanager.getplugin("capturemanager")

    def write(text: str) -> None:
        reporter = config.pluginmanager.getplugin("terminalreporter")
        with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
            if reporter is not None:
                reporter.ensure_newline()  # never over pytest's own line of dots
            sys.stderr.write(text)
            sys.stderr.flush()

    return TerminalProgress(write, tty=sys.stderr.isatty())
