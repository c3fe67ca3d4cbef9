"""What runs a check of the family on tiny encoders with planted truth."""

from __future__ import annotations

from pathlib import Path

import pytest

import pytest_trustml as tm
from pytest_trustml.work.cache import Cache
from tests.families.bench import beside

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def encoders():
    """The module of the encoders, importable by the name that the specs of its models use."""
    with beside(HERE, "encoders") as module:
        yield module


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def judge(encoders, cache, tmp_path):
    """Run a check and return its record: ``judge(check, "memorising", data={...}, views=1)``."""

    def run(check, model, reference=None, *, data, seed=3, **options):
        names = [model] if reference is None else [model, reference]
        subjects = [tm.open_subject(f"py:encoders:{name}", name=name, device="cpu", root=HERE) for name in names]
        sets = {name: tm.Dataset(columns) for name, columns in data.items()}
        companions = dict(zip(check.companions, subjects[1:], strict=True))
        return tm.run_check(check, subjects[0], sets, tmp_path, companions=companions, options=options, seed=seed, cache=cache)

    return run
