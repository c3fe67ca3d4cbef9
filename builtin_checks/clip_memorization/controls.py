"""Tests of the instrument: if one fails, no score can be trusted and the verdict is INVALID."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

import pytest_trustml as tm
from builtin_checks.clip_memorization.observations import matched_first
from builtin_checks.clip_memorization.overlap import MOST_FOUND, Overlap, digests, overlaps

LEAST_COMPETENCE = 0.75


def two_models(trust: tm.Trust, model: tm.Subject, reference: tm.Subject) -> bool:
    """The reference is another model: compared with itself, every model scores 0."""
    return trust.control(
        "two models",
        model.fingerprint != reference.fingerprint,
        f"the reference model has the fingerprint {reference.fingerprint[:12]}"
        + (", the same as the model: it was compared with itself" if model.fingerprint == reference.fingerprint else ""),
    )


def two_functions(trust: tm.Trust, f: Mapping[str, np.ndarray], g: Mapping[str, np.ndarray]) -> bool:
    """The two models embed the same pairs differently: a copy under another name is still the same model."""
    same = all(f[half].shape == g[half].shape and np.allclose(f[half], g[half], rtol=0, atol=1e-5) for half in f)
    return trust.control(
        "two functions",
        not same,
        "both models give the same embeddings: the model was compared with a copy of itself" if same else "embeddings differ",
    )


def separate_sets(trust: tm.Trust, model: tm.Subject, sets: Mapping[str, tm.Dataset]) -> bool:
    """No pair stands in two sets: neither by id, nor as the same picture, nor as a near copy with the same caption."""
    found = overlaps({name: (data.ids, trust.observe(digests, model, data)) for name, data in sets.items()})
    if not found:
        return trust.control("separate sets", True, f"no pair of the {len(sets)} sets stands in another one")
    rows = [list(overlap) for overlap in found[:200]]
    trust.table(["same", "set", "id", "also in", "as"], rows, caption="Pairs in two sets", sensitive=True)
    return trust.control("separate sets", False, _overlapping(found))


def _overlapping(found: list[Overlap]) -> str:
    first = found[0]
    count = f"{MOST_FOUND} or more" if len(found) >= MOST_FOUND else str(len(found))
    advice = " (ids that are counted per file are not unique: name another id column)" if first.same == "id" else ""
    return (
        f"{count} pairs stand in two sets, such as {first.first_id!r} of {first.first_set} and {first.second_id!r} of "
        f"{first.second_set} (same {first.same}){advice}; split by image and leave them out of one"
    )


def competence(trust: tm.Trust, who: str, images: np.ndarray, captions: np.ndarray) -> bool:
    """The model tells pairs that it trained on from mismatched ones; a blank, constant or random encoder does not."""
    share = matched_first(images, captions)
    return trust.control(
        f"competence of the {who}",
        share >= LEAST_COMPETENCE,
        f"on {len(images)} shared pairs the matching half is closer than another one in {share:.1%} of comparisons "
        f"(1/2 is chance, at least {LEAST_COMPETENCE:.0%} is asked for)",
    )


_MEANING = {
    "shared": "both models trained on these pairs: they were trained differently, or the reference is no twin",
    "external": "neither model trained on these pairs: one was trained differently, or they leaked into one of them",
    "independent": "only the reference trained on these pairs: the models are swapped, or the sets are",
    "candidates": "only the model trained on these pairs: the models are swapped, or the reference saw them too",
}


def drifts(trust: tm.Trust, scores: Mapping[str, np.ndarray], margin: float) -> list[tm.Drift]:
    """Shared and external pairs score about zero; pairs of one model alone do not score on the side of the other one."""
    expected = {
        "shared": "zero", "external": "zero", "independent": "not above zero", "candidates": "not below zero",
    }  # fmt: skip
    found = [trust.drift(name, scores[name], expected[name], margin) for name in expected]
    for one in found:
        why = f"mean score {one.mean:.4f} ± {one.error:.4f} (standard error), expected {one.expected} within {margin:g}"
        trust.control(f"mean of {one.set}", one.ok, why if one.ok else f"{why}; {_MEANING[one.set]}")
    return found
