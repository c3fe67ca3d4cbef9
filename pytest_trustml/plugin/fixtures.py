"""What tests ask for by name: the judge, the model, its companions, the data, and (in the shipped suite) the check."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_trustml.checks.trust import Trust
    from pytest_trustml.data.dataset import Dataset
    from pytest_trustml.plugin.session import Session
    from pytest_trustml.subjects.subject import Subject

NEEDS_MODEL = "no model to judge: run pytest with --trustml-model=SPEC"


@pytest.fixture
def trustml(request: pytest.FixtureRequest) -> Trust:
    """Observes, measures, shows and requires: the object that a test about a model works with."""
    from pytest_trustml.plugin.own_tests import TRUST

    trust = _session(request).trust(request.node.nodeid)
    request.node.stash[TRUST] = trust
    return trust


@pytest.fixture(scope="session")
def trustml_model(request: pytest.FixtureRequest) -> Subject:
    """The model of --trustml-model. Its weights are loaded when they are first needed."""
    return _session(request).model


@pytest.fixture(scope="session")
def trustml_base_model(request: pytest.FixtureRequest) -> Subject:
    """The model of --trustml-base-model."""
    return _companion(request, "base_model")


@pytest.fixture(scope="session")
def trustml_reference_model(request: pytest.FixtureRequest) -> Subject:
    """The model of --trustml-reference-model."""
    return _companion(request, "reference_model")


@pytest.fixture(scope="session")
def trustml_previous_model(request: pytest.FixtureRequest) -> Subject:
    """The model of --trustml-previous-model."""
    return _companion(request, "previous_model")


@pytest.fixture(scope="session")
def trustml_data(request: pytest.FixtureRequest) -> Callable[[str], Dataset]:
    """Data sets by role or by path: ``trustml_data("harmful_prompts")``."""
    return _session(request).data


@pytest.fixture
def trustml_check() -> None:
    """A check of the shipped suite. Where a model is named, the suite puts its own fixture in place of this one."""
    pytest.skip(NEEDS_MODEL)


@pytest.fixture
def trustml_judge() -> None:
    """Runs a check of the shipped suite; put in place like ``trustml_check``."""
    pytest.skip(NEEDS_MODEL)


def _session(request: pytest.FixtureRequest) -> Session:
    from pytest_trustml.plugin.session import SESSION

    session = request.config.stash.get(SESSION, None)
    if session is None:
        pytest.skip(NEEDS_MODEL)
    return session


def _companion(request: pytest.FixtureRequest, name: str) -> Subject:
    companions = _session(request).companions
    if name not in companions:
        pytest.skip(f"no {name.replace('_', ' ')}: supply --trustml-{name.replace('_', '-')}=SPEC")
    return companions[name]
