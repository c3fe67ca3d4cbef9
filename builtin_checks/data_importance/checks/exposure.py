"""Whether the most valuable training records are also the most exposed."""

from __future__ import annotations

import pytest_trustml as tm
from builtin_checks.data_importance import controls
from builtin_checks.data_importance.attacks import ATTACKS
from builtin_checks.data_importance.checks.shared import BROKEN, SHARED, choices
from builtin_checks.data_importance.exhibits import show_boundary, show_drawn, show_records, show_strata
from builtin_checks.data_importance.gap import (
    accuracy_measurements,
    correlation_measurement,
    difference_measurement,
    gap_measurement,
    success_measurements,
    undefined_gap,
)
from builtin_checks.data_importance.importance import value_records
from builtin_checks.data_importance.roles import SIGNALS, Valuation, check_rate, one_of
from builtin_checks.data_importance.scene import Budget, Scene
from builtin_checks.data_importance.strata import strata


@tm.check(id="data_importance.exposure_gap", version=1, limit=tm.AtMost(3.0), min_n=50, **SHARED)
def exposure_gap(
    trust: tm.Trust,
    model: tm.Subject,
    members: tm.Dataset,
    nonmembers: tm.Dataset,
    population: tm.Dataset | None = None,
    reference: tm.Subject | None = None,
    *,
    attack: str = "membership",
    groups: int = 5,
    features: str = "auto",
    distance: str = "cosine",
    neighbours: int = 10,
    utility: str = "hard",
    validation_share: float = 0.5,
    signal: str = "scaled_logit",
    fpr: float = 0.05,
    threshold: str = "matched",
    attribute: str = "",
    queries: int = 0,
    poisoned: int = 0,
    target_class: int = 0,
    trigger: int = 2,
    architecture: str = "small",
    epochs: int = 20,
    steps: int = 300,
    repeats: int = 3,
    boundary: int = 0,
    top: int = 10,
) -> list[tm.Measurement]:
    """How many times as often an attack succeeds on the most valuable training records as on the least valuable ones.

    What is compared
        The members are ordered by their importance: the exact Shapley value of each for a classifier of nearest neighbours
        that is judged on validation records (KNN-Shapley). It is found without the model. The top stratum (a fifth) is
        compared with the bottom one, under one of five attacks. The value is the ratio of the two rates of success; either
        counts as the rate of chance where it lies below. For stealing and attribute, which guessing solves often, the rates are
        corrected for chance first: (rate - chance) / (1 - chance), at least 0.05. The difference of the rates stands beside it.

        ``membership``: a member is flagged, at a threshold that ``fpr`` of the equally important non-members exceed.
        ``stealing``: a copy trained on the model's logits for the stratum agrees with it on held-out records.
        ``backdoor``: a model trained on the members, of which this stratum carries a trigger, obeys the trigger.
        ``attribute``: a sensitive attribute is read off the model's embedding of a member.
        ``reconstruction``: a member is closer than nearly all unseen records to a picture drawn out of a model that was trained
        on its stratum.

    What a high value means
        The records that are worth most are also easiest to attack: average figures of attack understate the harm. It fails only
        if the ratio is surely above the limit and the exact permutation test says that it is no chance (p < 0.05).

    What it does not show
        That the bottom stratum is safe. Nor, at a common threshold, what causes a gap: valuable records are typical ones, on
        which any model is sure of itself, so that a model that leaks nothing flags up to ``groups`` times as many of them. The
        published comparison is of that kind; it stands beside as ``common_gap``, with accuracy and loss of the strata.
        Stealing, backdoor and reconstruction do not take difficulty out: read them with the accuracies. A single membership
        signal is a weak attack; ``membership_inference.low_fpr`` has stronger ones. Backdoor and reconstruction train models of
        their own and so judge the data and the recipe, not the weights of this model.

    Smallest n that makes sense
        500 members (100 in a stratum) and 95 held-out non-members (19 in a stratum) at a rate of 5 %, five times as many at
        1 %; twice that without a population. Fewer than 50 in a stratum is INCONCLUSIVE.

    Controls
        No record stands in two sets; importance does not come from the judged model; the embeddings vary; neighbours from the
        top stratum classify held-out records better than those from the bottom one; the classifier is right more often than
        always saying one class. Otherwise the verdict is INVALID.

    Cost
        KNN-Shapley: seconds for 50,000 members and 1,000 validation records. Membership and attribute: one pass over all
        records. The other attacks train 2 x ``repeats`` networks.

    Options
        attack
            ``membership``, ``stealing``, ``attribute``, ``backdoor`` or ``reconstruction``; the last three but attribute and
            stealing need an image classifier.
        groups
            Strata; 5 are quintiles.
        features
            What importance is computed from: ``encoder`` (embeddings of the reference model), ``content`` (pixels at 16 x 16,
            or TF-IDF of texts), ``auto`` (the first where there is one). It changes the order: compare like with like.
        distance
            ``cosine`` or ``euclidean``, between the embeddings.
        neighbours, utility
            K of KNN-Shapley, and ``hard`` or ``soft`` labels.
        validation_share
            Share of the non-members that values the members, without the role population. They are not used for the attack.
        signal, fpr
            Of the membership attack; ``fpr`` of the reconstruction as well.
        threshold
            ``matched``: every member meets the threshold of the equally important non-members, all valued in one pool in which
            nothing tells who was a member. ``common``: one threshold for all; then the lower end of the interval is not above
            that of the matched ratio or, with too few non-members for one, not above 1 unless above ``groups``.
        attribute
            Column with the sensitive attribute, in members and nonmembers.
        queries, poisoned
            How many records of a stratum are asked (stealing) or poisoned (backdoor), from its far end; 0 is all of them.
        target_class, trigger
            Class that the backdoor gives, and side of its black square in pixels.
        architecture
            Of the networks that are trained: ``small`` (a ResNet that sees 32 x 32 pixels) or ``own`` (that of the model).
        epochs, steps, repeats
            Of the training, of the reconstruction, and how often the training is repeated with other seeds. The interval
            reaches over all repetitions.
        boundary
            How many records of each stratum are moved towards another class, to show how far it is (100 passes each; an image
            classifier in a folder). It explains a gap and is not judged.
        top
            How many of the most and of the least important records are shown.

    References
        Wen et al. 2025, NDSS, arXiv:2409.03741. Jia et al. 2019, arXiv:1908.08619 (KNN-Shapley).
    """
    valuation = Valuation(features, distance, neighbours, utility, validation_share)
    one_of("attack", attack, tuple(ATTACKS))
    one_of("signal", signal, SIGNALS)
    one_of("architecture", architecture, ("small", "own"))
    one_of("threshold", threshold, ("common", "matched"))
    check_rate(fpr)
    if min(repeats, epochs, steps, trigger) < 1 or min(queries, poisoned, boundary) < 0 or groups < 2:
        raise tm.UsageError(
            f"repeats, epochs, steps and trigger are {repeats}, {epochs}, {steps} and {trigger}, groups {groups}, queries and "
            f"poisoned {queries} and {poisoned}, boundary {boundary}. The first four must be at least 1, groups at least 2, "
            "the others at least 0."
        )
    if model.why_not("classifier") is not None:
        return undefined_gap(str(model.why_not("classifier")), len(members))
    valued = value_records(trust, model, reference, members, nonmembers, population, valuation, groups)
    if valued is None:
        return undefined_gap(BROKEN, len(members))
    budget = Budget(
        signal, fpr, threshold, attribute, queries, poisoned, target_class, trigger, architecture, epochs, steps, repeats
    )
    scene = Scene(trust, model, valued, strata(valued.values, members.ids, groups), groups, budget)
    logits = trust.observe(tm.classify, model, members, column=valued.column)
    if not controls.competence(trust, logits, valued.member_labels):
        return undefined_gap(BROKEN, len(members))
    moved = show_boundary(trust, scene, boundary)
    found = ATTACKS[attack](scene)
    evidence = show_strata(trust, scene, found, logits) + moved + show_records(trust, scene, top)
    rest = [correlation_measurement(trust, scene, found), *accuracy_measurements(trust, scene, logits)]
    if isinstance(found, str):
        first, second = undefined_gap(found, len(members))
        return [first.but(evidence=evidence), second, *rest]
    headline = gap_measurement(trust, found)
    settings = {"attack": attack, "groups": groups, **choices(valued, valuation)}
    headline = headline.but(details={**headline.details, **settings}, evidence=evidence + show_drawn(trust, found))
    return [headline, difference_measurement(trust, found), *success_measurements(trust, found), *rest]
