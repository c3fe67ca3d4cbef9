"""Whether knowing the importance of records helps an attacker to tell members."""

from __future__ import annotations

from typing import Any

import numpy as np

import pytest_trustml as tm
from builtin_checks.data_importance import controls
from builtin_checks.data_importance.attacks import signals
from builtin_checks.data_importance.calibrated import CRITERIA, Flagged, Records, flag_calibrated, flag_plain
from builtin_checks.data_importance.checks.shared import BROKEN, SHARED, choices
from builtin_checks.data_importance.importance import Valued, value_records
from builtin_checks.data_importance.roles import SIGNALS, Valuation, check_rate, one_of


@tm.check(id="data_importance.calibrated_membership", version=1, limit=tm.AtMost(0.05), min_n=100, **SHARED)
def calibrated_membership(
    trust: tm.Trust,
    model: tm.Subject,
    members: tm.Dataset,
    nonmembers: tm.Dataset,
    population: tm.Dataset | None = None,
    reference: tm.Subject | None = None,
    *,
    criterion: str = "bins",
    bins: int = 5,
    fpr: float = 0.05,
    signal: str = "scaled_logit",
    features: str = "auto",
    distance: str = "cosine",
    neighbours: int = 10,
    utility: str = "hard",
    validation_share: float = 0.34,
    known_share: float = 0.6,
) -> list[tm.Measurement]:
    """How many more members an attacker finds who knows how important each record is, at the same false positive rate.

    What is compared
        The share of members that are flagged by a criterion that knows the importance of each record, minus the share that one
        threshold for all flags. Both learn from the same non-members and promise the same false positive rate for new ones.
        Members and non-members are valued in one pool, in which nothing tells who was a member, and without the model.

    What a high value means
        Attacks with one threshold, which most audits use, understate what can be found out: scores of typical and of unusual
        records lie at different levels, and importance tells which is which. Read ``calibrated_tpr`` as the true exposure.

    What it does not show
        How exposed the members are altogether: a model that gives everything away leaves nothing to gain. See
        ``membership_inference.low_fpr``. A gain near 0 says that importance, as computed here, is no help.

    Smallest n that makes sense
        100 members. For a rate of 5 % and 5 bins 95 known non-members evenly spread over the bins, which takes about 300
        non-members in all; for 1 % about 1500.

    Controls
        Those of ``data_importance.exposure_gap``; and the false positive rate of the criterion, on non-members that it did not
        learn from, is not above the promised one by more than three standard errors.

    Cost
        One pass over all records, and KNN-Shapley.

    Options
        criterion
            ``bins``: a threshold per bin of importance. ``standardised``: scores in standard deviations of the non-members of
            the bin. ``quantile``: a linear quantile regression on importance, class and the loss under the reference model,
            where that is a classifier of the same classes. All three are shown, this one is judged.
        bins
            Bins of importance with equally many records.
        fpr, signal
            False positive rate, and the membership signal.
        features, distance, neighbours, utility, validation_share
            As in ``data_importance.exposure_gap``.
        known_share
            Share of the other non-members that thresholds are learnt from; the rest tests the false positive rate.

    References
        Wen et al. 2025, NDSS, arXiv:2409.03741. Bertran et al. 2023, arXiv:2307.03694 (quantile regression).
    """
    valuation = Valuation(features, distance, neighbours, utility, validation_share)
    one_of("criterion", criterion, CRITERIA)
    one_of("signal", signal, SIGNALS)
    check_rate(fpr)
    if bins < 1 or not 0 < known_share < 1:
        raise tm.UsageError(f"bins is {bins} and known_share {known_share}. Take at least 1 bin and a share between 0 and 1.")
    if model.why_not("classifier") is not None:
        return [_undefined_gain(str(model.why_not("classifier")), len(members))]
    valued = value_records(trust, model, reference, members, nonmembers, population, valuation, 2)
    if valued is None:
        return [_undefined_gain(BROKEN, len(members))]
    logits = trust.observe(tm.classify, model, members, column=valued.column)
    if not controls.competence(trust, logits, valued.member_labels):
        return [_undefined_gain(BROKEN, len(members))]
    scores, other_scores = signals(trust, model, valued, signal)
    losses = _reference_losses(trust, reference, valued)
    inside = Records(scores, valued.pooled_members, valued.member_labels, None if losses is None else losses[0])
    outside = Records(other_scores, valued.pooled_heldout, valued.heldout_labels, None if losses is None else losses[1])
    half = round(known_share * len(other_scores))
    known, others = outside.take(np.arange(half)), outside.take(np.arange(half, len(other_scores)))
    if half < round(1 / fpr) - 1 or not len(others.scores) or len(valued.pooled) < bins:
        why = f"a false positive rate of {fpr:g} needs {round(1 / fpr) - 1} known non-members and some to test it, found {half}"
        return [_undefined_gain(why, len(members))]
    plain = flag_plain(inside, known, others, fpr)
    found = {
        name: flag_calibrated(inside, known, others, fpr, criterion=name, bins=bins, classes=valued.classes)
        for name in CRITERIA
    }
    evidence = (_shown(trust, plain, found),)
    chosen = found[criterion]
    if isinstance(chosen, str):
        return [_undefined_gain(chosen, len(members)).but(evidence=evidence)]
    tail = trust.proportion(chosen.others, name="calibrated_fpr", higher_is_safer=False)
    trust.control(
        "false positive rate kept",
        chosen.keeps(fpr),
        f"{tail.value:.2%} of {tail.n} further non-members are flagged, promised {fpr:.2%}",
    )
    gain = trust.paired_rate_difference(
        chosen.members, plain.members, name="calibrated_membership", higher_is_safer=False, of=members
    )
    settings = {"criterion": criterion, "bins": bins, "fpr": fpr, "signal": signal, **choices(valued, valuation)}
    return [
        gain.but(details={**gain.details, **settings}, evidence=evidence),
        trust.proportion(chosen.members, name="calibrated_tpr", higher_is_safer=False, of=members),
        trust.proportion(plain.members, name="plain_tpr", higher_is_safer=False, of=members),
        tail,
        trust.proportion(plain.others, name="plain_fpr", higher_is_safer=False),
    ]


def _reference_losses(trust: tm.Trust, reference: tm.Subject | None, valued: Valued) -> tuple[np.ndarray, np.ndarray] | None:
    """Loss of every record under the reference model, where that is a classifier of as many classes."""
    if reference is None or reference.why_not("classifier") is not None:
        return None
    if len(reference.classifier.labels) != valued.classes:
        return None
    found = []
    for data, labels in ((valued.members, valued.member_labels), (valued.heldout, valued.heldout_labels)):
        logits = trust.observe(tm.classify, reference, data, column=valued.column)
        found.append(-tm.membership_signal(logits, labels, "loss"))
    return found[0], found[1]


def _shown(trust: tm.Trust, plain: Flagged, found: dict[str, Flagged | str]) -> tm.Evidence:
    rows: list[list[Any]] = [["one threshold", float(plain.members.mean()), float(plain.others.mean()), ""]]
    for name, flagged in found.items():
        if isinstance(flagged, str):
            rows.append([name, "undefined", "undefined", flagged])
        else:
            rows.append([name, float(flagged.members.mean()), float(flagged.others.mean()), ""])
    return trust.table(
        ["criterion", "members flagged", "non-members flagged", "remark"], rows, caption="Members found by each criterion"
    )


def _undefined_gain(why: str, n: int) -> tm.Measurement:
    unit = "difference of shares"
    return tm.Measurement(name="calibrated_membership", value=None, undefined=why, n=n, unit=unit, higher_is_safer=False)
