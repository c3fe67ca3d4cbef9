"""A run with every outcome, with undefined numbers, and with hostile words in every field that can hold words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.result.record import Control, RunRecord, Source
from tests.unit.reports.hostile_records import HOSTILE, check, every_evidence, measurement, run


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path)


@pytest.fixture
def hostile(store: EvidenceStore) -> RunRecord:
    """Every outcome; hostile words everywhere. Its evidence lies in ``tmp_path``."""
    bad = dict(unit=HOSTILE, method=HOSTILE, why=HOSTILE, limit=HOSTILE)
    rich = measurement(
        **bad, outcome="FAIL", details={HOSTILE: HOSTILE, "deep": {"x": [1, float("nan"), None, np.float64(2.5)]}},
        evidence=every_evidence(store, HOSTILE, sensitive=True),
    )  # fmt: skip
    undefined = measurement(
        HOSTILE,
        **bad | {"value": "undefined", "low": "undefined", "high": "undefined", "level": "undefined"},
        outcome="INCONCLUSIVE",
    )
    source = Source(spec=HOSTILE, fingerprint=HOSTILE, n=3)
    words = dict(
        nodeid=HOSTILE, summary=HOSTILE, why=HOSTILE, subject=HOSTILE, fingerprint=HOSTILE, device=HOSTILE, reproduce=HOSTILE,
        companions={HOSTILE: source}, data={HOSTILE: source}, options={HOSTILE: HOSTILE}, reference=HOSTILE,
    )  # fmt: skip
    control = Control(name=HOSTILE, ok=False, why=HOSTILE)
    open_evidence = every_evidence(store, HOSTILE, sensitive=False)
    return run(
        check("a.passes"),
        check("b.fails", **words, outcome="FAIL", measurements=(rich, undefined, measurement("extra", outcome="REPORTED"))),
        check("c.undecided", **words, outcome="INCONCLUSIVE", measurements=(undefined,)),
        check("d.invalid", **words, outcome="INVALID", controls=(control,), evidence=open_evidence),
        check("e.absent", **words, outcome="NOT_APPLICABLE", measurements=()),
        check(HOSTILE, **words, outcome="ERROR", measurements=()),
        created=HOSTILE, command=HOSTILE, model=HOSTILE, inconclusive=HOSTILE, cache=HOSTILE,
        limits={HOSTILE: HOSTILE}, versions={HOSTILE: HOSTILE},
    )  # fmt: skip
