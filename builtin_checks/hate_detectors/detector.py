"""A classifier seen as a hate detector: one score per text, the probability that it is hateful."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.hate_detectors.labels import hate_columns
from builtin_checks.hate_detectors.roles import hateful

if TYPE_CHECKING:
    from pytest_trustml import Dataset, Subject, Trust

HEADS = ("auto", "softmax", "sigmoid", "probability")


class Detector(NamedTuple):
    """How the numbers of a classifier become a probability of hate: which columns, and what kind of numbers they are."""

    columns: tuple[int, ...]
    head: str

    @property
    def params(self) -> dict[str, Any]:
        """As parameters of an observation."""
        return {"columns": list(self.columns), "head": self.head}


class Judged(NamedTuple):
    """Labelled texts with what the detector says of them: ``scores`` are P(hate), ``flagged`` is score >= threshold."""

    data: Dataset
    hateful: np.ndarray
    scores: np.ndarray
    flagged: np.ndarray
    detector: Detector


def resolve(model: Subject, hate_label: str = "", head: str = "auto") -> Detector:
    """Read off a model which of its classes mean hate.

    Parameters
    ----------
    model : Subject
        With a ``.classifier``.
    hate_label : str
        Names of classes, separated by commas; empty to tell it by the names.
    head : {"auto", "softmax", "sigmoid", "probability"}
        ``softmax``: the classes exclude each other. ``sigmoid``: each class is a yes or no of its own, as in toxicity models
        with several labels. ``probability``: the factory's ``predict_proba`` gives such independent probabilities. ``auto``:
        sigmoid for a single class or a checkpoint whose configuration says ``multi_label_classification``, else softmax.

    Raises
    ------
    UsageError
        If the label cannot be told, or for an unknown head.
    """
    if head not in HEADS:
        raise tm.UsageError(f"The option head is {head!r}. Choose one of {', '.join(HEADS)}.")
    labels = list(model.classifier.labels)
    columns = hate_columns(labels, hate_label)
    if head == "auto":
        head = "sigmoid" if len(labels) == 1 or _multi_label(model) else "softmax"
    if head == "softmax" and len(labels) == 1:
        raise tm.UsageError(
            "The detector has a single class, whose share of the probability is always 1. Set the option head to sigmoid, or "
            "to probability if its factory gives probabilities."
        )
    if head == "softmax" and len(columns) == len(labels):
        raise tm.UsageError(
            f"The option hate_label names all classes of the detector ({', '.join(map(repr, labels))}), and these "
            "exclude each other. Leave out those that do not mean hate."
        )
    return Detector(tuple(columns), head)


def probabilities(logits: np.ndarray, columns: Sequence[int], head: str) -> np.ndarray:
    """P(hate) from the numbers of a classifier: (B, C) to (B,) float64.

    With several columns: the sum where classes exclude each other, otherwise the largest.

    >>> probabilities(np.log([[0.2, 0.5, 0.3]]), [0, 1], "softmax").round(6).tolist()
    [0.7]
    >>> probabilities(np.array([[0.0, -2.0]]), [0, 1], "sigmoid").tolist()
    [0.5]
    """
    logits = np.asarray(logits, dtype=np.float64)
    if head == "softmax":
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.minimum(shifted[:, list(columns)].sum(axis=1) / shifted.sum(axis=1), 1.0)
    chosen = logits[:, list(columns)].max(axis=1)
    if head == "sigmoid":
        return 1 / (1 + np.exp(-np.clip(chosen, -700, 700)))
    if chosen.max(initial=0.0) > 1e-4:
        raise tm.UsageError(
            f"The option head is probability, but the detector gives numbers whose logarithm is {chosen.max():.4g}: these are "
            "no probabilities. Set it to sigmoid or softmax."
        )
    return np.minimum(np.exp(chosen), 1.0)


def hate_scores(subject: Subject, batch: Dataset, *, columns: Sequence[int], head: str, column: str = "text") -> np.ndarray:
    """P(hate) of every text in a column: (B,) float64."""
    return score_texts(subject, list(batch.column(column)), columns, head)


def score_texts(subject: Subject, texts: Sequence[str], columns: Sequence[int], head: str) -> np.ndarray:
    """P(hate) of texts: (B,) float64.

    Raises
    ------
    SubjectError
        If the model gives no finite number for a text, or another number of classes than it names.
    """
    logits = np.asarray(subject.classifier.logits(list(texts)))
    if logits.ndim != 2 or len(logits) != len(texts) or logits.shape[1] <= max(columns):
        raise tm.SubjectError(
            f"The detector gave numbers of the shape {logits.shape} for {len(texts)} texts. It must give one row per text with "
            f"one column per label, so at least {max(columns) + 1}."
        )
    broken = ~np.isfinite(logits).all(axis=1)
    if broken.any():
        raise tm.SubjectError(
            f"The detector gave no finite number for {int(broken.sum())} of {len(texts)} texts. Nothing can be judged: repair "
            "the model."
        )
    return probabilities(logits, columns, head)


def judge(
    trust: Trust, model: Subject, texts: Dataset, *, threshold: float, hate_label: str, head: str, hateful_labels: str
) -> Judged:
    """Ask the detector about labelled texts, once for all checks."""
    if not 0 < threshold < 1:
        raise tm.UsageError(f"The option threshold is {threshold}. It is a probability of hate between 0 and 1, such as 0.5.")
    detector = resolve(model, hate_label, head)
    gold = hateful(texts, hateful_labels)
    scores = np.asarray(trust.observe(hate_scores, model, texts, **detector.params))
    return Judged(texts, gold, scores, scores >= threshold, detector)


def _multi_label(model: Subject) -> bool:
    if model.path is None:
        return False
    try:
        config = json.loads((model.path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and config.get("problem_type") == "multi_label_classification"
