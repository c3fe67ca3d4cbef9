"""What runs a check of the family on planted pictures and embeddings."""

from __future__ import annotations

from pathlib import Path

import pytest

import pytest_trustml as tm
from pytest_trustml.work.cache import Cache
from tests.families.bench import beside

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def extractors():
    """The module of the extractors, importable by the name that the specs of its models use."""
    with beside(HERE, "extractors") as module:
        yield module


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def judge(extractors, cache, tmp_path):
    """Run a check and return its record: ``judge(check, sets, "looking", second="other", far=0.01)``."""

    def run(check, sets, model="refusing", *, second=None, seed=3, **options):
        subjects = {
            name: model if isinstance(model, tm.Subject) else tm.open_subject(f"py:extractors:{model}", device="cpu", root=HERE)
            for name, model in (("model", model), ("second", second))
            if model is not None
        }
        data = {name: own if isinstance(own, tm.Dataset) else tm.Dataset(own) for name, own in sets.items()}
        model = subjects.pop("model")
        return tm.run_check(check, model, data, tmp_path, companions=subjects, options=options, seed=seed, cache=cache)

    return run
