"""From records to their importance: which of them value the members, and what the values are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.data_importance import controls
from builtin_checks.data_importance.features import embedded
from builtin_checks.data_importance.roles import Valuation, input_column
from builtin_checks.data_importance.score import knn_shapley


class Valued(NamedTuple):
    """Members and held-out records with their importance.

    Parameters
    ----------
    members, heldout : Dataset
        ``heldout`` are the non-members that valued nobody: those that attacks are tested on.
    member_labels, heldout_labels : arrays of int64
        Columns of the model's classes.
    values : array of float64, shape (N,)
        Importance of the members for the validation records (KNN-Shapley in the training set).
    pooled : array of float64, shape (N + H,)
        Importance of members and held-out records in one pool, in which nothing tells who was a member.
    column : str
        ``image`` or ``text``.
    classes : int
    validation : int
        Number of validation records.
    source : str
        What the embeddings are.
    """

    members: tm.Dataset
    heldout: tm.Dataset
    member_labels: np.ndarray
    heldout_labels: np.ndarray
    values: np.ndarray
    pooled: np.ndarray
    column: str
    classes: int
    validation: int
    source: str

    @property
    def pooled_members(self) -> np.ndarray:
        return self.pooled[: len(self.values)]

    @property
    def pooled_heldout(self) -> np.ndarray:
        return self.pooled[len(self.values) :]


def value_records(
    trust: tm.Trust,
    model: tm.Subject,
    reference: tm.Subject | None,
    members: tm.Dataset,
    nonmembers: tm.Dataset,
    population: tm.Dataset | None,
    valuation: Valuation,
    groups: int,
) -> Valued | None:
    """Value all records without asking the model, or return None after a control failed that leaves nothing to measure."""
    valuation.checked()
    column = input_column(members)
    if population is None:
        validation, heldout = _divided(trust, nonmembers, valuation.validation_share)
    else:
        validation, heldout = population, nonmembers
    sets = {"members": members, "heldout": heldout, "validation": validation}
    if not controls.separate_sets(trust, sets, column) or not controls.own_source(trust, model, reference):
        return None
    rows, source = embedded(trust, reference, sets, valuation)
    if not controls.embeddings_vary(trust, np.concatenate(list(rows.values())), source):
        return None
    names = model.classifier.labels
    labels = {name: tm.class_indices(data.column("label"), names) for name, data in sets.items()}
    points, wanted = rows["validation"], labels["validation"]
    with trust.progress("valuing the records", 2 * len(points)) as step:
        how = {"k": valuation.neighbours, "labels": valuation.utility, "step": step}
        values = knn_shapley(rows["members"], labels["members"], points, wanted, **how)
        both = [np.concatenate([each["members"], each["heldout"]]) for each in (rows, labels)]
        pooled = knn_shapley(both[0], both[1], points, wanted, **how)
    valued = Valued(
        members, heldout, labels["members"], labels["heldout"], values, pooled, column, len(names), len(points), source
    )
    controls.importance_works(trust, valued, rows["members"], rows["heldout"], groups, valuation.neighbours)
    return valued


def _divided(trust: tm.Trust, nonmembers: tm.Dataset, share: float) -> tuple[tm.Dataset, tm.Dataset]:
    """The non-members that value, and the others; drawn by the seed, whatever the order of the rows."""
    count = len(nonmembers)
    if count < 2:
        raise tm.DataError(
            f"The data role nonmembers has {count} record. Some value the members and the others are attacked: give at "
            "least 2, better 1000, or the role population as well."
        )
    mixed = nonmembers.sample(count, tm.generator(trust.seed, "data_importance", "validation"))
    first = min(count - 1, max(1, round(share * count)))
    return mixed.rows(0, first), mixed.rows(first, count)
