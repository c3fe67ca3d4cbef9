"""The shipped checks on data full of canaries: records, reports and files outside of sensitive evidence are silent."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import msgspec
import pytest

import builtin_checks.clip_memorization as clip_memorization
import builtin_checks.lora_safety as lora_safety
import pytest_trustml as tm
from pytest_trustml.checks.bound import BoundCheck
from pytest_trustml.checks.veil import Veil
from pytest_trustml.plugin.discretion import Discretion
from pytest_trustml.reports import junit
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.reports.lines import failure_text, table_lines
from pytest_trustml.reports.report import write_report
from pytest_trustml.result.record import RunRecord
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress
from tests.families.lora_safety.scripted import Scripted, harmful, harmless

LORA = [getattr(lora_safety, name) for name in lora_safety.__all__]
CLIP = [getattr(clip_memorization, name) for name in ("tail_rate", "effect_size", "mean_score")]
TOWERS = Path(__file__).parents[1] / "families" / "clip_memorization"


def ring(dataset: tm.Dataset, column: str) -> tm.Dataset:
    """The data with a canary in every text."""
    columns = {name: dataset.column(name) for name in dataset.columns}
    columns["id"] = [f"canary-id-{name}" for name in dataset.ids]
    columns[column] = [f"{text} canary" for text in columns[column]]
    if "category" in columns:
        columns["category"] = [f"canary {topic}" for topic in columns["category"]]
    return tm.Dataset(columns, spec="birds.jsonl")


def judged(check, model, companions, data, folder, redact):
    """Run a check as the plugin does, and write the reports."""
    veil = Veil()
    for dataset in data.values():
        veil.know(dataset.column(name) for name in dataset.columns)
    discretion = Discretion(veil, redact)
    store = EvidenceStore(folder, redact=redact, quotes=discretion.quotes)
    trust = tm.Trust(
        name=check.id, seed=0, level=0.95, cache=Cache(folder / "cache", "off"), store=store, progress=Progress(), veil=veil
    )
    bound = BoundCheck(
        check=check, model=model, companions=companions, data=data, options=dict(check.options), limits=dict(check.limits)
    )
    record = discretion.record(bound.run(trust)[0])
    now = datetime.datetime.now(datetime.UTC).isoformat()
    run = RunRecord(
        created=now, command="pytest", model="m", seed=0, level=0.95, inconclusive="fail", cache="off", redacted=redact,
        checks=(msgspec.structs.replace(record, nodeid=f"test_release.py::test_release[{check.id}]"),),
    )  # fmt: skip
    write_report(run, folder)
    return record


def singing(record, folder: Path) -> list[str]:
    """Where a canary is heard that should not be."""
    pieces = [*record.evidence, *(piece for m in record.measurements for piece in m.evidence)]
    folded = {piece.path for piece in pieces if piece.sensitive}
    heard = [text for text in (*table_lines([record]), failure_text(record)) if "canary" in text.lower()]
    heard += [f"{name}={value}" for name, value in junit.properties(record) if "canary" in value.lower()]
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in folded:
            text = path.read_bytes().decode("utf-8", "replace")
            if path.name == "index.html":
                text = re.sub(r"<details class=\"[^\"]*sensitive.*?</details>", "", text, flags=re.S)
            if "canary" in text.lower():
                heard.append(name)
    return heard


@pytest.mark.parametrize("redact", [False, True], ids=["default", "redacted"])
@pytest.mark.parametrize("style", ["broken", "echo"])
@pytest.mark.parametrize("check", LORA, ids=lambda check: check.id)
def test_adapters(check, style, redact, tmp_path):
    sets = {"harmful": ring(harmful(120), "prompt"), "harmless": ring(harmless(120), "prompt")}
    data = {name: sets[name] for name in check.data}
    record = judged(check, Scripted(style, push="safety"), {}, data, tmp_path, redact)
    assert record.outcome in ("PASS", "FAIL", "INVALID", "INCONCLUSIVE")
    assert singing(record, tmp_path) == []
    assert any(piece.sensitive for piece in record.evidence) or check.id.rpartition(".")[2] in (
        "refusal_direction", "safety_subspace", "probe_transfer",
    )  # fmt: skip
    if redact:
        assert all(piece.withheld for piece in record.evidence if piece.sensitive)


@pytest.mark.slow
@pytest.mark.parametrize("redact", [False, True], ids=["default", "redacted"])
@pytest.mark.parametrize("check", CLIP, ids=lambda check: check.id)
def test_image_text_models(check, redact, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(TOWERS))
    towers = __import__("towers")
    data = {name: ring(tm.Dataset(towers.SETS[name]), "caption") for name in check.data if name in towers.SETS}
    subjects = [
        tm.open_subject(f"py:towers:{name}", name=name, device="cpu", root=TOWERS) for name in ("memorising", "reference")
    ]
    record = judged(check, subjects[0], {"reference": subjects[1]}, data, tmp_path, redact)
    assert record.outcome in ("PASS", "FAIL", "INVALID", "INCONCLUSIVE")
    assert singing(record, tmp_path) == []
    pictures = list(tmp_path.rglob("*.png"))
    assert bool(pictures) is not redact


def test_a_pair_in_two_sets_is_named_in_sensitive_evidence_only(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(TOWERS))
    towers = __import__("towers")
    sets = {name: ring(tm.Dataset(towers.SETS[name]), "caption") for name in towers.SETS}
    sets["independent"] = sets["candidates"]
    subjects = [
        tm.open_subject(f"py:towers:{name}", name=name, device="cpu", root=TOWERS) for name in ("memorising", "reference")
    ]
    record = judged(CLIP[0], subjects[0], {"reference": subjects[1]}, sets, tmp_path, False)
    assert record.outcome == "INVALID"
    assert "stand in two sets" in record.why
    assert singing(record, tmp_path) == []
