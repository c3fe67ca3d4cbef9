"""Records for these tests, and words that attack every report."""

from __future__ import annotations

import numpy as np

from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.result.evidence import Evidence
from pytest_trustml.result.record import CheckRecord, MeasurementRecord, RunRecord

HOSTILE = (
    "::error::owned \x00\x07\x1b[31mred\x1b[0m \ud800 ]]> <script>alert(1)</script> <img src=http://evil.example/x onerror=a> "
    "| `tick` ``` [link](http://evil.example) ![i](http://evil.example/i.png) @team #1 www.evil.example "
    "\u202egnp $x^{ \r\n## head ##[error]x {{ 7*7 }} {% raw %} &lt; \" ' </style></title></textarea><!-- \ufffe 中文"
)


def measurement(name: str = "rate", **changes: object) -> MeasurementRecord:
    fields: dict = dict(
        name=name, value=0.0123456789, low=0.001, high=0.0287654321, level=0.95, method="clopper-pearson", n=300,
        clusters="none", unit="share", higher_is_safer=False, limit="at most 0.05", outcome="PASS", why="fine",
    )  # fmt: skip
    return MeasurementRecord(**(fields | changes))


def check(id: str = "acme.rate", **changes: object) -> CheckRecord:
    fields: dict = dict(
        nodeid=f"test_release.py::test_release[{id}]", check=id, version=1, summary="How often does it happen?", outcome="PASS",
        why="fine", subject="./release", fingerprint="0123456789abcdef", seed=7, level=0.95, device="cpu",
        measurements=(measurement(),), reproduce=f"pytest 'test_release.py::test_release[{id}]' --trustml-model=./release",
    )  # fmt: skip
    return CheckRecord(**(fields | changes))


def run(*checks: CheckRecord, **changes: object) -> RunRecord:
    fields: dict = dict(
        created="2026-01-02 03:04 UTC", command="pytest --trustml-model=./release", model="./release", seed=7, level=0.95,
        inconclusive="fail", cache="use", versions={"pytest-trustml": "0.1"}, checks=checks,
    )  # fmt: skip
    return RunRecord(**(fields | changes))


def every_evidence(store: EvidenceStore, words: str, sensitive: bool) -> tuple[Evidence, ...]:
    picture = np.linspace(0, 1, 48).reshape(4, 4, 3)
    x = np.array([0.0, 1e-4, 1e-2, 1.0, np.nan])
    more = dict(caption=words, sensitive=sensitive)
    return (
        store.table([words, "n"], [[words, 3], ["x", float("nan")], [True, 0.25]], **more),
        store.text(words, **more),
        store.image(picture, **more),
        store.gallery([(picture, words), (picture[::-1], "second")], **more),
        store.curve({words: (x, x), "_two": (x, x**2)}, words, words, log="xy", **more),
        store.heatmap([[1.0, -2.0, np.nan], [3.0, 4.0, 5.0]], [words, "b"], [words, "$y$", "z"], words, **more),
    )
