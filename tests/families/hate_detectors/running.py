"""Runs a check of the family on a subject and data, as a release would."""

from __future__ import annotations

import pytest_trustml as tm
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.result.record import encode
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress


def make_trust(check, folder, seed=0):
    return tm.Trust(
        name=check.id,
        seed=seed,
        level=0.95,
        cache=Cache(folder / "cache"),
        store=EvidenceStore(folder / "report"),
        progress=Progress(),
    )


def run(check, model, folder, data, seed=0, **options):
    cache = Cache(folder / "cache")
    record = tm.run_check(check, model, data, folder / "report", options=options, seed=seed, cache=cache)
    assert encode(record), "everything in it is plain"
    return record


def value(record, name):
    return next(m for m in record.measurements if m.name == name)
