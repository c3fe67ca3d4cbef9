"""A trust object, and the module of scripted pipelines and judges by the name that their specs use."""

from __future__ import annotations

from pathlib import Path

import pytest

import pytest_trustml as tm
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress
from tests.families.bench import beside

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def painters():
    with beside(HERE, "painters") as module:
        yield module


@pytest.fixture
def trust(tmp_path):
    return tm.Trust(
        name="image_evolution.test", seed=3, level=0.95, cache=Cache(tmp_path / "cache"),
        store=EvidenceStore(tmp_path / "report"), progress=Progress(),
    )  # fmt: skip


@pytest.fixture
def opened(painters):
    """``opened("plain")`` is the scripted pipeline of that name."""
    return lambda name: tm.open_subject(f"py:painters:{name}", device="cpu", root=HERE)
