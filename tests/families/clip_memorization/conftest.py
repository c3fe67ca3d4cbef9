"""A release of tiny towers with planted truth, and what runs a check on it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import pytest_trustml as tm
from pytest_trustml.checks.bound import BoundCheck, set_options
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def towers():
    """The module of the towers, importable by the name that the specs of its models use."""
    sys.path.insert(0, str(HERE))
    try:
        import torch
        import towers

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield towers
        torch.set_num_threads(threads)
    finally:
        sys.path.remove(str(HERE))


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
        options = set_options(check, {"views": 2, **given})
        trust = tm.Trust(name=check.id, seed=3, level=0.95, cache=cache, store=EvidenceStore(tmp_path), progress=Progress())
        subjects = [tm.open_subject(f"py:towers:{name}", name=name, device="cpu", root=HERE) for name in (model, reference)]
        bound = BoundCheck(
            check=check,
            model=subjects[0],
            companions={"reference": subjects[1]},
            data=sets,
            options=options,
            limits=check.limits,
        )  # fmt: skip
        record, _ = bound.run(trust)
        return record

    return run
