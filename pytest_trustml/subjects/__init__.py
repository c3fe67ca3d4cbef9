"""What is judged: models by spec, opened lazily, with what they can do as attributes."""

from __future__ import annotations

from pytest_trustml.subjects.capabilities import (
    CAPABILITIES,
    Adapter,
    Classifier,
    Encoder,
    ImageGenerator,
    PairEncoder,
    PictureSet,
    TextModel,
)
from pytest_trustml.subjects.subject import Subject, open_subject

__all__ = [
    "CAPABILITIES",
    "Adapter",
    "Classifier",
    "Encoder",
    "ImageGenerator",
    "PairEncoder",
    "PictureSet",
    "Subject",
    "TextModel",
    "open_subject",
]
