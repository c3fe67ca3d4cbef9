"""The corpus whose share of machine text is asked for: which of its texts are flagged, and what makes that believable."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.generated_text.instrument import Instrument, prepare, scored, threshold
from builtin_checks.generated_text.roles import Settings

_MONTH = re.compile(r"\d{4}-\d{2}(-\d{2}.*)?")


class Population(NamedTuple):
    """A corpus seen through a detector: scores, what is flagged above ``cut``, and the same of known texts.

    ``hits`` and ``alarms`` say of the judged machine and human texts whether they are flagged.
    """

    ready: Instrument
    cut: float
    data: tm.Dataset
    values: np.ndarray
    flagged: np.ndarray
    hits: np.ndarray
    alarms: np.ndarray
    abstained: int

    @property
    def clusters(self) -> list[Hashable] | None:
        """The authors, where they are known."""
        if "author" not in self.data.columns:
            return None
        return [
            f"row {name}" if author is None else f"author {author}"
            for author, name in zip(self.data.column("author"), self.data.ids, strict=True)
        ]


def observe_population(
    trust: tm.Trust,
    model: tm.Subject,
    reference: tm.Subject | None,
    corpus: tm.Dataset,
    machine: tm.Dataset,
    human: tm.Dataset,
    settings: Settings,
    known_human_before: str,
) -> Population | str:
    """Set the detector up on known texts and look at the corpus with it; the reason in words if that cannot be done."""
    ready = prepare(trust, model, reference, machine, human, settings)
    if isinstance(ready, str):
        return ready
    cut = threshold(trust, ready, settings.fpr)
    if isinstance(cut, str):
        return cut
    part = scored(trust, ready.detector, corpus, settings)
    if not len(part):
        return f"no text of the corpus has {settings.min_tokens} tokens"
    alarms, hits = (ready.values(own) > cut for own in ready.judged)
    values = ready.values(part)
    seen = Population(ready, cut, part.data, values, values > cut, hits, alarms, part.abstained)
    _useful(trust, seen)
    _no_drift(trust, seen, known_human_before)
    return seen


def _useful(trust: tm.Trust, seen: Population) -> None:
    """A detector that flags known human texts as often as known machine texts says nothing about a corpus."""
    gap = trust.rate_difference(seen.hits, seen.alarms, name="youden", higher_is_safer=True)
    surely = gap.interval is not None and gap.interval.low > 0
    trust.control(
        "the detector tells machine from human",
        surely,
        f"it flags {seen.hits.mean():.1%} of {len(seen.hits)} known machine and {seen.alarms.mean():.1%} of {len(seen.alarms)} "
        "known human texts" + ("" if surely else ", which chance explains: no share can be estimated with it"),
    )


def _no_drift(trust: tm.Trust, seen: Population, before: str) -> None:
    """Texts of the corpus from before there were such machines are flagged as often as known human ones, or it is broken."""
    months = months_of(seen.data)
    if not before or months is None:
        return
    known = np.array([month < before for month in months])
    if not known.any():
        return
    rate = trust.rate_difference(seen.flagged[known], seen.alarms, name="drift", higher_is_safer=False)
    same = rate.interval.low <= 0 <= rate.interval.high
    trust.control(
        "no drift since the calibration",
        same,
        f"of {int(known.sum())} texts of the corpus from before {before} {seen.flagged[known].mean():.1%} are flagged, of "
        f"known human texts {seen.alarms.mean():.1%}"
        + ("" if same else ": these are not the human texts that the detector was calibrated for"),
    )


def months_of(data: tm.Dataset) -> list[str] | None:
    """The months of the texts as YYYY-MM; None without a column ``month``.

    Raises
    ------
    DataError
        For a cell that is no month.
    """
    if "month" not in data.columns:
        return None
    months = [str(value) for value in data.column("month")]
    for name, month in zip(data.ids, months, strict=True):
        if not _MONTH.fullmatch(month):
            raise tm.DataError(f"Row {name} of {data.spec} has the month {month[:30]!r}. Write it as YYYY-MM, such as 2024-03.")
    return [month[:7] for month in months]
