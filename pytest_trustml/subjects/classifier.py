"""Classifiers of the transformers library, for texts or images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from pytest_trustml.subjects.encoder import encoded, rows
from pytest_trustml.subjects.residence import Loaded, Residence


class TransformersClassifier:
    """``subject.classifier``. Texts longer than the model's context are cut, as they are in use."""

    def __init__(self, residence: Residence[Loaded], input: str) -> None:
        self._residence = residence
        self.input = input

    @property
    def labels(self) -> list[str]:
        """Names of the classes, in the order of the columns."""
        names = self._residence.get().model.config.id2label
        return [str(names[i]) for i in sorted(names)]

    def logits(self, inputs: Sequence[Any]) -> np.ndarray:
        """One row per input, one column per class: (B, C) float32."""
        loaded = self._residence.get()
        if hasattr(inputs, "__len__") and not len(inputs):
            return np.empty((0, len(self.labels)), np.float32)
        with torch.inference_mode():
            return rows(loaded.model(**encoded(loaded, inputs, self.input)).logits)
