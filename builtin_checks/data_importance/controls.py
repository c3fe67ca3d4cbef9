"""Tests of the instrument: if one fails, neither importance nor exposure can be trusted and the verdict is INVALID."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

import pytest_trustml as tm
from builtin_checks.data_importance.roles import Pictures
from builtin_checks.data_importance.score import knn_accuracy
from builtin_checks.data_importance.strata import strata

if TYPE_CHECKING:
    from builtin_checks.data_importance.importance import Valued

FEWEST = 30
"""Fewer records tell nothing about a classifier of neighbours."""


def separate_sets(trust: tm.Trust, sets: Mapping[str, tm.Dataset], column: str) -> bool:
    """No record stands in two sets: a copy of a member among the non-members is a member."""
    place: dict[str, str] = {}
    shared = []
    for name, data in sets.items():
        for record, digest in zip(data.ids, _digests(data, column), strict=True):
            if place.setdefault(digest, name) != name:
                shared.append((record, name, place[digest]))
    first = f", such as {shared[0][0]!r} of {shared[0][1]}, which stands in {shared[0][2]}" if shared else ""
    why = f"{len(shared)} records stand in two sets{first}" + ("; leave them out of one" if shared else "")
    return trust.control("separate sets", not shared, why)


def _digests(data: tm.Dataset, column: str) -> list[str]:
    if column == "text":
        return [hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in data.column("text")]
    pictures = Pictures(data)
    found = []
    for row in range(len(pictures)):
        picture = pictures[row]
        found.append(hashlib.sha256(f"{picture.size}".encode() + picture.tobytes()).hexdigest())
    return found


def own_source(trust: tm.Trust, model: tm.Subject, reference: tm.Subject | None) -> bool:
    """Importance comes from elsewhere: found with the judged model it would hold the answer."""
    same = reference is not None and reference.fingerprint == model.fingerprint
    what = "the content of the records" if reference is None else f"the model {reference.fingerprint[:12]}"
    why = f"importance comes from {what}" + (": that is the judged model itself; give another encoder" if same else "")
    return trust.control("importance without the model", not same, why)


def embeddings_vary(trust: tm.Trust, rows: np.ndarray, source: str) -> bool:
    """Different records have different embeddings."""
    spread = float(np.abs(rows - rows[0]).max())
    ok = spread > 1e-9 * max(1.0, float(np.abs(rows).max()))
    return trust.control("embeddings vary", ok, f"{source}: the largest difference is {spread:.3g}")


def importance_works(
    trust: tm.Trust, valued: Valued, members: np.ndarray, heldout: np.ndarray, groups: int, neighbours: int
) -> None:
    """Neighbours from the top stratum classify held-out records better than those from the bottom one.

    What values are for; if it does not hold, the embeddings say nothing about the classes, or too few records were valued by.
    """
    if len(valued.values) < groups * FEWEST // 3 or len(heldout) < FEWEST:
        trust.control("importance works", True, f"not tested: {len(heldout)} held-out records are too few")
        return
    stratum = strata(valued.values, valued.members.ids, groups)
    top, bottom = (
        knn_accuracy(
            members[stratum == own], valued.member_labels[stratum == own], heldout, valued.heldout_labels,
            k=min(neighbours, int((stratum == own).sum())),
        )
        for own in (groups - 1, 0)
    )  # fmt: skip
    why = (
        f"neighbours from the top stratum classify {top:.1%} of the held-out records rightly, from the bottom one {bottom:.1%}"
    )
    trust.control("importance works", top > bottom, why + ("" if top > bottom else "; give a better encoder or more records"))


def competence(trust: tm.Trust, logits: np.ndarray, labels: np.ndarray) -> bool:
    """The classifier answers differently to different members and is right more often than always saying one class."""
    if not np.isfinite(logits).all():
        return trust.control("the classifier works", False, "its logits hold NaN or infinite values")
    constant = float(np.ptp(logits, axis=0).max()) <= 1e-6 * max(1.0, float(np.abs(logits).max()))
    accuracy = float((logits.argmax(axis=1) == labels).mean())
    most = float(np.bincount(labels).max() / len(labels))
    why = f"it is right on {accuracy:.1%} of the members; always saying one class is right on {most:.1%}"
    why += "; it gives the same logits to all" if constant and len(logits) > 1 else ""
    return trust.control("the classifier works", accuracy > most and not (constant and len(logits) > 1), why)
