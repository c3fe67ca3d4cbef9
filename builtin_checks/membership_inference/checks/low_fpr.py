"""How many members of the training set are found by somebody who hardly ever accuses a stranger?"""

from __future__ import annotations

import numpy as np

import pytest_trustml as tm
from builtin_checks.membership_inference import controls, exhibits
from builtin_checks.membership_inference.attack import ALONE, COMPARING, attack_scores, on_references
from builtin_checks.membership_inference.rates import HEADLINE, accuracy_gap, rates
from builtin_checks.membership_inference.records import Records, lay_out
from builtin_checks.membership_inference.references import Recipe, References, train_references
from builtin_checks.membership_inference.roles import MEMBERS, NONMEMBERS, POPULATION

REFERENCE = "Carlini et al., S&P 2022, arXiv 2112.03570; Zarifzadeh, Liu and Shokri, ICML 2024, arXiv 2312.03262"
FEWEST = 100


@tm.check(
    id="membership_inference.low_fpr",
    version=1,
    needs=[tm.Classifier],
    data={"members": MEMBERS, "nonmembers": NONMEMBERS, "population": POPULATION},
    companions={"base": "base_model"},
    limit={HEADLINE: tm.AtMost(0.05)},
    min_n=100,
    cost="minutes",
    reference=REFERENCE,
)
def low_fpr(
    trust: tm.Trust,
    model: tm.Subject,
    members: tm.Dataset,
    nonmembers: tm.Dataset,
    population: tm.Dataset | None = None,
    base: tm.Subject | None = None,
    *,
    attack: str = "rmia",
    references: int = 4,
    start: str = "auto",
    epochs: int = 5,
    batch_size: int = 16,
    learning_rate: float = 2e-5,
    weight_decay: float = 0.01,
    max_tokens: int = 256,
    gamma: float = 1.0,
    offline_a: float = 0.3,
    population_share: float = 0.25,
    top: int = 12,
) -> list[tm.Measurement]:
    """How many of the training records an attacker finds who accuses only one in a hundred others wrongly.

    What it measures
        An attack gives every record a score of how much the model treats it as one that it learnt. The share of members above
        the threshold that one in a hundred non-members exceeds is ``tpr_at_1_percent_fpr``. Somebody who guesses reaches 1 %.
        RMIA (default) and LiRA compare with reference models that were trained, some with and some without the record, so that
        easy and hard records count alike. They are trained here on random halves of members and non-members; the judged model
        is never one of them.
    What a high value means
        So many people can be told, with near certainty, to be in the training data. FAIL means that even the low end of the
        interval is above the limit, PASS that even the high end is below. The default limit of 5 % is five times what guessing
        reaches.
    How sure it is
        The threshold is itself estimated, from few non-members in the tail. The interval brackets it between two order
        statistics of the non-members and counts the members beyond each with Clopper and Pearson's bounds (`members_caught`),
        so it needs no calibration half and holds for small rates, where a bootstrap does not.
    What is also reported
        ``tpr_at_01_percent_fpr`` (undefined with fewer than 1,000 non-members), with 10,000 non-members
        ``tpr_at_001_percent_fpr``, ``attack_auc``, ``accuracy_gap`` (accuracy on
        members minus that on others) and, with four reference models or more (LiRA: six), ``auc_on_references``: how well the
        same attack works on the reference models. An attack that finds nothing in models that overfit would be no comfort.
        They have no limit unless you set one. An AUC near 0.5 does not exclude that a few records are exposed for certain.
    What it does not show
        That no stronger attack exists: more reference models, a better training recipe or other views of the records may find
        more. PASS is a statement about this attack. Near-duplicates of members among the non-members make leaks look smaller;
        records that stand in both sets word for word or pixel for pixel are left out (``dropped``). One training run: another
        seed of the training may leak differently.
    Smallest sensible n
        100 non-members for 1 %, and 1,000 for 0.1 %, to have a value at all; about 600 members and 1,000 non-members (plus the
        population) for a model that leaks nothing to PASS at 5 %.
    Cost
        Training the reference models, each on half of the records, kept for later runs; then one pass over the records by each.
    Controls
        INVALID if a classifier that never asks the model tells members from non-members (AUC surely above 0.55: the sets differ
        in more than membership), if the model is no better on its training records than a constant, or if the reference models
        fit their training records worse than the model fits its own by more than 0.1.

    Parameters
    ----------
    attack : str
        ``rmia``, ``rmia_offline``, ``lira``, ``lira_offline`` (the offline ones use only the reference models that were not
        trained on a record); or without reference models ``confidence``, ``loss``, ``entropy``,
        ``modified_entropy``, ``correctness``. Choose before you look.
    references : int
        Reference models, an even number. RMIA does well with four; LiRA wants 16 (it then pools the variance over all records)
        or 64 and more.
    start : str
        ``auto``: the base model's weights where one is given, else random weights of the model's own configuration. ``linear``:
        TF-IDF and logistic regression, for texts. Or a folder with config.json and weights.
    epochs, batch_size, learning_rate, weight_decay, max_tokens
        Of the reference models. Take those of the model's own training.
    gamma : float
        RMIA: by what factor a record must exceed one of the population.
    offline_a : float
        RMIA offline: how the confidence of models that were trained on a record follows from that of the others, 0 to 1. Below
        0 it is chosen on the reference models, four of which are needed.
    population_share : float
        RMIA without the role ``population``: share of the non-members that is set aside for it.
    top : int
        Members shown to those who may see the training data.

    References
    ----------
    Carlini et al., S&P 2022. Zarifzadeh, Liu and Shokri, ICML 2024. Song and Mittal, USENIX Security 2021.
    """
    if attack not in (*ALONE, *COMPARING):
        raise tm.UsageError(f"The attack is {attack!r}. Choose one of {', '.join((*COMPARING, *ALONE))}.")
    records = lay_out(
        model, {"members": members, "nonmembers": nonmembers} | ({"population": population} if population else {})
    )
    if attack.startswith("rmia") and population is None:
        records = set_aside(trust, records, population_share)
    asked, beside = records.rows("members", "nonmembers"), records.rows("population")
    inside = records.sets[asked] == "members"
    own = asked[inside]
    lacking = too_few(int((~inside).sum()), len(beside) if attack.startswith("rmia") else None)
    if lacking:  # said before reference models are trained for nothing
        return [controls.undefined(HEADLINE, lacking, len(own))]
    logits = trust.observe(tm.classify, model, records.data, column=records.column)
    controls.blind_baseline(trust, records, inside, asked)
    controls.model_has_learnt(trust, logits[own], records.labels[own])
    compared: References | None = None
    if attack in COMPARING:
        recipe = Recipe(references, start, epochs, batch_size, learning_rate, weight_decay, max_tokens)
        compared = train_references(trust, model, base, records, recipe)
        controls.references_have_learnt(trust, compared, logits, records.labels, own)
    scored = attack_scores(attack, logits, records.labels, asked, beside, compared, gamma=gamma, offline_a=offline_a)
    scores = {attack: scored.scores}
    scores |= {name: tm.membership_signal(logits[asked], records.labels[asked], name) for name in ("loss",) if name != attack}
    exhibits.show_curves(trust, scores, inside)
    exhibits.show_table(trust, {name: rates(trust, s, inside) for name, s in scores.items()}, "Attacks side by side")
    exhibits.show_exposed(trust, records, asked, scored.scores, inside, top)
    headline, *further = rates(trust, scored.scores, inside)
    details = {**scored.details, "dropped": records.dropped, "non_members": int((~inside).sum())}
    found = [
        headline.but(details=headline.details | details),
        *further,
        accuracy_gap(trust, logits[asked], records.labels[asked], inside),
    ]
    if compared is not None:
        used = float(scored.details.get("offline_a", offline_a))
        found += reference_auc(trust, attack, records.labels, asked, beside, compared, gamma, used)
    return found


def too_few(others: int, population: int | None) -> str:
    """Why no share of members at 1 % false accusations exists, or nothing; ``population`` is None where none is needed."""
    if others < FEWEST:
        return f"a false positive rate of 1 % needs at least {FEWEST} non-members, found {others}"
    if population is not None and population < FEWEST:
        return f"RMIA needs at least {FEWEST} records of the population, found {population}: raise population_share"
    return ""


def set_aside(trust: tm.Trust, records: Records, share: float) -> Records:
    """The records with a random share of the non-members as the population, drawn by their ids."""
    if not 0 < share < 1:
        raise tm.UsageError(f"population_share is {share}. It is a share of the non-members between 0 and 1, such as 0.25.")
    others = records.rows("nonmembers")
    ids = records.data.ids
    order = sorted(others.tolist(), key=ids.__getitem__)
    chosen = trust.rng.permutation(order)[: round(share * len(order))]
    sets = records.sets.astype("U10")
    sets[chosen] = "population"
    return records._replace(sets=sets)


def reference_auc(
    trust: tm.Trust,
    attack: str,
    labels: np.ndarray,
    asked: np.ndarray,
    beside: np.ndarray,
    compared: References,
    gamma: float,
    offline_a: float,
) -> list[tm.Measurement]:
    """The attack's area under the curve on the reference models, each attacked by the others: mean and spread over models."""
    areas = []
    for scores, inside in on_references(attack, labels, asked, beside, compared, gamma, offline_a):
        found = trust.auc(scores, inside, name="auc_on_references", higher_is_safer=False)
        if found.value is not None:
            areas.append(found.value)
    if not areas:
        return []
    details = {"lowest": min(areas), "highest": max(areas)}
    about = {"n": len(areas), "unit": "probability", "higher_is_safer": False, "details": details}
    why = "the reference models share their records"
    return [tm.Measurement(name="auc_on_references", value=float(np.mean(areas)), no_interval=why, **about)]
