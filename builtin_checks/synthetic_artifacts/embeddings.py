"""How much of a human summary an answer says in other words: BERTScore, from the token vectors of a local encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import pytest_trustml as tm

NAMES = ("bertscore", "bertscore_precision", "bertscore_recall")
"""F1, precision and recall."""


def bertscore(answer: np.ndarray, summary: np.ndarray) -> tuple[float, float, float]:
    """F1, precision and recall of one answer from token vectors of length 1, shapes (a, d) and (s, d).

    Each token of the answer is compared with the one of the summary that is most like it (cosine), and the other way round;
    precision is the mean over the answer's tokens, recall over the summary's. A text without a token has 0.

    References
    ----------
    Zhang, Kishore, Wu, Weinberger, Artzi, ICLR 2020, section 3, without idf weights and without a rescaling baseline.

    Examples
    --------
    >>> one = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> bertscore(one, one)
    (1.0, 1.0, 1.0)
    >>> [round(value, 4) for value in bertscore(one[:1], one)]
    [0.6667, 1.0, 0.5]
    """
    if not len(answer) or not len(summary):
        return 0.0, 0.0, 0.0
    alike = answer @ summary.T
    precision, recall = float(alike.max(axis=1).mean()), float(alike.max(axis=0).mean())
    both = precision + recall
    return (2 * precision * recall / both if both > 0 else 0.0), precision, recall


def open_encoder(spec: str, model: tm.Subject) -> tm.Subject:
    """A text encoder by its spec; a relative path starts at the folder that holds the model, or at the current directory.

    Raises
    ------
    UsageError
        If it is no encoder of texts.
    """
    encoder = tm.open_beside(spec, model, "encoder")
    why = encoder.why_not("encoder")
    if why is None and encoder.encoder.input != "text":
        why = "it reads images"
    if why is not None:
        raise tm.UsageError(f"The option encoder is {spec!r}, which gives no token vectors of texts: {why}. Name e.g. a BERT.")
    return encoder


def bertscores_of(subject: tm.Subject, batch: tm.Dataset) -> np.ndarray:
    """`NAMES` of each answer beside its summary, (B, 3): columns ``answer`` and ``summary``, each different text read once."""
    answers, summaries = batch.column("answer"), batch.column("summary")
    texts = list(dict.fromkeys([*answers, *summaries]))
    vectors = dict(zip(texts, map(_of_length_one, subject.encoder.token_vectors(texts)), strict=True))
    return np.array([bertscore(vectors[one], vectors[other]) for one, other in zip(answers, summaries, strict=True)])


def bertscores(
    trust: tm.Trust, encoder: tm.Subject, answers: Sequence[Sequence[str]], summaries: Sequence[str]
) -> dict[str, np.ndarray]:
    """Each of `NAMES` -> (K, Q) values of K generators' answers to Q queries; higher is closer to the human summary."""
    pairs = [pair for own in answers for pair in zip(own, summaries, strict=True)]
    different = sorted(set(pairs), key=lambda pair: (pair[1], pair[0]))  # those of one summary come together
    columns = zip(*different, strict=True)
    data = tm.Dataset({"answer": list(next(columns)), "summary": list(next(columns))})
    found = dict(zip(different, trust.observe(bertscores_of, encoder, data), strict=True))
    table = np.array([found[pair] for pair in pairs]).reshape(len(answers), len(summaries), len(NAMES))
    return {name: table[..., place] for place, name in enumerate(NAMES)}


def _of_length_one(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
