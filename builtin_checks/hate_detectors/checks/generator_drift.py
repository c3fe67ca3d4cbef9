"""Is hate that a newer language model wrote harder to find than what an older one wrote?"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np

import pytest_trustml as tm
from builtin_checks.hate_detectors import controls, score
from builtin_checks.hate_detectors.checks.quality import REFERENCE
from builtin_checks.hate_detectors.detector import Judged, judge
from builtin_checks.hate_detectors.resampled import change
from builtin_checks.hate_detectors.roles import GENERATED, clusters, word

if TYPE_CHECKING:
    from pytest_trustml import Dataset, Measurement, Subject, Trust

_FEWEST_PAIRED = 10
_EVEN = 0.5


@tm.check(
    id="hate_detectors.generator_drift",
    version=1,
    needs=[tm.Classifier],
    data={"texts": GENERATED},
    limit={
        "f1_macro_change": tm.AtLeast(-0.10),
        "f1_macro_change_even": tm.AtLeast(-0.10),
        "informedness": tm.AtLeast(0.30),
    },
    min_n=60,
    cost="seconds",
    reference=REFERENCE,
)
def generator_drift(
    trust: Trust,
    model: Subject,
    texts: Dataset,
    *,
    old: str = "",
    new: str = "",
    threshold: float = 0.5,
    hate_label: str = "",
    head: str = "auto",
    hateful_labels: str = "",
    cluster: str = "",
) -> list[Measurement]:
    """How much worse the detector is on texts of a newer generator than on those of an older one.

    What is compared
        F1, mean of both classes, on the new generator's texts minus the same on the old one's. Where the data tell the prompt
        of each text (``prompt_id``) and both generators answered it, prompts are drawn with all their texts; otherwise the
        two sets are drawn independently of each other.
    What a value means
        0: no change. -0.25, as published for some detectors from GPT-3.5 to GPT-4: a quarter of the quality is gone with
        nothing changed but who writes. An aligned model writes less hate, and F1 falls with the share of hate alone, so
        ``f1_macro_change_even`` re-weights both sides to one half hateful. ``recall_change`` and ``fpr_change`` depend on no
        share: read them first.
    What it does not show
        Why. Style, length and topics differ between generators.
    Smallest sensible n
        About 100 texts of each generator and class.
    Controls
        INVALID as in `hate_detectors.quality`. ``informedness`` (recall minus false positive rate on the new texts) is judged
        as well, because a detector that guesses does not get worse.

    Parameters
    ----------
    old, new : str
        Names in the column ``generator``, several separated by commas. Not needed where a column ``generation`` says ``old``
        or ``new`` of each row.
    threshold, hate_label, head, hateful_labels, cluster
        As in `hate_detectors.quality`.

    References
    ----------
    Shen et al., HateBench, USENIX Security 2025, arXiv 2501.16750 (section on newer models).
    """
    is_new, rows = _sides(texts, old, new)
    texts = texts.take(rows)
    is_new = is_new[rows]
    judged = judge(trust, model, texts, threshold=threshold, hate_label=hate_label, head=head, hateful_labels=hateful_labels)
    controls.detector_works(trust, judged)
    gold, flagged = judged.hateful, judged.flagged
    prompts, paired, kept = _prompts(clusters(texts, cluster), is_new)
    _table(trust, judged, is_new)
    side = judged._replace(hateful=gold[is_new], scores=judged.scores[is_new], flagged=flagged[is_new])
    informed = controls.informedness(trust, side)
    if prompts is not None:
        prompts = [prompts[row] for row in kept]
    part = judged._replace(hateful=gold[kept], scores=judged.scores[kept], flagged=flagged[kept])
    given = part, is_new[kept], (prompts, paired)
    rates = {"unit": "difference of shares"}
    found = [
        change(trust, "f1_macro_change", score.f1_macro, *given),
        change(trust, "f1_macro_change_even", score.f1_macro, *given, prior=_EVEN),
        informed,
        change(trust, "f1_hate_change", score.f1_hate, *given),
        change(trust, "recall_change", score.recall, *given, **rates),
        change(trust, "fpr_change", score.fpr, *given, higher_is_safer=False, **rates),
    ]
    about = {"design": "paired by prompt" if paired else "independent", "texts_of_single_prompts": len(gold) - len(kept)}
    return [one if one is informed else one.but(details=one.details | about) for one in found]


def _sides(texts: Dataset, old: str, new: str) -> tuple[np.ndarray, np.ndarray]:
    """Which rows are of the new generator, and the rows that are of either: (n,) bool and (k,) int."""
    names = [word(cell) for cell in texts.column("generator")]
    if old or new:
        groups = [{name.strip() for name in part.split(",") if name.strip()} for part in (old, new)]
        known = sorted(set(names))
        for option, group in zip(("old", "new"), groups, strict=True):
            if not group or group - set(known):
                raise tm.UsageError(
                    f"The option {option} is {(old, new)[option == 'new']!r}, but the data have {', '.join(map(repr, known))}. "
                    "Name generators as the data do, in both options."
                )
        if groups[0] & groups[1]:
            raise tm.UsageError("The options old and new name the same generator. A change needs two different ones.")
        is_old, is_new = (np.array([name in group for name in names]) for group in groups)
    elif "generation" in texts.columns:
        ages = [word(cell).lower() for cell in texts.column("generation")]
        is_old, is_new = (np.array([age == side for age in ages]) for side in ("old", "new"))
        if not is_old.any() or not is_new.any():
            raise tm.DataError("The column generation must say old or new, and both must occur.")
    else:
        raise tm.UsageError(
            "Nothing says which generator is the older one. Set the options old and new to names from the column generator, "
            "or give the data a column generation with the words old and new."
        )
    return is_new, np.flatnonzero(is_old | is_new)


def _prompts(labels: list[Hashable] | None, is_new: np.ndarray) -> tuple[list[Hashable] | None, bool, np.ndarray]:
    """The prompt of each text, whether pairs can be drawn, and the rows that take part."""
    everything = np.arange(len(is_new))
    if labels is None:
        return None, False, everything
    sides = [{label for label, here in zip(labels, is_new, strict=True) if here == side} for side in (True, False)]
    both = sides[0] & sides[1]
    kept = np.array([row for row, label in enumerate(labels) if label in both], dtype=int)
    if len(both) < _FEWEST_PAIRED or 2 * len(kept) < len(labels):
        return labels, False, everything
    return labels, True, kept


def _table(trust: Trust, judged: Judged, is_new: np.ndarray) -> None:
    rows = []
    for name, part in (("old", ~is_new), ("new", is_new)):
        counts = score.count(judged.hateful[part], judged.flagged[part])
        metrics = score.named(counts)
        rows.append([name, counts.tp + counts.fn, counts.fp + counts.tn, *(metrics[metric] for metric in _SHOWN)])
    trust.table(["generator", "hateful", "other", *_SHOWN], rows, caption="The detector on the texts of both generators")


_SHOWN = ("recall", "fpr", "precision", "f1_hate", "f1_macro")
