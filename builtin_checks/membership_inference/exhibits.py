"""What is shown: the curve on two logarithmic axes, the attacks side by side, and the records that are given away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

import pytest_trustml as tm
from builtin_checks.membership_inference.records import Records, inputs


def show_curves(trust: tm.Trust, scores: Mapping[str, np.ndarray], inside: np.ndarray) -> None:
    """The share of members found against the share of others accused, both logarithmic, with the line of a guess."""
    if not inside.any() or inside.all():
        return
    series = {}
    for name, values in scores.items():
        x, y = trust.roc(values, inside).log_points()
        if len(x):
            series[name] = (x, y)
    ends = [1 / int((~inside).sum()), 1.0]
    trust.curve(
        {**series, "guessing": (ends, ends)},
        "share of non-members accused",
        "share of members found",
        caption="Members found against others accused, on logarithmic axes",
        log=True,
    )


def show_table(trust: tm.Trust, found: Mapping[str, Sequence[tm.Measurement]], caption: str) -> None:
    """One row per attack with what it reaches: values, or the word why there is none."""
    names = [one.name for one in next(iter(found.values()))]
    rows = [[attack, *(_cell(one) for one in ones)] for attack, ones in found.items()]
    trust.table(["attack", *names], rows, caption=caption)


def _cell(found: tm.Measurement) -> str | float:
    return found.value if found.value is not None else f"undefined: {found.undefined}"


def show_exposed(trust: tm.Trust, records: Records, rows: np.ndarray, scores: np.ndarray, inside: np.ndarray, top: int) -> None:
    """The members with the highest scores, for whoever may see the training data."""
    own = inside.nonzero()[0]
    order = sorted(own.tolist(), key=lambda place: (-scores[place], records.data.ids[rows[place]]))[:top]
    if not order:
        return
    chosen = rows[order]
    labels = [str(records.data.column("label")[row]) for row in chosen]
    told = [float(scores[place]) for place in order]
    caption = "Members that are given away most clearly"
    if records.column == "image":
        words = [f"{label}, score {score:.4g}" for label, score in zip(labels, told, strict=True)]
        trust.gallery(list(zip(inputs(records, chosen), words, strict=True)), caption=caption, sensitive=True)
    else:
        texts = inputs(records, chosen)
        rows_shown = [list(row) for row in zip(texts, labels, told, strict=True)]
        trust.table(["text", "label", "score"], rows_shown, caption=caption, sensitive=True)
