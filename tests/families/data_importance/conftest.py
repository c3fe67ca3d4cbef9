"""What runs a check of the family on a planted model."""

from __future__ import annotations

from pathlib import Path

import pytest

import pytest_trustml as tm
from pytest_trustml.work.cache import Cache
from tests.families.bench import beside

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def releases():
    """The module of the planted models, importable by the name that their specs use."""
    with beside(HERE, "releases") as module:
        yield module


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def judge(releases, cache, tmp_path):
    """Run a check on a model and return its record: ``judge(check, "exposed", members=..., fpr=0.05)``."""

    def run(check, model="exposed", reference=None, **given):
        sets = {name: tm.Dataset(records) for name, records in releases.SETS.items()}
        for name in tuple(given):
            if name in check.data:
                records = given.pop(name)
                sets[name] = tm.Dataset(records) if isinstance(records, dict) else records
        sets = {name: data for name, data in sets.items() if data is not None}
        opened = {
            name: one
            if isinstance(one, tm.Subject)
            else tm.open_subject(f"py:releases:{one}", name=name, device="cpu", root=HERE)
            for name, one in (("model", model), ("reference", reference))
            if one is not None
        }
        model = opened.pop("model")
        return tm.run_check(check, model, sets, tmp_path, companions=opened, options=given, seed=3, cache=cache)

    return run
