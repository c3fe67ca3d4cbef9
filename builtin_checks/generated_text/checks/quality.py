"""Does the detector tell machine text from human text, for every group of writers, and better than style alone?"""

from __future__ import annotations

from typing import Any

import numpy as np

import pytest_trustml as tm
from builtin_checks.generated_text import exhibits
from builtin_checks.generated_text.controls import undefined
from builtin_checks.generated_text.groups import groups_of, worst_rate
from builtin_checks.generated_text.instrument import Instrument, prepare, style_scores, threshold
from builtin_checks.generated_text.roles import HUMAN, MACHINE, Settings
from builtin_checks.generated_text.texts import units

REFERENCE = "Sun et al., Are We in the AI-Generated Text World Already?, ACL 2025, arXiv 2412.18148"
STRICT = 0.01


@tm.check(
    id="generated_text.detector_quality",
    version=1,
    needs=[tm.TextModel | tm.Classifier],
    data={"machine": MACHINE, "human": HUMAN},
    companions={"reference": "reference_model"},
    limit={
        "auroc": tm.AtLeast(0.8),
        "tpr": tm.AtLeast(0.5),
        "auroc_above_style": tm.AtLeast(-0.02),
        "worst_group_fpr": tm.AtMost(0.1),
    },
    min_n=50,
    cost="minutes",
    reference=REFERENCE,
)
def detector_quality(
    trust: tm.Trust,
    model: tm.Subject,
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
    fpr: float = 0.05,
    groups: str = "domain",
) -> list[tm.Measurement]:
    """How well a detector tells machine-written from human texts, at a false alarm rate that was promised beforehand.

    What it compares
        The scores of texts known to be a machine's with those of human texts. The detector is the model itself: a classifier,
        or a language model whose guesses about the tokens are the score (zero-shot). ``auroc`` is the share of (machine,
        human) pairs in the right order. ``tpr`` is the share of machine texts above a threshold that at most ``fpr`` of human
        texts exceed; it is set on human texts that are not judged. ``auroc_above_style`` is the AUROC less that of four
        stylometric numbers that need no model, on the same texts. ``worst_group_fpr`` is the largest share of human texts of
        one group (``groups``, and length) that are flagged.
    What a value means
        AUROC 1: all in order; 0.5: a coin. A detector below the style baseline is expensive and useless. A group far above the
        promised rate is accused for what it is, not for what it did: non-native writers, a genre, short texts.
    What it does not show
        Anything about other generators, languages or kinds of text than those given: scores turn around on texts of base
        models. Anything about texts that were edited to pass (`generated_text.detector_evasion`). That one single text is a
        machine's: no threshold here is fit for accusing anybody.
    Smallest sensible n
        250 human and 150 machine texts. 48 human texts make a threshold for 5 %, 248 one for 1 %; a group is judged from 36.
    Cost
        One forward pass per text, and one of the reference model if there is one. All zero-shot scores come from the same pass.
    Controls
        INVALID if the names of a classifier's classes do not tell which is machine text, or point the wrong way; if the score
        is constant; if the number of tokens alone tells the two kinds apart; if more than half of the texts are too short.

    Parameters
    ----------
    score : str
        ``auto`` (a classifier's log-odds; of language models binoculars with a reference model and fast_detect without),
        ``classifier``, ``likelihood``, ``perplexity``, ``rank``, ``log_rank``, ``entropy``, ``gltr``, ``lrr``, ``fast_detect``,
        ``binoculars``; ``fast_detect_sampled``, which draws 10,000 texts for each and agrees with ``fast_detect``.
    machine_label : str
        Names of the classes that mean machine text, separated by commas, where the names do not say it themselves.
    max_tokens, min_tokens : int
        Longer texts are cut, shorter ones are not judged. Tokens of the language model; words for a classifier.
    bos : bool
        Put the start token before every text, so that its first token is scored as well.
    calibration_share : float
        Share of the texts that set the threshold and train the baseline; these are not judged.
    fpr : float
        Share of human texts that may be flagged.
    groups : str
        Columns of the human texts, separated by commas, whose values are groups.

    Columns
        ``pair`` in both sets names texts that continue the same prompt: what they have in common at the beginning is cut off,
        they stay on one side of the split, and they are clusters. ``author`` does the same for the texts of one person.
        ``generator`` and ``domain`` are listed one by one.

    References
    ----------
    Sun et al., ACL 2025. Bao et al., Fast-DetectGPT, ICLR 2024. Hans et al., Binoculars, ICML 2024. Su et al., DetectLLM (LRR),
    EMNLP 2023. Gehrmann et al., GLTR, ACL 2019. DeLong et al., Biometrics 44 (1988). Liang et al., Patterns 4 (2023)
    (non-native writers).
    """
    settings = Settings(score, machine_label, max_tokens, min_tokens, bos, calibration_share, fpr)
    ready = prepare(trust, model, reference, machine, human, settings)
    if isinstance(ready, str):
        return _nothing(ready, len(machine) + len(human))
    own, others = (ready.values(part) for part in reversed(ready.judged))
    labels = np.repeat([True, False], [len(own), len(others)])
    clusters = joint_clusters(ready)
    scores = np.concatenate([own, others])
    auroc = area(trust, scores, labels, clusters, "auroc")
    cut = threshold(trust, ready, fpr)
    tpr, false = rate_above(trust, ready, "tpr", cut), rate_above(trust, ready, "fpr", cut)
    strict = rate_above(trust, ready, "tpr_at_one_percent", threshold(trust, ready, STRICT))
    style = style_scores(ready)
    gain, blind = _against_style(trust, scores, labels, clusters, style)
    columns = [column.strip() for column in groups.split(",") if column.strip()]
    flagged = None if isinstance(cut, str) else others > cut
    named = groups_of(ready.judged[0], columns)
    worst = worst_rate(trust, flagged, named, ready.clusters(ready.judged[0]), cut if isinstance(cut, str) else "")
    exhibits.show_quality(trust, ready, cut, style, columns)
    details = {
        "score": ready.detector.name,
        "judged_machine": len(own),
        "judged_human": len(others),
        "abstained": sum(part.abstained for part in (*ready.calibration, *ready.judged)),
    }
    return [auroc.but(details=auroc.details | details), tpr, gain, worst, false, strict, blind]


def area(trust: tm.Trust, scores: np.ndarray, labels: np.ndarray, clusters: Any, name: str) -> tm.Measurement:
    """The AUROC, with clusters where there are any."""
    if clusters is None:
        return trust.auc(scores, labels, name=name, higher_is_safer=True)
    return trust.clustered_auc(scores, labels, clusters, name=name, higher_is_safer=True)


def joint_clusters(ready: Instrument) -> list[Any] | None:
    """Clusters of the judged machine texts followed by the human ones; None if every text stands alone."""
    human, machine = (units(part.data, ready.by_pair) for part in ready.judged)
    names = [*machine, *human] if ready.by_pair else [*(f"machine {name}" for name in machine), *human]
    return names if len(set(names)) < len(names) else None


def rate_above(trust: tm.Trust, ready: Instrument, name: str, cut: float | str) -> tm.Measurement:
    """The share of judged machine texts above a threshold; for the name ``fpr`` that of human texts."""
    caught = name != "fpr"
    part = ready.judged[1 if caught else 0]
    if isinstance(cut, str):
        return undefined(name, "share", cut, len(part), caught)
    found = trust.proportion(
        ready.values(part) > cut, name=name, higher_is_safer=caught, cluster=ready.clusters(part), of=part.data
    )
    return found.but(details=found.details | {"threshold": cut, "calibration_texts": len(ready.calibration[0])})


def _against_style(
    trust: tm.Trust, scores: np.ndarray, labels: np.ndarray, clusters: Any, style: tuple[np.ndarray, np.ndarray] | None
) -> tuple[tm.Measurement, tm.Measurement]:
    if style is None:
        why = "too few texts to train the baseline"
        return (
            undefined("auroc_above_style", "difference of probabilities", why, len(scores), True),
            undefined("style_auroc", "probability", why, len(scores), True),
        )
    blind = np.concatenate(style[::-1])
    about = {"name": "auroc_above_style", "higher_is_safer": True, "cluster": clusters}
    return trust.auc_difference(scores, blind, labels, **about), area(trust, blind, labels, clusters, "style_auroc")


def _nothing(why: str, n: int) -> list[tm.Measurement]:
    return [
        undefined("auroc", "probability", why, n, True),
        undefined("tpr", "share", why, n, True),
        undefined("auroc_above_style", "difference of probabilities", why, n, True),
        undefined("worst_group_fpr", "share", why, n, False),
    ]
