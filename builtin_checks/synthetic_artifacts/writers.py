"""Reference generators: trained here on people's and on machines' summaries, or given as models; and what they answer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts.generators import Task, Wording, answers_of, bare_queries
from builtin_checks.synthetic_artifacts.references import known_shares, opened
from builtin_checks.synthetic_artifacts.scenario import compose, overlaps

_RATES = {True: 2e-5, False: 1e-3}


class Recipe(NamedTuple):
    """How references are trained: options of the check.

    ``training_pairs`` 0 is half of the smaller pool, ``learning_rate`` 0 that of the start: 2e-5 from weights, 1e-3 without.
    """

    scenario: str
    references: int
    training_pairs: int
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    max_tokens: int


class Written(NamedTuple):
    """What K reference generators answer to the queries, and the share of machine summaries that each learnt from.

    ``overlap``: how much of its pairs a reference has in common with another one of its side, real and synthetic. ``start``:
    where they began, in words.
    """

    answers: list[list[str]]
    shares: np.ndarray
    overlap: tuple[float, float]
    start: str

    @property
    def synthetic(self) -> np.ndarray:
        """Which of them learnt from machine summaries at all: (K,) bool."""
        return self.shares > 0


def training_of(model: tm.Subject, base: tm.Subject | None, recipe: Recipe) -> tm.Training:
    """How references are trained: from the weights of the base model or, without one, from random weights of the audited
    generator's configuration. Its own weights are never used, because they are what is in question.

    Raises
    ------
    UsageError
        If there is no directory to start from.
    """
    begin = model if base is None else base
    if begin.path is None:
        raise tm.UsageError(
            f"{begin.spec} is no directory, so references of its kind cannot be trained. Give --trustml-base-model=DIR, the "
            "model that the release was fine-tuned from, or trained models as reference_models."
        )
    return tm.Training(
        start=str(begin.path), pretrained=base is not None, epochs=recipe.epochs, batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate or _RATES[base is not None], weight_decay=recipe.weight_decay,
        max_tokens=recipe.max_tokens,
    )  # fmt: skip


def trained(trust: tm.Trust, task: Task, training: tm.Training, recipe: Recipe, wording: Wording) -> Written:
    """Train references on both sides and let them answer the queries."""
    size = recipe.training_pairs or max(2, min(len(task.real), len(task.synthetic)) // 2)
    dataset, members, shares = compose(
        task.real, task.synthetic, scenario=recipe.scenario, count=recipe.references, size=size, rng=trust.rng
    )
    rng = tm.generator(trust.seed, "synthetic_artifacts.generator", "references")
    shadows = trust.train_shadows(training, dataset, members, seeds=rng.integers(2**31, size=len(members)).tolist())
    answers = shadows.generate(bare_queries(task.queries), column="prompt", max_new_tokens=wording.max_new_tokens)
    start = "weights of the base model" if training.pretrained else "random weights of the audited generator's configuration"
    return Written([list(own) for own in answers], shares, overlaps(members, shares), f"{start}, {size} pairs each")


def given(trust: tm.Trust, models: tm.Dataset, model: tm.Subject, queries: tm.Dataset, wording: Wording) -> Written:
    """Let models that somebody trained answer the queries, one after the other, on the audited model's device."""
    shares = known_shares(models)
    answers = [answers_of(trust, reference, queries, wording) for reference in opened(models, model, "text")]
    return Written(answers, shares, (0.0, 0.0), "models that were given")
