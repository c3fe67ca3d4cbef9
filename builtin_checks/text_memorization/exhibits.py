"""What the report shows beside the numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

import pytest_trustml as tm
from builtin_checks.text_memorization.recitals import Recitals
from builtin_checks.text_memorization.score import queries_needed

_SHOWN = 30
_LETTERS = 300


def show_duplicates(trust: tm.Trust, data: tm.Dataset, events: np.ndarray, what: str) -> None:
    """The share by how often a text stood in the training data: repeated texts are recited first."""
    if "duplicates" not in data.columns:
        return
    counts = np.array([read_count(value, data.spec) for value in data.column("duplicates")])
    rows, line, low, high = [], ([], []), ([], []), ([], [])
    for count in sorted(set(counts.tolist())):
        found = trust.proportion(events[counts == count], name="share", higher_is_safer=False)
        rows.append([count, found.n, int(events[counts == count].sum()), found.value, found.interval.low, found.interval.high])
        for curve, value in zip((line, low, high), (found.value, found.interval.low, found.interval.high), strict=True):
            curve[0].append(count)
            curve[1].append(value)
    trust.table(["duplicates", "texts", what, "share", "low", "high"], rows, caption=f"Texts {what}, by duplicates in training")
    if len(rows) > 1:
        curves = {"share": line, "low end": low, "high end": high}
        trust.curve(curves, "duplicates in training", "share", caption=f"Share of texts {what}", log="x")


def read_count(value: object, spec: str) -> int:
    """A number of duplicates, from 1."""
    try:
        count = int(str(value))
    except ValueError:
        count = 0
    if count < 1:
        raise tm.DataError(f"The column duplicates of {spec} holds {value!r}. It counts how often a text stood there, from 1.")
    return count


def show_recited(trust: tm.Trust, own: Recitals, near: np.ndarray, prefix: int) -> None:
    """The texts that came back, nearest first."""
    order = [place for place in np.argsort(own.distance, kind="stable") if near[place]][:_SHOWN]
    if not order:
        return
    columns = [name for name in ("duplicates",) if name in own.data.columns]
    rows = [
        [own.data.ids[place], float(own.distance[place]), *(str(own.data.column(name)[place]) for name in columns),
         own.said[place][:_LETTERS]]
        for place in order
    ]  # fmt: skip
    caption = f"Training texts that come back behind their first {prefix} {own.unit}: what the model says"
    trust.table(["id", "edit distance", *columns, "the model says"], rows, caption=caption, sensitive=True)


def show_queries(trust: tm.Trust, own: Recitals, control: Recitals, probability: float) -> None:
    """Which share of texts comes out as the number of answers grows."""
    grid = np.unique(np.round(np.geomspace(1, 1e6, 61)))
    curves = {}
    for name, one in (("training texts", own), ("texts never seen", control)):
        needed = queries_needed(one.drawn, probability)
        share = [float((needed <= most).mean()) for most in grid]
        curves[name] = (grid.tolist(), share)
    caption = f"Share of texts that come out with probability {probability:g}"
    trust.curve(curves, "answers drawn", "share of texts", caption=caption, log="x")


def show_attacks(
    trust: tm.Trust, areas: Mapping[str, tm.Measurement], hits: Mapping[str, tm.Measurement], scores: Mapping[str, np.ndarray],
    labels: np.ndarray,
) -> None:  # fmt: skip
    """Every attack with its numbers, and their curves on two logarithmic axes."""
    rows = []
    for name, area in areas.items():
        ends = ["none", "none"] if area.interval is None else [area.interval.low, area.interval.high]
        caught = hits[name].undefined if hits[name].value is None else hits[name].value
        rows.append([name, "undefined" if area.value is None else area.value, *ends, caught])
    trust.table(["attack", "AUC", "low", "high", "found at that FPR"], rows, caption="Membership attacks on the same texts")
    if not labels.any() or labels.all():
        return
    curves = {}
    for name, values in scores.items():
        fpr, tpr = trust.roc(values, labels).log_points()
        if len(fpr):
            curves[name] = (fpr.tolist(), tpr.tolist())
    if curves:
        caption = "Training texts found, by share of other texts accused"
        trust.curve(curves, "other texts accused", "training texts found", caption=caption, log=True)


def show_exposure(trust: tm.Trust, planted: tm.Dataset, bits: np.ndarray, others: np.ndarray) -> None:
    """The most exposed canaries; the text itself is sensitive."""
    columns = [name for name in ("repeats",) if name in planted.columns]
    order = np.argsort(-bits, kind="stable")[:_SHOWN]
    rows = [
        [planted.ids[place], float(bits[place]), *(str(planted.column(name)[place]) for name in columns),
         planted.column("text")[place][:_LETTERS]]
        for place in order
    ]  # fmt: skip
    caption = f"Most exposed canaries, among {len(others)} candidates"
    trust.table(["id", "bits", *columns, "canary"], rows, caption=caption, sensitive=True)
    if columns:
        counts = np.array([str(value) for value in planted.column("repeats")])
        rows = [
            [count, int((counts == count).sum()), float(bits[counts == count].mean())]
            for count in sorted(set(counts), key=_key)
        ]
        trust.table(["repeats", "canaries", "mean bits"], rows, caption="Exposure by how often a canary was planted")


def _key(text: str) -> tuple[int, str]:
    return (int(text), "") if text.isdigit() else (2**31, text)
