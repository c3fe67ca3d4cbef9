"""The pytest face. This file and what it imports stay light: an installed but unused plugin costs nothing."""

from __future__ import annotations

import pytest

from pytest_trustml.plugin.fixtures import (  # noqa: F401  (fixtures are found by being here)
    trustml,
    trustml_base_model,
    trustml_check,
    trustml_data,
    trustml_judge,
    trustml_model,
    trustml_previous_model,
    trustml_reference_model,
)
from pytest_trustml.plugin.options import OPTIONS, add_options, given


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ``--trustml-*`` options."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Answer ``--trustml-list``, ``--trustml-explain``, ``--trustml-plan`` and ``--trustml-show-config`` and exit."""
    if not any(config.getoption(option.dest) for option in OPTIONS if option.action):
        return None
    from pytest_trustml.plugin.listing import answer

    return answer(config)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and wake the rest of the plugin where a model is named."""
    config.addinivalue_line(
        "markers", "trustml(**options): a test about a model; kept when no test paths are given. See pytest-trustml."
    )
    worker = getattr(config, "workerinput", None)
    # A worker of pytest-xdist does what its controller does: `Distribution` has told it that a model is judged.
    if "trustml_folder" in worker if worker is not None else any(given(config, name)[0] for name in ("model", "config")):
        from pytest_trustml.plugin.activation import activate

        activate(config)
    if worker is None and given(config, "junit-strict")[0]:
        from pytest_trustml.plugin.dialect import speak_strictly

        speak_strictly(config)
