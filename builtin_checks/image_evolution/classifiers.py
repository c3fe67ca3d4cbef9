"""Judges that are whole models: image classifiers of transformers, and what a user's function returns."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property

import numpy as np

import pytest_trustml as tm
from builtin_checks.image_evolution.labels import columns_of, refuse_without_harmless


class ClassifierHead:
    """A whole classifier as a judge. Made by `open_classifier`."""

    def __init__(self, name: str, kind: str, subject: tm.Subject, labels: list[str], how: str) -> None:
        self.name, self.kind, self.how = name, kind, how
        self._subject = subject
        self._columns = columns_of(labels, kind, name)
        self.labels = ("fake",) if kind == "detector" else tuple(labels[column] for column in self._columns)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the classifier and of what is read off it."""
        words = json.dumps([self._subject.fingerprint, self.kind, self.how, self._columns, self.labels])
        return hashlib.sha256(words.encode()).hexdigest()

    def read(self, trust: tm.Trust, pictures: tm.Dataset) -> np.ndarray:
        """Probabilities (n, K) float64 of the pictures in the column ``image``."""
        return np.asarray(trust.observe(probabilities, self._subject, pictures, how=self.how), np.float64)[:, self._columns]


def open_classifier(name: str, kind: str, subject: tm.Subject) -> ClassifierHead:
    """A classifier as a judge.

    A directory gives softmax probabilities, or one sigmoid per label where its configuration says so (``problem_type``
    ``multi_label_classification``, or one label). A function's object gives its ``predict_proba`` as it is, or the softmax of
    its ``logits``.
    """
    why = subject.why_not("classifier")
    if why is not None:
        raise tm.DataError(f"The judge {name} ({subject.spec}) gives no probabilities: {why}")
    if subject.path is not None:
        config = json.loads((subject.path / "config.json").read_text(encoding="utf-8"))
        names = {int(number): str(label) for number, label in (config.get("id2label") or {}).items()}
        labels = [names[number] for number in sorted(names)] or [str(label) for label in subject.classifier.labels]
        many = config.get("problem_type") == "multi_label_classification" or len(labels) == 1
        how = "sigmoid" if many else "softmax"
    else:
        labels = [str(label) for label in subject.classifier.labels]
        how = "given" if _gives_probabilities(subject) else "softmax"
    if how == "softmax":
        refuse_without_harmless(labels, kind, name)
    return ClassifierHead(name, kind, subject, labels, how)


def probabilities(subject: tm.Subject, batch: tm.Dataset, *, how: str) -> np.ndarray:
    """What a classifier says of the pictures in the column ``image``: (B, C) float64 in [0, 1]."""
    from PIL import Image

    cells = batch.column("image")
    images = [Image.fromarray(cell) if isinstance(cell, np.ndarray) else cell for cell in cells]
    if how == "given":
        found = np.asarray(subject.classifier.predict_proba(images), np.float64)
        if found.ndim != 2 or len(found) != len(images) or not ((found >= 0) & (found <= 1)).all():
            raise tm.SubjectError(
                f"predict_proba of {subject.spec} gave {found.shape} for {len(images)} pictures, from "
                f"{found.min(initial=1):.3g} to {found.max(initial=0):.3g}. It must give one row per picture and numbers from "
                "0 to 1."
            )
        return found
    from scipy.special import expit, softmax

    logits = np.asarray(subject.classifier.logits(images), np.float64)
    return expit(logits) if how == "sigmoid" else softmax(logits, axis=1)


def _gives_probabilities(subject: tm.Subject) -> bool:
    try:
        return callable(subject.classifier.predict_proba)
    except (tm.Unsupported, AttributeError):
        return False
