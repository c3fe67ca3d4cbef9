"""Copying a detector by asking it: surrogates for several query budgets, from one round of questions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_trustml.attacks.stealing.surrogate import Surrogate, constant
from pytest_trustml.attacks.stealing.victim import Victim, checked_texts
from pytest_trustml.errors import UsageError, unknown
from pytest_trustml.work.progress import Progress

if TYPE_CHECKING:
    import numpy as np

KINDS = ("linear", "transformer")


def steal(
    predict: Callable[[list[str]], Any],
    queries: Sequence[str],
    *,
    rng: np.random.Generator,
    kind: str = "linear",
    budgets: Sequence[int] = (100, 300, 1000),
    labels_only: bool = False,
    threshold: float = 0.5,
    model: str | Path | None = None,
    batch_size: int = 256,
    device: str = "cpu",
    progress: Any = None,
) -> dict[int, Surrogate]:
    """Train copies of a detector on its answers to more and more questions: how cheaply is it extracted?

    The largest budget is asked once, in an order that ``rng`` draws; a surrogate of a smaller budget is trained on the first of
    these answers. So the victim is asked exactly ``max(budgets)`` texts, each once.

    Parameters
    ----------
    predict : callable
        The victim: a list of texts to an array (B,), the score in [0, 1] of the class that it looks for, or bool.
    queries : sequence of str
        Texts to ask, disjoint from those of a later attack. A text that occurs twice is asked once.
    rng : numpy.random.Generator
        Draws the order of the questions and, for a transformer, the weights to start from.
    kind : {"linear", "transformer"}
        ``linear``: logistic regression on TF-IDF of words and characters, seconds. ``transformer``: a small BERT, or the one in
        the folder ``model``, minutes.
    budgets : sequence of int
        Numbers of questions. Every one needs as many different queries.
    labels_only : bool
        Learn from the label (score at least ``threshold``) alone. Hiding scores is the usual defence: compare both.
    threshold : float
    model : path, optional
        For ``transformer``: a sequence classifier with two labels to start from.
    device : str
        For ``transformer``.
    progress : callable, optional
        ``progress(label, total)`` is a context manager that gives ``step(done)``, as ``trust.progress`` is.

    Returns
    -------
    dict of int to Surrogate
        By budget, in rising order. Where all answers of a budget are the same label its surrogate says nothing else.

    Raises
    ------
    UsageError
        For an unknown kind, budgets that are none, or fewer different queries than the largest of them.
    SubjectError
        If the victim gives anything but one score in [0, 1] per text.

    References
    ----------
    Shen et al. 2025, arXiv 2501.16750 (stealthy campaigns by model stealing).

    Examples
    --------
    >>> import numpy as np
    >>> texts = [f"you {word} number {n}" for n in range(30) for word in ("muppet", "friend")]
    >>> victim = lambda texts: ["muppet" in text for text in texts]
    >>> copies = steal(victim, texts, budgets=(20, 40), rng=np.random.default_rng(0))
    >>> list(copies), copies[40].queries, (copies[40](["a muppet", "a friend"]) > 0.5).tolist()
    ([20, 40], 40, [True, False])
    """
    import numpy as np

    if kind not in KINDS:
        raise UsageError(unknown("kind of surrogate", str(kind), KINDS))
    if model is not None and kind != "transformer":
        raise UsageError(f"model is {str(model)!r}, but a {kind} surrogate starts from nothing. Say kind='transformer'.")
    sizes = _budgets(budgets)
    different = list(dict.fromkeys(checked_texts(queries, "queries")))
    if len(different) < sizes[-1]:
        raise UsageError(
            f"There are {len(different)} different queries for a budget of {sizes[-1]}. Give more texts or smaller budgets."
        )
    order = rng.permutation(len(different))[: sizes[-1]]
    seed = int(rng.integers(2**31))
    asked = [different[index] for index in order]
    shown, victim = progress or Progress(), Victim(predict, batch_size)
    with shown("asking the victim", len(asked)) as step:
        scores = victim.scores(asked, step)
    targets = (scores >= threshold).astype(np.float64) if labels_only else scores
    found = {}
    for size in sizes:
        started = time.perf_counter()
        score = _trained(kind, asked[:size], targets[:size], seed=seed, model=model, device=device, shown=shown)
        found[size] = Surrogate(
            kind=kind,
            queries=size,
            labels_only=labels_only,
            asking_seconds=victim.seconds * size / len(asked),
            training_seconds=time.perf_counter() - started,
            score=score,
        )
    return found


def _trained(kind: str, texts: list[str], targets: np.ndarray, *, seed: int, model: Any, device: str, shown: Any) -> Any:
    if (targets == targets[0]).all() and targets[0] in (0.0, 1.0):
        return constant(float(targets[0]))
    if kind == "linear":
        from pytest_trustml.attacks.stealing.linear import fit_linear

        return fit_linear(texts, targets)
    from pytest_trustml.attacks.stealing.transformer import STEPS, fit_transformer

    with shown(f"training a surrogate on {len(texts)} answers", STEPS) as step:
        return fit_transformer(texts, targets, seed=seed, model=model, device=device, step=step)


def _budgets(budgets: Sequence[int]) -> list[int]:
    sizes = list(budgets)
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise UsageError(f"A budget is {size!r}. It counts questions: whole numbers from 1.")
    if not sizes:
        raise UsageError("There are no budgets. Name at least one number of questions, e.g. budgets=(100, 300, 1000).")
    return sorted(set(sizes))
