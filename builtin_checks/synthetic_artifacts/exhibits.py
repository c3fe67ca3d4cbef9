"""What the report shows of an audited classifier: where it lies, how both sides are distributed, and other scores."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts.verdict import Audit


def show_places(trust: tm.Trust, audit: Audit, shares: np.ndarray, score: str) -> None:
    """Every reference and the subject by score, most synthetic first."""
    synthetic = np.asarray(shares) > 0
    ordered_shares = np.concatenate([shares[~synthetic], shares[synthetic]])
    rows = [["this model", "unknown", "unknown", audit.subject, "is asked"]]
    for place, (value, told) in enumerate(zip(audit.real + audit.synthetic, audit.told, strict=True)):
        origin = "real" if place < len(audit.real) else "synthetic"
        rows.append([f"reference {place + 1}", origin, float(ordered_shares[place]), value, "yes" if told else "no"])
    rows.sort(key=lambda row: -audit.towards * row[3])
    columns = ["model", "training data", "synthetic share", score, "told by the others"]
    trust.table(columns, rows, caption="All models, those most like synthetic training data first")


def show_distributions(trust: tm.Trust, audit: Audit, score: str) -> None:
    """How many references of each side score up to a value."""
    curves = {}
    for name, own in (("real references", audit.real), ("synthetic references", audit.synthetic)):
        values = sorted(own)
        curves[name] = (values, [(place + 1) / len(values) for place in range(len(values))])
    curves["this model"] = ([audit.subject, audit.subject], [0.0, 1.0])
    trust.curve(curves, score, "share of models up to this", caption=f"{score} of the references and of this model")


def show_scores(trust: tm.Trust, audits: Mapping[str, Audit], decides: str) -> None:
    """Each score as an audit of its own."""
    rows = [
        [
            f"{name} (decides)" if name == decides else name, own.subject, float(np.mean(own.real)),
            float(np.mean(own.synthetic)), own.p_real, own.p_synthetic, own.origin, float(np.mean(own.told)),
        ]
        for name, own in audits.items()
    ]  # fmt: skip
    columns = [
        "score", "this model", "mean, real", "mean, synthetic", "p if real", "p if synthetic", "looks", "references told",
    ]  # fmt: skip
    trust.table(columns, rows, caption="Each score as an audit of its own; only the one named beforehand decides")
