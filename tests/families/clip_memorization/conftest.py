"""A release of tiny towers with planted truth, and what runs a check on it."""

from __future__ import annotations

from pathlib import Path

import pytest

import pytest_trustml as tm
from pytest_trustml.work.cache import Cache
from tests.families.bench import beside

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def towers():
    """The module of the towers, importable by the name that the specs of its models use."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with beside(HERE, "towers") as module:
        yield module
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def judge(towers, cache, tmp_path):
    """Run a check on two models and return its record: ``judge(check, "memorising", candidates=..., views=2)``."""

    def run(check, model="memorising", reference="reference", **given):
        sets = {name: tm.Dataset(given.pop(name, towers.SETS[name])) for name in towers.SETS}
        if "heldout" in given:
            sets["heldout"] = tm.Dataset(given.pop("heldout"))
        subjects = [tm.open_subject(f"py:towers:{name}", name=name, device="cpu", root=HERE) for name in (model, reference)]
        return tm.run_check(
            check, subjects[0], sets, tmp_path, companions={"reference": subjects[1]}, options={"views": 2, **given}, seed=3,
            cache=cache,
        )  # fmt: skip

    return run
