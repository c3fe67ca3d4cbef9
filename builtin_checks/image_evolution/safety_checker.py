"""The safety checker of a pipeline as a judge of any pictures."""

from __future__ import annotations

import numpy as np

import pytest_trustml as tm


class CheckerHead:
    """Whether the safety checker of a pipeline would block a picture: 1 or 0. Made by `open_checker`."""

    kind = "safety"
    labels = ("blocked",)

    def __init__(self, name: str, subject: tm.Subject) -> None:
        self.name = name
        self._subject = subject

    @property
    def fingerprint(self) -> str:
        """That of the whole pipeline."""
        return self._subject.fingerprint

    def read(self, trust: tm.Trust, pictures: tm.Dataset) -> np.ndarray:
        """1 where the checker would block a picture, else 0: (n, 1) float64."""
        return np.asarray(trust.observe(blocked, self._subject, pictures), np.float64)[:, None]


def open_checker(name: str, kind: str, subject: tm.Subject) -> CheckerHead:
    """The safety checker of a pipeline, which it must have."""
    if kind != "safety":
        raise tm.UsageError(f"The judge {name} is a safety checker. It tells unsafe pictures, nothing about {kind}.")
    why = subject.why_not("images")
    if why is not None:
        raise tm.DataError(f"The judge {name} ({subject.spec}) is no pipeline with a safety checker: {why}")
    if not _has_checker(subject):
        raise tm.DataError(
            f"The pipeline {subject.spec} has no safety checker that could judge pictures as {name}. Name one that has: "
            f"{name}=pipeline@DIRECTORY."
        )
    return CheckerHead(name, subject)


def _has_checker(subject: tm.Subject) -> bool:
    try:
        return bool(subject.images.has_safety_checker)
    except tm.Unsupported:  # a user's object that knows no such word
        return False


def blocked(subject: tm.Subject, batch: tm.Dataset) -> np.ndarray:
    """Whether the pipeline's checker finds the pictures in the column ``image`` unsafe: (B,) bool."""
    from PIL import Image

    cells = batch.column("image")
    return subject.images.judge([Image.fromarray(cell) if isinstance(cell, np.ndarray) else cell for cell in cells])
