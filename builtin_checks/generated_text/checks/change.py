"""Does the share of machine text rise, from month to month or from one source to another?"""

from __future__ import annotations

import numpy as np

import pytest_trustml as tm
from builtin_checks.generated_text.checks.quality import REFERENCE
from builtin_checks.generated_text.controls import undefined
from builtin_checks.generated_text.population import Population, months_of, observe_population
from builtin_checks.generated_text.roles import DIVIDED, HUMAN, MACHINE, Settings

_UNIT = "difference of shares"


@tm.check(
    id="generated_text.share_trend",
    version=1,
    needs=[tm.TextModel | tm.Classifier],
    data={"corpus": DIVIDED, "machine": MACHINE, "human": HUMAN},
    companions={"reference": "reference_model"},
    limit={"share_rise": tm.AtMost(0.05)},
    min_n=100,
    cost="minutes",
    reference=REFERENCE,
)
def share_trend(
    trust: tm.Trust,
    model: tm.Subject,
    corpus: tm.Dataset,
    machine: tm.Dataset,
    human: tm.Dataset,
    reference: tm.Subject | None = None,
    *,
    score: str = "auto",
    machine_label: str = "",
    max_tokens: int = 256,
    min_tokens: int = 50,
    bos: bool = False,
    calibration_share: float = 0.4,
    fpr: float = 0.02,
    known_human_before: str = "2022-12",
    by: str = "month",
    window: int = 3,
    earlier: str = "",
    later: str = "",
) -> list[tm.Measurement]:
    """By how much the share of machine text rose from the first months to the last, or from one source to another.

    What it measures
        The corpus is divided by the column ``by``. ``share_rise`` is the difference of the flagged shares of two ends over
        sensitivity + specificity - 1: false alarms, which both ends share, cancel. The curve shows the corrected share of
        every cell with its interval, and the table its numbers.
    What a high value means
        More machine text in the later cells. A test of a trend over all months (Cochran-Armitage) stands in ``details``.
    What it does not show
        A rise if the new texts are by machines that the detector does not catch, and no rise if people began to write like
        them: sensitivity and specificity are taken to be the same in all cells. Two sources may differ in kind, not in
        origin.
    Smallest sensible n
        500 texts at each end resolve about 3 percentage points.
    Cost
        None beyond `generated_text.corpus_share`.
    Controls
        Those of `generated_text.corpus_share`.

    Parameters
    ----------
    score, machine_label, max_tokens, min_tokens, bos, calibration_share, fpr, known_human_before
        As in `generated_text.corpus_share`.
    by : str
        The column that divides the corpus, usually ``month`` (YYYY-MM).
    window : int
        How many months at each end are taken together; never more than half of them.
    earlier, later : str
        The two cells to compare instead, separated by commas where they are several. Needed where ``by`` is not ``month``.

    References
    ----------
    Sun et al., ACL 2025, section 5. Armitage, Biometrics 11 (1955). Zou and Donner, Statistics in Medicine 27 (2008).
    """
    settings = Settings(score, machine_label, max_tokens, min_tokens, bos, calibration_share, fpr)
    if by not in corpus.columns:
        raise tm.DataError(f"{corpus.spec} has no column {by!r} to divide it by. Add it, or name another with the option by.")
    if window < 1:
        raise tm.UsageError(f"window is {window}. It counts months and is at least 1.")
    seen = observe_population(trust, model, reference, corpus, machine, human, settings, known_human_before)
    if isinstance(seen, str):
        return [undefined("share_rise", _UNIT, seen, len(corpus), False)]
    cells = months_of(seen.data) if by == "month" else [str(value) for value in seen.data.column(by)]
    names = sorted(set(cells))
    if len(names) < 2:
        return [undefined("share_rise", _UNIT, f"all texts that can be judged have the same {by}", len(cells), False)]
    ends = find_ends(names, by, window, earlier, later)
    cells = np.array(cells)
    inside = [np.isin(cells, list(end)) for end in ends]
    groups = seen.clusters
    parts = [None if groups is None else [groups[i] for i in np.flatnonzero(end)] for end in inside]
    rise = trust.share_change(
        seen.flagged[inside[1]], seen.flagged[inside[0]], seen.hits, seen.alarms, name="share_rise", higher_is_safer=False,
        cluster=None if groups is None else (parts[1], parts[0]),
    )  # fmt: skip
    details = {"earlier": ", ".join(ends[0]), "later": ", ".join(ends[1]), "cells": len(names), "abstained": seen.abstained}
    if by == "month":
        counts = [(int(seen.flagged[cells == name].sum()), int((cells == name).sum())) for name in names]
        test = trust.cochran_armitage(*zip(*counts, strict=True), [_number(name) for name in names])
        details |= {"trend_z": test.observed, "trend_p": test.p}
    _show(trust, seen, cells, names, by)
    return [rise.but(details=rise.details | details)]


def find_ends(names: list[str], by: str, window: int, earlier: str, later: str) -> tuple[list[str], list[str]]:
    """The cells at both ends.

    >>> find_ends(["2022-01", "2022-02", "2022-03"], "month", 3, "", "")
    (['2022-01'], ['2022-03'])
    """
    if not earlier and not later and by == "month":
        window = min(window, len(names) // 2)
        return names[:window], names[-window:]
    ends = [[name.strip() for name in text.split(",") if name.strip()] for text in (earlier, later)]
    for option, end in zip(("earlier", "later"), ends, strict=True):
        unknown = sorted(set(end) - set(names))
        if unknown or not end:
            what = f"names {unknown[0]!r}, which no text has" if unknown else "is empty"
            raise tm.UsageError(f"The option {option} {what}. The column {by!r} has {', '.join(names[:20])}: name one of them.")
    if set(ends[0]) & set(ends[1]):
        raise tm.UsageError(f"{sorted(set(ends[0]) & set(ends[1]))[0]!r} is at both ends. Name different cells.")
    return ends[0], ends[1]


def _number(month: str) -> int:
    return 12 * int(month[:4]) + int(month[5:7])


def _show(trust: tm.Trust, seen: Population, cells: np.ndarray, names: list[str], by: str) -> None:
    """The corrected share of every cell with its interval."""
    groups = seen.clusters
    rows, curves = [], {"share": ([], []), "low end": ([], []), "high end": ([], [])}
    for place, name in enumerate(names):
        inside = np.flatnonzero(cells == name)
        own = None if groups is None else [groups[i] for i in inside]
        found = trust.rogan_gladen(
            seen.flagged[inside], seen.hits, seen.alarms, name="machine_share", higher_is_safer=False, cluster=own
        )
        shown = [found.value, found.interval.low, found.interval.high] if found.interval is not None else ["none"] * 3
        rows.append([name, len(inside), float(seen.flagged[inside].mean()), *shown])
        if found.interval is not None:
            for line, value in zip(curves.values(), shown, strict=True):
                line[0].append(place)
                line[1].append(value)
    columns = [by, "texts", "share flagged", "share of machine text", "low", "high"]
    trust.table(columns, rows, caption=f"Share of machine text by {by}, corrected for the detector's errors")
    if curves["share"][0] and by == "month":
        caption = f"Share of machine text from {names[0]} to {names[-1]}"
        trust.curve(curves, "month of the corpus", "share of machine text", caption=caption)
