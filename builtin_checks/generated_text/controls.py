"""Tests of the instrument: if one fails, whatever the detector says about texts cannot be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

import pytest_trustml as tm

if TYPE_CHECKING:
    from builtin_checks.generated_text.instrument import Instrument

MOST_ABSTAINED = 0.5
LENGTH_AUROC = 0.7
_FEWEST_TO_VARY = 10


def scorable(trust: tm.Trust, given: Sequence[int], parts: Sequence[Sequence[int]]) -> None:
    """Most texts of both kinds have a score: what is judged on the long rest may not hold for the others."""
    kept = [sum(sizes) for sizes in zip(*parts, strict=True)]
    shares = [1 - own / all if all else 0.0 for own, all in zip(kept, given, strict=True)]
    trust.control(
        "texts are long enough",
        max(shares) <= MOST_ABSTAINED,
        f"{given[0] - kept[0]} of {given[0]} human and {given[1] - kept[1]} of {given[1]} machine texts are too short or have "
        "no score"
        + ("" if max(shares) <= MOST_ABSTAINED else ": lower min_tokens only if the detector is meant for such texts"),
    )


def instrument_works(trust: tm.Trust, instrument: Instrument) -> None:
    """The score varies, the length of the texts alone does not tell, and a classifier's classes are the right way round."""
    human, machine = instrument.judged
    values = np.concatenate([instrument.values(human), instrument.values(machine)])
    labels = np.repeat([False, True], [len(human), len(machine)])
    if len(values) >= _FEWEST_TO_VARY:
        varies = float(np.ptp(values)) > 1e-9 * max(1.0, float(np.abs(values).max()))
        trust.control("the score varies", varies, f"{len(np.unique(values))} different scores for {len(values)} texts")
        if not varies:
            return
    lengths = np.concatenate([human.lengths, machine.lengths])
    told = trust.auc(lengths, labels, name="length_auroc", higher_is_safer=False)
    leaks = told.interval is not None and (told.interval.low > LENGTH_AUROC or told.interval.high < 1 - LENGTH_AUROC)
    trust.control(
        "length does not tell",
        not leaks,
        f"the number of tokens alone has an AUROC of {told.value:.3f}"
        + (": set max_tokens so low that texts of both kinds are cut to the same length" if leaks else ""),
    )
    if instrument.detector.name == "classifier":
        found = trust.auc(values, labels, name="sanity_auroc", higher_is_safer=True)
        upside_down = found.interval is not None and found.interval.high < 0.5
        trust.control(
            "the classes are the right way round",
            not upside_down,
            f"AUROC {found.value:.3f}"
            + (
                ": human texts score higher; if the names of the classes are swapped, say so with machine_label"
                if upside_down
                else ""
            ),
        )


def undefined(name: str, unit: str, why: str, n: int, higher_is_safer: bool) -> tm.Measurement:
    """A measurement without a value."""
    return tm.Measurement(name=name, value=None, undefined=why, n=n, unit=unit, higher_is_safer=higher_is_safer)
