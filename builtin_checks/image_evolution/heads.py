"""Frozen judges of pictures: what kinds there are, and how the user's words for them are opened."""

from __future__ import annotations

import re
from typing import Protocol

import numpy as np

import pytest_trustml as tm

KINDS = ("safety", "attribute", "detector")
PIPELINE = "pipeline"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class Head(Protocol):
    """A frozen judge of pictures: it reads K probabilities off each, and is the same for both versions.

    ``kind``: ``safety`` (labels are categories of what is unsafe), ``attribute`` (labels are groups) or ``detector`` (one
    label, ``fake``). ``fingerprint`` digests everything that its readings depend on.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    fingerprint: str

    def read(self, trust: tm.Trust, pictures: tm.Dataset) -> np.ndarray:
        """Probabilities (n, K) float64 in [0, 1] for a data set with n rows and a column ``image``; kept from run to run."""


def open_heads(specs: str, kind: str, model: tm.Subject) -> list[Head]:
    """The judges that an option names, in its order.

    Parameters
    ----------
    specs : str
        ``NAME=SPEC, NAME=SPEC``; a NAME is letters, digits, ``_`` and ``-``. A SPEC is one of

        - a directory of an image classifier of transformers (or ``hf:org/name@revision``);
        - ``FILE.safetensors@CLIP``: a head file on the image-text model in the directory CLIP, see `head_files`;
        - ``pipeline``: the safety checker of the model that is judged, or ``pipeline@DIRECTORY`` that of another pipeline;
        - ``py:module:function``: a function that returns an object with ``labels`` and ``predict_proba(images)`` (or
          ``logits``), where images are PIL images.

        Relative paths start at the folder that holds the model, or else at the current directory.
    kind : str
        ``safety``, ``attribute`` or ``detector``: what the judge's labels mean.
    model : Subject
        The model that is judged.

    Returns
    -------
    list of Head
        Empty for an empty text.

    Raises
    ------
    UsageError
        For words that name no judge, or two judges of one name.
    DataError
        For a judge whose labels do not fit its kind.
    """
    if kind not in KINDS:
        raise tm.UsageError(f"{kind!r} is no kind of judge. Use {', '.join(KINDS)}.")
    heads: list[Head] = []
    for entry in filter(None, (part.strip() for part in specs.split(","))):
        name, equals, spec = (part.strip() for part in entry.partition("="))
        if not equals or not spec or not _NAME.fullmatch(name):
            raise tm.UsageError(
                f"{entry!r} names no judge of pictures. Write NAME=SPEC, for example q16=heads/q16.safetensors@heads/clip; "
                "several are parted by commas."
            )
        if name in [head.name for head in heads]:
            raise tm.UsageError(f"Two judges are called {name!r}. Give each its own name.")
        heads.append(_open(name, spec, kind, model))
    return heads


def open_similarity(spec: str, model: tm.Subject) -> tm.Subject | None:
    """The image-text model that says how well a picture fits its prompt; None for an empty text.

    Relative paths start where those of judges do. Raises DataError if it is no image-text model.
    """
    if not spec.strip():
        return None
    clip = tm.open_beside(spec.strip(), model, "similarity")
    why = clip.why_not("pairs")
    if why is not None:
        raise tm.DataError(f"The model {spec!r} cannot say how well a picture fits its prompt: {why}")
    return clip


def _open(name: str, spec: str, kind: str, model: tm.Subject) -> Head:
    from builtin_checks.image_evolution.classifiers import open_classifier
    from builtin_checks.image_evolution.head_files import open_head_file
    from builtin_checks.image_evolution.safety_checker import open_checker

    if spec == PIPELINE or spec.startswith(f"{PIPELINE}@"):
        return open_checker(name, kind, model if spec == PIPELINE else tm.open_beside(spec.partition("@")[2], model, name))
    file, on, clip = spec.partition(".safetensors@")
    if on:
        return open_head_file(name, kind, tm.find_beside(f"{file}.safetensors", model, name), tm.open_beside(clip, model, name))
    if spec.endswith(".safetensors"):
        raise tm.UsageError(f"The head file of {name!r} needs the image-text model that it goes on: write {spec}@DIRECTORY.")
    return open_classifier(name, kind, tm.open_beside(spec, model, name))
