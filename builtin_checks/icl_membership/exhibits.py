"""What the report shows beside the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

import pytest_trustml as tm
from builtin_checks.icl_membership.harness import Attacked
from builtin_checks.icl_membership.score import advantage
from builtin_checks.icl_membership.trials import Trial


def show_attacks(trust: tm.Trust, measured: Mapping[str, tm.Measurement]) -> None:
    """Every attack with its numbers."""
    rows = []
    for name, one in measured.items():
        ends = ["none", "none"] if one.interval is None else [one.interval.low, one.interval.high]
        value = "undefined" if one.value is None else one.value
        known = [one.details.get(key, "none") for key in ("tpr", "fpr", "auc", "unread")]
        rows.append([name, value, *ends, *known])
    columns = ["attack", "advantage", "low", "high", "flagged inside", "flagged outside", "AUC", "unread answers"]
    trust.table(columns, rows, caption="Attacks on the prompt: targets flagged inside of it and outside of it")


def show_curves(trust: tm.Trust, found: Attacked, trials: Sequence[Trial]) -> None:
    """How many members each score finds, by how many others it accuses, on two logarithmic axes."""
    member = np.array([trial.member for trial in trials])
    curves = {}
    for name, scores in found.scores.items():
        fpr, tpr = trust.roc(scores, member).log_points()
        if len(fpr):
            curves[name] = (fpr.tolist(), tpr.tolist())
    if curves:
        caption = "Records of the prompt found, by share of other records accused"
        trust.curve(curves, "other records accused", "records of the prompt found", caption=caption, log=True)


def show_positions(trust: tm.Trust, found: Attacked, trials: Sequence[Trial]) -> None:
    """The advantage by the place of the target among the demonstrations."""
    positions = np.array([trial.position for trial in trials])
    member = positions >= 0
    of_pair = {trial.number: trial.position for trial in trials if trial.member}
    place = np.array([of_pair[trial.number] for trial in trials])
    names = sorted(set(place.tolist()))
    values = [
        [advantage(flagged[place == name], member[place == name]) for name in names] for flagged in found.flagged.values()
    ]
    trust.heatmap(
        np.array(values),
        list(found.flagged),
        [f"place {name + 1}" for name in names],
        caption="Advantage by place in the prompt",
    )


def show_defences(trust: tm.Trust, rows: Sequence[tuple[str, tm.Measurement, Mapping[str, tm.Measurement], float]]) -> None:
    """All combinations of defences, each with its strongest attack and its utility."""
    table = []
    for name, worst, measured, utility in rows:
        ends = ["none", "none"] if worst.interval is None else [worst.interval.low, worst.interval.high]
        values = ["undefined" if one.value is None else one.value for one in measured.values()]
        table.append([name, "undefined" if worst.value is None else worst.value, *ends, *values, utility])
    attacks = list(rows[0][2])
    columns = ["defences", "strongest", "low", "high", *attacks, "utility"]
    trust.table(
        columns, table, caption="Advantage of every attack under every combination of defences, and what is left of utility"
    )
