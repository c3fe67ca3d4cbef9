"""The classifiers' releases, trained and audited for real: the real one passes, the synthetic one fails."""

from __future__ import annotations

import pytest

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts import classifier, demo
from pytest_trustml.checks.bound import BoundCheck
from pytest_trustml.release.demos import Workshop
from pytest_trustml.release.manifest import read_manifest
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.folders import cache_root
from pytest_trustml.work.progress import Progress

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def judged(name, seed, home):
    """What the check says of a release. The cache is the command line's, so that references are trained once."""
    build = getattr(demo, f"classifier_{name}")
    folder = Workshop(cache_root() / "demos", seed, Progress()).build(f"demo-classifier-{name}", build)
    manifest = read_manifest(folder / "trustml.toml")
    model = tm.open_subject(str(folder / manifest.models["model"]), device="cpu", dtype="float32")
    data = {
        parameter: tm.open_data(str(folder / manifest.data[role.name]), role=role)
        for parameter, role in classifier.data.items()
        if role.name in manifest.data
    }
    options = {**classifier.options, **manifest.options[classifier.id]}
    bound = BoundCheck(check=classifier, model=model, companions={}, data=data, options=options, limits=dict(classifier.limits))
    with Cache(home / "cache") as cache:
        store = EvidenceStore(home / name)
        trust = tm.Trust(name=classifier.id, seed=0, level=0.95, cache=cache, store=store, progress=Progress())
        record, _ = bound.run(trust)
    model.close()
    return record


@pytest.mark.parametrize("seed", [0])
def test_the_real_release_passes_and_the_synthetic_one_fails(seed, tmp_path):
    for name, outcome in (("real", "PASS"), ("synthetic", "FAIL")):
        record = judged(name, seed, tmp_path)
        found = {one.name: one for one in record.measurements}
        headline = found["evidence_against_declaration"]
        print(f"\nseed {seed}, {name}: {record.outcome}; {record.why}; {headline.details}")
        assert record.outcome == outcome, (record.why, record.controls)
        assert found["auditor_accuracy"].low > 0.8, "the references are far apart"
