"""The detector: how one number per text is read off a language model or a classifier, larger for more machine-like."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.generated_text import score
from builtin_checks.generated_text.observations import (
    Found,
    TwoModels,
    guesses,
    look_at_guesses,
    look_at_opinions,
    opinions,
)
from builtin_checks.generated_text.roles import Settings

ZERO_SHOT: dict[str, Callable[[score.Sums], np.ndarray]] = {
    "likelihood": score.likelihood,
    "perplexity": score.perplexity,
    "rank": score.rank,
    "log_rank": score.log_rank,
    "entropy": score.entropy,
    "gltr": score.gltr_shares,
    "lrr": score.lrr,
    "fast_detect": score.fast_detect,
    "binoculars": score.binoculars,
}
SAMPLED = "fast_detect_sampled"
DRAWS = 10_000
WITH_REFERENCE = ("fast_detect", SAMPLED, "binoculars")
TRAINED = ("gltr",)
_MACHINE = frozenset("ai machine fake generated llm gpt chatgpt bot synthetic artificial".split())
_HUMAN = frozenset("human real person people authentic natural".split())


class Unresolved(Exception):
    """The names of a classifier's classes do not say which of them are machine text."""


class Detector(NamedTuple):
    """What is judged.

    ``name`` is the score, ``subject`` what is observed, ``ask`` and ``look`` the observation of a data set and of bare texts,
    ``asked`` their parameters.
    """

    name: str
    subject: Any
    ask: Callable[..., Found]
    look: Callable[..., Found]
    asked: dict[str, Any]

    def observe(self, trust: tm.Trust, data: tm.Dataset) -> Found:
        """All sums of the texts, from the cache where they have been asked for before."""
        return trust.observe(self.ask, self.subject, data, **self.asked)

    def columns(self, found: Found, name: str = "") -> np.ndarray:
        """The score of each text as one column, or the four shares of GLTR: (n, k). NaN where it is undefined."""
        name = name or self.name
        if name == "classifier":
            rows = found["log_odds"]
        else:
            rows = score.fast_detect_sampled(found) if name == SAMPLED else ZERO_SHOT[name](found)
        return np.where(np.isfinite(rows), rows, np.nan).reshape(len(rows), -1)

    @property
    def others(self) -> list[str]:
        """Further scores that the same pass yields."""
        if self.name == "classifier":
            return []
        return [name for name in ZERO_SHOT if name != self.name]


def find_detector(model: tm.Subject, reference: tm.Subject | None, settings: Settings, seed: int = 0) -> Detector:
    """The detector that model and options describe.

    Raises
    ------
    Unsupported
        If the model is neither a language model nor a classifier.
    UsageError
        If the score is unknown, or cannot be had from this model.
    Unresolved
        If it is unknown which classes of a classifier mean machine text.
    """
    name = settings.score
    if name not in ("auto", "classifier", SAMPLED, *ZERO_SHOT):
        raise tm.UsageError(f"The score is {name!r}. Choose one of auto, classifier, {', '.join(ZERO_SHOT)}, {SAMPLED}.")
    is_text, is_classifier = (model.why_not(kind) is None for kind in ("text", "classifier"))
    if name == "classifier" or (name == "auto" and is_classifier):
        if not is_classifier:
            raise tm.UsageError(f"The score is 'classifier', but {model.why_not('classifier')}. Choose a zero-shot score.")
        classes = machine_classes(model.classifier.labels, settings.machine_label)
        asked = {"max_tokens": settings.max_tokens, "classes": classes}
        return Detector("classifier", model, opinions, look_at_opinions, asked)
    if not is_text:
        raise tm.Unsupported(f"A detector is a language model or a classifier of texts. Here {model.why_not('text')}.")
    if name == "auto":
        name = "fast_detect" if reference is None else "binoculars"
    if name == "binoculars" and reference is None:
        raise tm.UsageError("Binoculars compares two models. Give the second one with --trustml-reference-model=SPEC.")
    subject = TwoModels(model, reference) if reference is not None and name in WITH_REFERENCE else model
    asked = {"max_tokens": settings.max_tokens, "bos": settings.bos}
    if name == SAMPLED:
        asked |= {"draws": DRAWS, "seed": seed}
    return Detector(name, subject, guesses, look_at_guesses, asked)


def machine_classes(labels: Sequence[str], named: str = "") -> list[int]:
    """Which classes mean machine text, by their names: never by their order, and never by what fits the data.

    Parameters
    ----------
    labels : sequence of str
        Names of the classes.
    named : str
        Names of the machine's classes, separated by commas; decides where it is given.

    Raises
    ------
    Unresolved
        If nothing follows from the names.

    Examples
    --------
    >>> machine_classes(["Fake", "Real"]), machine_classes(["human", "gpt-4", "llama"]), machine_classes(["A", "B"], "B")
    ([0], [1, 2], [1])
    """
    if named:
        wanted = {name.strip() for name in named.split(",")}
        found = [index for index, label in enumerate(labels) if label in wanted]
        if len(found) != len(wanted) or len(found) == len(labels):
            raise Unresolved(f"machine_label names {named!r}, but the classes are {', '.join(labels) or 'without names'}")
        return found
    told = [set(re.findall(r"[a-z]+", label.lower())) for label in labels]
    human = [index for index, parts in enumerate(told) if parts & _HUMAN and not parts & _MACHINE]
    machine = [index for index, parts in enumerate(told) if parts & _MACHINE and not parts & _HUMAN]
    if len(human) == 1 and len(labels) > 1:
        return [index for index in range(len(labels)) if index not in human]
    if len(machine) == 1 and len(labels) == 2:
        return machine
    raise Unresolved(
        f"the classes are {', '.join(labels) or 'without names'}, which does not tell machine text from human text: name the "
        "machine's with the option machine_label, or save a model with id2label"
    )
