"""The numbers of a run as the ``model-index`` of a Hugging Face model card."""

from __future__ import annotations

from typing import Any

from pytest_trustml.reports.strict import strict
from pytest_trustml.reports.wording import model_name
from pytest_trustml.result.plain import line
from pytest_trustml.result.record import CheckRecord, MeasurementRecord, RunRecord


def model_index(run: RunRecord) -> bytes:
    """YAML to paste into the head of a model card. Nothing is sent anywhere.

    One result per family and set of data roles; one metric per measurement. Every metric says ``verified: false``, because
    only the hub itself verifies. Data is named by its roles and fingerprints, never by where it lies.

    Parameters
    ----------
    run : RunRecord

    Returns
    -------
    bytes
        Numbers with every digit; what has no value is the word ``undefined``.

    Examples
    --------
    >>> run = RunRecord(created="2026-01-02", command="", model="/data/v2", seed=0, level=0.95, inconclusive="fail",
    ...                 cache="use")
    >>> print(model_index(run).decode().strip())
    model-index:
    - name: v2
      results: []
    """
    import yaml

    run = strict(run)
    results: dict[tuple[Any, ...], dict[str, Any]] = {}
    for check in run.checks:
        if check.measurements:
            family = line(check.check).partition(".")[0]
            key = (family, *sorted((role, source.fingerprint) for role, source in check.data.items()))
            result = results.setdefault(key, {"task": _task(family), "dataset": _dataset(check), "metrics": []})
            result["metrics"] += [_metric(check, m) for m in check.measurements]
    index = {"model-index": [{"name": model_name(run.model), "results": list(results.values())}]}
    return yaml.safe_dump(index, sort_keys=False, allow_unicode=True, width=120).encode()


def _task(family: str) -> dict[str, str]:
    return {"type": family, "name": family.replace("_", " ")}


def _dataset(check: CheckRecord) -> dict[str, Any]:
    if not check.data:
        return {"name": "no data set", "type": "none"}
    roles = sorted(check.data)
    return {
        "name": ", ".join(line(role).replace("_", " ") for role in roles),
        "type": "+".join(line(role) for role in roles),
        "revision": "+".join(line(check.data[role].fingerprint) for role in roles),
        "args": {line(role): {"fingerprint": line(check.data[role].fingerprint), "n": check.data[role].n} for role in roles},
    }


def _metric(check: CheckRecord, m: MeasurementRecord) -> dict[str, Any]:
    return {
        "type": line(check.check),
        "name": line(m.name),
        "value": m.value,
        "verified": False,
        "args": {
            "low": m.low,
            "high": m.high,
            "level": m.level,
            "n": m.n,
            "method": line(m.method),
            "unit": line(m.unit),
            "limit": line(m.limit),
            "outcome": m.outcome,
            "version": check.version,
            "seed": check.seed,
        },
    }
