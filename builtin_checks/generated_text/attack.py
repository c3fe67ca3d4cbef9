"""Machine texts edited until the detector takes them for human ones: the observation behind the evasion check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import pytest_trustml as tm
from builtin_checks.generated_text.detector import Detector
from builtin_checks.generated_text.instrument import Instrument
from builtin_checks.generated_text.observations import guesses, look_at_guesses, look_at_opinions, opinions
from builtin_checks.generated_text.stylometry import Logistic


def plan(ready: Instrument, threshold: float) -> dict[str, Any]:
    """What an attack has to know of a detector, as plain values."""
    values = np.concatenate([ready.values(part) for part in ready.calibration])
    trained = ready.trained
    return {
        "score": ready.detector.name,
        "asked": dict(ready.detector.asked),
        "trained": None if trained is None else [np.asarray(part).tolist() for part in trained],
        "threshold": threshold,
        "scale": max(float(values.std()), 1e-9),
    }


def attacked(
    subject: Any, batch: tm.Dataset, *, plan: dict[str, Any], max_queries: int, max_edit_ratio: float, seed: int
) -> dict[str, list[str] | np.ndarray]:
    """Each text after the attack, with its status (skipped, success, failed), its queries, edits, and both suspicions."""
    found = tm.attack_texts(
        lambda texts: suspicion(subject, texts, plan),
        list(batch.column("text")),
        max_queries=max_queries,
        max_edit_ratio=max_edit_ratio,
        seed=seed,
    )
    return {
        "text": [one.text for one in found],
        "status": [one.status for one in found],
        "queries": np.array([one.queries for one in found]),
        "edits": np.array([len(one.edits) for one in found]),
        "before": np.array([one.before for one in found]),
        "after": np.array([one.after for one in found]),
        "canonical": suspicion(subject, [tm.canonicalise(one.text) for one in found], plan),
    }


def broken_control(texts: Sequence[str], *, max_queries: int, max_edit_ratio: float, seed: int) -> float:
    """How often the same attack, with the same budget, breaks a detector that falls to two misspelt words: it must, mostly.

    The weak detector knows the words of the texts and halves its suspicion for each that it does not know. An attack that
    cannot break it, because the texts are too long for the budget, shows nothing about any other detector.
    """
    known = {word for text in texts for word in text.split()}

    def weak(shown: Sequence[str]) -> np.ndarray:
        return np.array([0.5 ** sum(word not in known for word in text.split()) for text in shown])

    found = tm.attack_texts(weak, list(texts), max_queries=max_queries, max_edit_ratio=max_edit_ratio, seed=seed)
    return sum(one.status == "success" for one in found) / len(found)


def suspicion(subject: Any, texts: Sequence[str], plan: dict[str, Any]) -> np.ndarray:
    """The detector as an attack sees it: numbers in [0, 1], above 1/2 where it flags; 0 for a text that it cannot score."""
    classifier = plan["score"] == "classifier"
    detector = Detector(
        plan["score"],
        subject,
        opinions if classifier else guesses,
        look_at_opinions if classifier else look_at_guesses,
        plan["asked"],
    )
    columns = detector.columns(detector.look(subject, list(texts), **plan["asked"]))
    trained = plan["trained"]
    values = columns[:, 0] if trained is None else Logistic(*map(np.asarray, trained))(columns)
    far = np.nan_to_num((values - plan["threshold"]) / plan["scale"], nan=-50.0)
    return 1 / (1 + np.exp(-np.clip(far, -50, 50)))
