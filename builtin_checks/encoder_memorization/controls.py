"""Tests of the instrument: if one fails, no score can be trusted and the verdict is INVALID."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

import pytest_trustml as tm
from builtin_checks.encoder_memorization.observations import digests

FEWEST_ALIVE = 0.1
"""Share of the units that have to tell any two images apart."""


def separate_sets(trust: tm.Trust, model: tm.Subject, sets: Mapping[str, tm.Dataset]) -> bool:
    """No image stands in two sets. One that does would hide memorization or feign it."""
    homes: dict[str, tuple[str, str]] = {}
    twice = []
    for name, data in sets.items():
        for digest, row in zip(trust.observe(digests, model, data), data.ids, strict=True):
            there = homes.setdefault(digest, (name, row))
            if there[0] != name:
                twice.append([*there, name, row])
    if not twice:
        return trust.control("separate sets", True, f"no image of the {len(sets)} sets stands in another one")
    columns = ["set", "id", "also in", "as"]
    trust.table(columns, twice[:200], caption="The same image in two sets", sensitive=True)
    first = twice[0]
    return trust.control(
        "separate sets",
        False,
        f"{len(twice)} images stand in two sets, such as {first[1]!r} of {first[0]} and {first[3]!r} of {first[2]}; leave them "
        "out of one",
    )


def living_units(trust: tm.Trust, alive: int, units: int) -> bool:
    """The encoder answers to what it sees: a blank or constant one has no memory, but it is no encoder either."""
    return trust.control(
        "living units",
        alive >= max(1, FEWEST_ALIVE * units),
        f"{alive} of {units} units tell any two images apart (at least {FEWEST_ALIVE:.0%} must)",
    )


def two_models(trust: tm.Trust, model: tm.Subject, reference: tm.Subject) -> bool:
    """The reference is another model: compared with itself, every model scores 0."""
    same = model.fingerprint == reference.fingerprint
    return trust.control(
        "two models",
        not same,
        f"the reference model has the fingerprint {reference.fingerprint[:12]}"
        + (", the same as the model: it was compared with itself" if same else ""),
    )


def answering(trust: tm.Trust, who: str, aligned: np.ndarray) -> bool:
    """The model's embedding tells two views of an image apart at least for some images; a constant one never does."""
    moved = float(np.mean(aligned > 0))
    return trust.control(
        f"answers of the {who}",
        moved >= 0.5,
        f"two views of an image have different embeddings for {moved:.0%} of the images (at least 50% is asked for)",
    )


def two_functions(trust: tm.Trust, f: np.ndarray, g: np.ndarray) -> bool:
    """The two models hold views together differently: a copy under another name is still the same model."""
    same = bool(np.allclose(f, g, rtol=1e-4, atol=1e-6))
    why = "both models give the same distances: the model was compared with a copy of itself" if same else "distances differ"
    return trust.control("two functions", not same, why)


EXPECTED = {
    "shared_images": "zero", "heldout_images": "zero", "independent_images": "not above zero",
    "candidate_images": "not below zero",
}  # fmt: skip
_MEANING = {
    "shared_images": "both models trained on these: they were trained differently, or the reference is no twin",
    "heldout_images": "neither model trained on these: one was trained differently, or they leaked into one of them",
    "independent_images": "only the reference trained on these: the models are swapped, or the sets are",
    "candidate_images": "only the model trained on these: the models are swapped, or the reference saw them too",
}


def canaries(trust: tm.Trust, candidates: tm.Dataset, scores: np.ndarray) -> None:
    """Pictures that were put into the training several times are remembered better the more often: does the whole chain see it?

    Only where the candidates have a column ``copies``: how often each was in the training. It fails where the mean score of the
    pictures with most copies is not above that of the pictures with fewest.
    """
    if "copies" not in candidates.columns:
        return
    copies = np.array([_copies(cell) for cell in candidates.column("copies")])
    planted = np.unique(copies)
    means = {int(number): float(scores[copies == number].mean()) for number in planted}
    if len(means) < 2:
        raise tm.DataError(
            f"All candidates have {planted[0]} in the column copies. Canaries are compared by how often they were in the "
            "training: plant some once and some 4 and 16 times, or leave the column out."
        )
    ok = means[int(planted[-1])] > means[int(planted[0])]
    told = ", ".join(f"{mean:.3f} for {number}" for number, mean in means.items())
    trust.control(
        "canaries",
        ok,
        f"mean score by number of copies in the training: {told}"
        + ("" if ok else "; more copies are not remembered better, so that what was measured is no memorization"),
    )


def _copies(cell: object) -> int:
    word = str(cell).strip().removesuffix(".0")
    if not word.isdigit() or int(word) < 1:
        raise tm.DataError(f"The column copies holds {word[:30]!r}. It says how often the image was in the training, from 1.")
    return int(word)


def drifts(trust: tm.Trust, scores: Mapping[str, np.ndarray], margin: float) -> list[tm.Drift]:
    """Shared and held-out images score about zero; images of one model alone do not score on the side of the other one."""
    found = [trust.drift(name, scores[name], expected, margin) for name, expected in EXPECTED.items()]
    for one in found:
        why = f"mean score {one.mean:.4f} ± {one.error:.4f} (standard error), expected {one.expected} within {margin:g}"
        trust.control(f"mean of {one.set}", one.ok, why if one.ok else f"{why}; {_MEANING[one.set]}")
    return found
