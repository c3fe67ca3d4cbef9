"""Tests of the instrument: a detector that says the same of every text, or the opposite of what its labels say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from builtin_checks.hate_detectors.detector import Judged

if TYPE_CHECKING:
    from pytest_trustml import Measurement, Trust

_NO_SPREAD = 1e-6


def detector_works(trust: Trust, judged: Judged, where: str = "the texts", order: bool = True) -> None:
    """Scores that vary, verdicts that vary, and the right way round. Needs texts of both classes; with fewer it says nothing.

    ``order`` is False for cases that were made to mislead: a sound detector may have them the wrong way round.

    A detector that flags everything is perfect under attack, has no gap between groups and never misses a misspelt slur: it
    must not be judged by those.
    """
    gold, scores, flagged = judged.hateful, judged.scores, judged.flagged
    if gold.all() or not gold.any():
        return
    spread = float(np.ptp(scores))
    trust.control(
        f"scores of {where} vary",
        spread > _NO_SPREAD,
        f"P(hate) lies between {scores.min():.4g} and {scores.max():.4g}"
        + ("" if spread > _NO_SPREAD else ": the detector gives every text the same score"),
    )
    share = float(flagged.mean())
    trust.control(
        f"verdicts on {where} vary",
        0 < share < 1,
        f"the detector flags {int(flagged.sum())} of {len(flagged)} texts"
        + ("" if 0 < share < 1 else ": it says the same of all of them, whatever they say"),
    )
    if not order:
        return
    above = auroc(gold, scores)
    trust.control(
        f"order of the labels on {where}",
        above > 0.5,
        f"a hateful text scores above another one in {above:.1%} of pairs"
        + ("" if above > 0.5 else ": no better than chance, or the wrong label was taken for hate (option hate_label)"),
    )


def auroc(gold: np.ndarray, scores: np.ndarray) -> float:
    """How often a hateful text scores above another one; ties count half."""
    from scipy.stats import rankdata

    positives = int(gold.sum())
    ranks = rankdata(scores)[gold].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * (len(gold) - positives)))


def informedness(trust: Trust, judged: Judged) -> Measurement:
    """Recall minus false positive rate (Youden's J): 0 for a detector that does not look at the text, 1 for a perfect one.

    Every check that a detector could pass by flagging at random, or always, is judged by this as well.
    """
    gold, flagged = judged.hateful, judged.flagged
    found = trust.rate_difference(flagged[gold], flagged[~gold], name="informedness", higher_is_safer=True)
    if found.value is None:
        why = "there are no hateful texts" if not gold.any() else "there are no texts that are not hateful"
        return found.but(undefined=why)
    return found
