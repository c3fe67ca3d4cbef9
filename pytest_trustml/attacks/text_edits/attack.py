"""Attacking a population of texts: a detector that can only be asked, small edits, a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pytest_trustml.attacks.text_edits.attacked import Attacked
from pytest_trustml.attacks.text_edits.lock_step import in_lock_step
from pytest_trustml.attacks.text_edits.recipes import Recipe, greedy_edits
from pytest_trustml.attacks.text_edits.search import Rules, Search
from pytest_trustml.errors import DataError, SubjectError, UsageError

WINDOW = 256
"""Texts open at a time, at least; more where batches are large, so that texts of like length meet in one batch."""


def attack_texts(
    predict: Callable[[list[str]], Any],
    texts: Sequence[str],
    recipe: Recipe | None = None,
    *,
    threshold: float = 0.5,
    max_queries: int = 100,
    max_edit_ratio: float = 0.3,
    label_only: bool = False,
    seed: int = 0,
    batch_size: int = 256,
    progress: Callable[[int], Any] | None = None,
) -> list[Attacked]:
    """Looks for small edits with which texts evade a detector, asking it and knowing nothing else of it.

    For every text: its score; the score without each word, which tells the words that matter; then word after word the
    spellings that the recipe offers, keeping the one that lowers the score most, until the score is below the threshold, the
    budget is spent or too many words are edited. Every success is asked once more by itself before it is reported. Texts are
    attacked side by side so that the detector sees full batches of like length; no result depends on the batch, the order
    or the other texts, as long as the detector's own answers do not.

    Parameters
    ----------
    predict : callable
        A list of texts to an array (B,): the score in [0, 1] of the class to be evaded, or with ``label_only`` a bool, True
        if detected. The attack wants the score below the threshold.
    texts : sequence of str
        Texts that belong to that class. Those that the detector misses anyway are ``skipped``.
    recipe : Recipe or None
        None is `greedy_edits`, which needs no dictionary and no second model.
    threshold : float
        A text is detected if its score is at least this. In (0, 1]. Without meaning for labels.
    max_queries : int
        Calls of the detector per text, all included; one is kept for the confirmation of a success. A larger budget never
        loses a success.
    max_edit_ratio : float
        Edited words by all words of the text, at most. In (0, 1]. At 0.3 a text of three words cannot be edited.
    label_only : bool
        The detector gives no scores: words come in random order, and of edits that change nothing one is kept all the same.
    seed : int
        Where edits go, together with the text and the position of the word.
    batch_size : int
        Texts per call of the detector.
    progress : callable or None
        Called with 1 for each finished text.

    Returns
    -------
    list of Attacked
        In the order of ``texts``.

    Raises
    ------
    UsageError, DataError
        If a setting or a text cannot be meant.
    SubjectError
        If the detector gives anything but one score in [0, 1] (one bool) per text.

    References
    ----------
    Gao et al. 2018, arXiv 1801.04354 (character edits, ranking by deletion); Jin et al. 2020, arXiv 1907.11932 (greedy search);
    Shen et al. 2025, arXiv 2501.16750 (the use on hate detectors).

    Examples
    --------
    >>> def spots_muppets(texts):
    ...     return [0.9 if "muppet" in text.lower() else 0.1 for text in texts]
    >>> [result] = attack_texts(spots_muppets, ["you really are a stupid muppet"])
    >>> result.status, result.text, result.queries
    ('success', 'you really are a stupid mupept', 15)
    """
    texts = _checked_texts(texts)
    if not 0 < threshold <= 1:
        raise UsageError(f"threshold is {threshold}. A score is compared with it: choose a number above 0, up to 1.")
    if not 0 < max_edit_ratio <= 1:
        raise UsageError(f"max_edit_ratio is {max_edit_ratio}. It is a share of words: choose a number above 0, up to 1.")
    for name, value in (("max_queries", max_queries), ("batch_size", batch_size)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UsageError(f"{name} is {value!r}. It must be a whole number of at least 1.")
    rules = Rules(
        predict=_labels(predict) if label_only else _scores(predict),
        threshold=threshold,
        max_queries=max_queries, max_edit_ratio=max_edit_ratio, label_only=label_only, seed=seed,
    )  # fmt: skip
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise UsageError(f"The seed is {seed!r}. It must be a whole number: convert it with int().")
    recipe = greedy_edits() if recipe is None else recipe
    searches = (Search(text, recipe, rules).run() for text in texts)
    results: list[Attacked | None] = [None] * len(texts)
    for number, result in in_lock_step(searches, batch_size=batch_size, window=max(WINDOW, 2 * batch_size)):
        results[number] = result
        if progress is not None:
            progress(1)
    return results


def _checked_texts(texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str):
        raise DataError("texts is one text. Give a list of texts.")
    texts = list(texts)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"Row {row} is a {type(text).__name__}, not a text.")
    return texts


def _scores(predict: Callable[[list[str]], Any]) -> Callable[[list[str]], list[float]]:
    """The victim as it must be: one finite score in [0, 1] per text."""

    def checked(texts: list[str]) -> list[float]:
        import numpy as np

        scores = np.asarray(predict(texts))
        if scores.shape != (len(texts),) or scores.dtype.kind not in "fiub":
            raise SubjectError(
                f"The detector gave an array of shape {scores.shape} and type {scores.dtype} for {len(texts)} texts. "
                f"It must give one number per text: the score of the class to be evaded."
            )
        scores = scores.astype(np.float64)
        if not (np.isfinite(scores) & (scores > -1e-6) & (scores < 1 + 1e-6)).all():
            worst = next(score for score in scores.tolist() if not -1e-6 < score < 1 + 1e-6)
            raise SubjectError(f"The detector gave the score {worst}. Scores lie between 0 and 1: convert logits first.")
        return scores.clip(0, 1).tolist()

    return checked


def _labels(predict: Callable[[list[str]], Any]) -> Callable[[list[str]], list[float]]:
    """The victim that gives no scores: 1.0 for detected, 0.0 for not."""

    def checked(texts: list[str]) -> list[float]:
        import numpy as np

        labels = np.asarray(predict(texts))
        if labels.shape != (len(texts),) or not np.isin(labels, (0, 1)).all():
            raise SubjectError(
                f"The detector gave an array of shape {labels.shape} and type {labels.dtype} for {len(texts)} texts. "
                f"With label_only it must give one bool per text, True if detected."
            )
        return labels.astype(np.float64).tolist()

    return checked
