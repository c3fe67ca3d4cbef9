"""What the report shows beside the numbers: curves, tables by generator and domain, other scores, and how the texts differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import pytest_trustml as tm
from builtin_checks.generated_text.detector import TRAINED
from builtin_checks.generated_text.instrument import FEWEST_TO_TRAIN, Instrument, Part, train
from builtin_checks.generated_text.stylometry import portrait

_BINS = 40
_SHOWN = 10
_MOST_DESCRIBED = 400


def show_quality(
    trust: tm.Trust,
    ready: Instrument,
    cut: float | str,
    style: tuple[np.ndarray, np.ndarray] | None,
    columns: Sequence[str],
) -> None:
    """Everything about how well the detector works."""
    human, machine = ready.judged
    values = ready.values(human), ready.values(machine)
    show_curve(trust, {ready.detector.name: values} | ({} if style is None else {"style alone": style}))
    show_densities(trust, {"human": values[0], "machine": values[1]})
    show_scores(trust, ready, style)
    if not isinstance(cut, str):
        show_caught(trust, machine, values[1] > cut)
        for column in columns:
            show_transfer(trust, ready, column)
        show_missed(trust, machine, values[1], cut)
    show_style(trust, human, machine)


def show_curve(trust: tm.Trust, scores: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    curves = {}
    for name, (human, machine) in scores.items():
        found = trust.roc(np.concatenate([machine, human]), np.repeat([True, False], [len(machine), len(human)]))
        curves[name] = (found.fpr.tolist(), found.tpr.tolist())
    caption = "Share of machine texts that are caught, by share of human texts that are flagged"
    trust.curve(curves, "human texts flagged", "machine texts caught", caption=caption)


def show_densities(trust: tm.Trust, scores: dict[str, np.ndarray]) -> None:
    edges = np.histogram_bin_edges(np.concatenate(list(scores.values())), bins=_BINS)
    middles = ((edges[1:] + edges[:-1]) / 2).tolist()
    shares = {name: (middles, (np.histogram(own, edges)[0] / len(own)).tolist()) for name, own in scores.items()}
    trust.curve(shares, "score", "share of texts", caption="Scores of human and machine texts")


def show_scores(trust: tm.Trust, ready: Instrument, style: tuple[np.ndarray, np.ndarray] | None) -> None:
    """All scores that the same pass yields, each with its AUROC on the same texts."""
    rows, labels = [], np.repeat([True, False], [len(ready.judged[1]), len(ready.judged[0])])
    named: dict[str, tuple[np.ndarray, np.ndarray] | None] = {
        ready.detector.name: tuple(ready.values(part) for part in ready.judged)
    }
    named |= {name: _other(ready, name) for name in ready.detector.others}
    named["style alone"] = style
    for name, pair in named.items():
        if pair is None:
            continue
        scores = np.concatenate(pair[::-1])
        known = np.isfinite(scores)
        found = trust.auc(scores[known], labels[known], name="auroc", higher_is_safer=True)
        ends = ["none", "none"] if found.interval is None else [found.interval.low, found.interval.high]
        rows.append([name, "undefined" if found.value is None else found.value, *ends, int(known.sum())])
    caption = "AUROC of every score on the judged texts, larger always meaning more machine-like"
    trust.table(["score", "AUROC", "low", "high", "texts"], rows, caption=caption)


def _other(ready: Instrument, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    parts = [part.found for part in (*ready.calibration, *ready.judged)]
    if not all(parts):
        return None
    columns = [ready.detector.columns(found, name) for found in parts]
    if name not in TRAINED:
        return columns[2][:, 0], columns[3][:, 0]
    if min(map(len, columns[:2])) < FEWEST_TO_TRAIN:
        return None
    model = train(columns[0], columns[1])
    return model(columns[2]), model(columns[3])


def show_caught(trust: tm.Trust, machine: Part, caught: np.ndarray) -> None:
    """Share of machine texts that are caught, by generator and by domain."""
    rows = []
    for column in ("generator", "domain"):
        if column not in machine.data.columns:
            continue
        values = np.array([str(value) for value in machine.data.column(column)])
        for value in sorted(set(values.tolist())):
            found = trust.proportion(caught[values == value], name="tpr", higher_is_safer=True)
            rows.append([column, value, found.n, found.value, found.interval.low, found.interval.high])
    if rows:
        columns = ["column", "value", "texts", "share caught", "low", "high"]
        trust.table(columns, rows, caption="Machine texts that are caught at the threshold, by generator and domain")


def show_transfer(trust: tm.Trust, ready: Instrument, column: str) -> None:
    """Thresholds set on one group of human texts and used on another: what is promised there and holds here."""
    known, judged = ready.calibration[0], ready.judged[0]
    if column not in judged.data.columns:
        return
    groups = [np.array([str(value) for value in part.data.column(column)]) for part in (known, judged)]
    names = sorted(set(groups[1].tolist()))
    values = ready.values(known), ready.values(judged)
    rows = []
    for source in names:
        own = values[0][groups[0] == source]
        try:
            cut = trust.conformal_threshold(own, ready.settings.fpr)
        except ValueError:
            continue
        for target in names:
            here = values[1][groups[1] == target]
            found = trust.proportion(here > cut, name="fpr", higher_is_safer=False)
            rows.append([source, target, found.n, found.value, found.interval.low, found.interval.high])
    if len(names) > 1 and rows:
        columns = ["threshold from", "used on", "texts", "share flagged", "low", "high"]
        caption = f"Human texts flagged by a threshold for {ready.settings.fpr:.0%} that was set on another {column}"
        trust.table(columns, rows, caption=caption)


def show_missed(trust: tm.Trust, machine: Part, values: np.ndarray, cut: float) -> None:
    """The machine texts that look most human to the detector."""
    texts = machine.data.column("text")
    order = [index for index in np.argsort(values, kind="stable")[:_SHOWN] if values[index] <= cut]
    rows = [[machine.data.ids[index], float(values[index]), texts[index][:300]] for index in order]
    if rows:
        caption = "Machine texts that the detector misses by most"
        trust.table(["id", "score", "beginning"], rows, caption=caption, sensitive=True)


def show_style(trust: tm.Trust, human: Part, machine: Part) -> None:
    """How human and machine texts differ in style: medians, chance that a machine text has more, p-values after Holm."""
    from scipy.stats import mannwhitneyu

    portraits = [[portrait(text) for text in part.data.column("text")[:_MOST_DESCRIBED]] for part in (human, machine)]
    rows, p_values = [], []
    for name in portraits[0][0]:
        own, other = (np.array([one[name] for one in side]) for side in portraits)
        own, other = own[np.isfinite(own)], other[np.isfinite(other)]
        if min(len(own), len(other)) < 2:
            continue
        found = mannwhitneyu(other, own)
        p_values.append(float(found.pvalue))
        rows.append([name, float(np.median(own)), float(np.median(other)), float(found.statistic / (len(own) * len(other)))])
    adjusted = trust.holm(p_values) if rows else []
    trust.table(
        ["feature", "median, human", "median, machine", "machine has more in", "p (Mann-Whitney, Holm)"],
        [[*row, float(p)] for row, p in zip(rows, adjusted, strict=True)],
        caption="Style of human and machine texts: what known authors wrote, not what the detector says",
    )
