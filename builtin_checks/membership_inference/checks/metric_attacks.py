"""What does the model's confidence alone give away, to an attacker who trains nothing?"""

from __future__ import annotations

import numpy as np

import pytest_trustml as tm
from builtin_checks.membership_inference import controls, exhibits
from builtin_checks.membership_inference.rates import accuracy_gap, rates
from builtin_checks.membership_inference.records import Records, lay_out
from builtin_checks.membership_inference.roles import MEMBERS, NONMEMBERS

ATTACKS = ("correctness", "confidence", "entropy", "modified_entropy")
HEADLINE = "highest_tpr_at_1_percent_fpr"


@tm.check(
    id="membership_inference.metric_attacks",
    version=1,
    needs=[tm.Classifier],
    data={"members": MEMBERS, "nonmembers": NONMEMBERS},
    limit={HEADLINE: tm.AtMost(0.05)},
    min_n=100,
    cost="seconds",
    reference="Song and Mittal, USENIX Security 2021",
)
def metric_attacks(
    trust: tm.Trust, model: tm.Subject, members: tm.Dataset, nonmembers: tm.Dataset, *, top: int = 12
) -> list[tm.Measurement]:
    """What the model's own answers give away about its training records, without any reference model.

    What it measures
        Four scores of a record: whether the model is right, how sure it is of the true class, the entropy of its answer, and
        the modified entropy of Song and Mittal. For each the share of members that lie above the threshold which one in a
        hundred non-members exceeds. ``highest_tpr_at_1_percent_fpr`` is the largest of the four; its interval holds for all
        four at once (each at a quarter of the error, Bonferroni), so that picking the largest costs nothing.
    What a high value means
        As in `membership_inference.low_fpr`. FAIL needs no training to be believed.
    What is also reported
        ``advantage``: share of members minus share of non-members that are called members, by one threshold per class. Attack
        and thresholds are chosen on one half of the records and judged on the other, so that it is neither flattered nor the
        attacker's secret knowledge. ``accuracy_gap`` and ``attack_auc`` (of the modified entropy).
    What it does not show
        PASS says little: these scores confuse easy records with members, and find few members at low rates even in models that
        learnt everything by heart. `membership_inference.low_fpr` is the check to rely on; this one costs seconds.
    Smallest sensible n
        100 non-members to have a value; about 600 members and 1,000 non-members for a PASS at 5 %.
    Cost
        One pass over the records.
    Controls
        The blind baseline and the learnt model of `membership_inference.low_fpr`.

    Parameters
    ----------
    top : int
        Members shown to those who may see the training data.

    References
    ----------
    Song and Mittal, "Systematic Evaluation of Privacy Risks of Machine Learning Models", USENIX Security 2021.
    """
    records = lay_out(model, {"members": members, "nonmembers": nonmembers})
    logits = trust.observe(tm.classify, model, records.data, column=records.column)
    inside, rows = records.sets == "members", np.arange(len(records.labels))
    controls.blind_baseline(trust, records, inside, rows)
    controls.model_has_learnt(trust, logits[inside], records.labels[inside])
    scores = {name: tm.membership_signal(logits, records.labels, name) for name in ATTACKS}
    exhibits.show_curves(trust, scores, inside)
    most = highest(trust, scores, inside)
    most = most.but(details={**most.details, "dropped": records.dropped})
    table = {name: rates(trust, values, inside) for name, values in scores.items()}
    exhibits.show_table(trust, table, "Attacks side by side")
    exhibits.show_exposed(trust, records, rows, scores["modified_entropy"], inside, top)
    gap = accuracy_gap(trust, logits, records.labels, inside)
    return [most, advantage(trust, scores, records, inside), gap, table["modified_entropy"][-1]]


def highest(trust: tm.Trust, scores: dict[str, np.ndarray], inside: np.ndarray) -> tm.Measurement:
    """The largest share of members found by any of the attacks, with an interval that holds for the largest of them."""
    each = 1 - (1 - trust.level) / len(scores)
    found = {name: tm.members_caught(values, inside, 0.01, name=HEADLINE, level=each) for name, values in scores.items()}
    return trust.largest(found)


def advantage(trust: tm.Trust, scores: dict[str, np.ndarray], records: Records, inside: np.ndarray) -> tm.Measurement:
    """TPR - FPR of thresholds per class: attack and thresholds from one half of the records, judged on the other."""
    ids = records.data.ids
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=int)
    rng = trust.rng
    learn = np.zeros(len(ids), dtype=bool)
    for side in (True, False):
        rows = rng.permutation(order[inside[order] == side])
        learn[rows[: len(rows) // 2]] = True
    about = {"name": "advantage", "higher_is_safer": False}
    if not inside[learn].any() or inside[learn].all():
        found = trust.rate_difference([], [], **about)
        return found.but(undefined="there are too few records to learn thresholds from one half of them")
    classes, labels = int(records.labels.max()) + 1, records.labels
    chosen, best, cuts = "", -np.inf, np.empty(0)
    for name, values in scores.items():
        own = tm.class_thresholds(values[learn], inside[learn], labels[learn], classes)
        flagged = tm.flag_members(values[learn], labels[learn], own)
        gain = float(flagged[inside[learn]].mean() - flagged[~inside[learn]].mean())
        if gain > best:
            chosen, best, cuts = name, gain, own
    flagged = tm.flag_members(scores[chosen], labels, cuts)
    judged = trust.rate_difference(flagged[~learn & inside], flagged[~learn & ~inside], **about)
    return judged.but(details={**judged.details, "attack": chosen, "advantage_where_learnt": best})
