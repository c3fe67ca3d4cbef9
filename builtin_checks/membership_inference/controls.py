"""Tests of the instrument: if one fails, what an attack finds or does not find says nothing about the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import pytest_trustml as tm
from builtin_checks.membership_inference.records import Records, inputs

if TYPE_CHECKING:
    from builtin_checks.membership_inference.references import References

MOST_BLIND_AUC = 0.55
MOST_BEHIND = 0.10
_FEWEST = 20
"""Fewer records decide no control; no check passes with so few."""
_MOST_FOR_BLIND = 5000


def blind_baseline(trust: tm.Trust, records: Records, inside: np.ndarray, rows: np.ndarray) -> None:
    """Without the model nobody tells the two sets apart; otherwise every attack may just have learnt how they differ.

    Parameters
    ----------
    inside : array of bool, shape (n,)
        Of the records at ``rows``, which are members. At most 5000 of each are read.
    """
    if min(inside.sum(), (~inside).sum()) < _FEWEST:
        return
    rng = trust.rng
    ids = np.array(records.data.ids)[rows]
    order = np.argsort(ids)
    chosen = np.concatenate([rng.permutation(order[inside[order] == side])[:_MOST_FOR_BLIND] for side in (True, False)])
    asked = rows[chosen]
    scores = tm.blind_scores(inputs(records, asked), records.labels[asked], inside[chosen], rng=rng)
    told = trust.auc(scores, inside[chosen], name="blind_auc", higher_is_safer=False)
    leaks = told.interval is not None and told.interval.low > MOST_BLIND_AUC
    trust.control(
        "blind baseline",
        not leaks,
        f"a classifier that never asks the model tells members from the others with an AUC of {told.value:.3f}"
        + (
            f" (surely above {MOST_BLIND_AUC}): the two sets differ in more than membership. Divide one pool at random before "
            "the training"
            if leaks
            else ""
        ),
    )


def model_has_learnt(trust: tm.Trust, logits: np.ndarray, labels: np.ndarray) -> None:
    """On its own training records the model is surely better than a constant: one that learnt nothing cannot leak either."""
    if len(labels) < _FEWEST:
        return
    right = tm.membership_signal(logits, labels, "correctness")
    varies = float(np.ptp(logits - logits.mean(-1, keepdims=True), axis=0).max()) > 0
    most = float(np.bincount(labels).max() / len(labels))
    found = trust.proportion(right > 0, name="accuracy", higher_is_safer=True)
    ok = varies and found.interval is not None and found.interval.low > most
    trust.control(
        "the model has learnt",
        ok,
        f"it is right about {found.value:.3f} of its training records, always saying the most frequent class about {most:.3f}"
        + ("" if ok else ": it learnt nothing, so that nothing can leak and nothing is shown"),
    )


def references_have_learnt(
    trust: tm.Trust, references: References, logits: np.ndarray, labels: np.ndarray, members: np.ndarray
) -> None:
    """Reference models fit their own records about as well as the judged model fits its: a weak copy makes a weak attack."""
    inside = references.inside
    used = inside.any(0).nonzero()[0]
    if not len(used) or len(members) < _FEWEST:
        return
    right = tm.membership_signal(references.logits[:, used], labels[used], "correctness")
    own = float(right[inside[:, used]].mean())
    judged = float(tm.membership_signal(logits[members], labels[members], "correctness").mean())
    ok = own >= judged - MOST_BEHIND
    trust.control(
        "the reference models have learnt",
        ok,
        f"they are right about {own:.3f} of their training records, the model about {judged:.3f} of its"
        + ("" if ok else ": raise epochs or learning_rate until they fit as well as the model, or name a start"),
    )


def undefined(name: str, why: str, n: int, unit: str = "share") -> tm.Measurement:
    """A measurement without a value."""
    return tm.Measurement(name=name, value=None, undefined=why, n=n, unit=unit, higher_is_safer=False)
