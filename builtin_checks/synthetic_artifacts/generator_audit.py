"""From answers to measurements: overlap with human summaries, the verdict's numbers, controls, and what the report shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts import embeddings, exhibits
from builtin_checks.synthetic_artifacts.answers import answers_are_answers, references_answer
from builtin_checks.synthetic_artifacts.generators import Task, Wording, answers_of
from builtin_checks.synthetic_artifacts.overlap import METRICS, metrics, stems, words
from builtin_checks.synthetic_artifacts.share import synthetic_share
from builtin_checks.synthetic_artifacts.verdict import audit, measured
from builtin_checks.synthetic_artifacts.writers import Written

TOWARDS = -1
"""Queries are real documents with human summaries, so a lower score is more synthetic: the direction is never chosen."""
_SHOWN = 10


def audit_generator(
    trust: tm.Trust, model: tm.Subject, task: Task, references: Written, wording: Wording, *, metric: str, declared: str,
    stemmed: bool = False, encoder: str = "",
) -> list[tm.Measurement]:  # fmt: skip
    """Everything that is measured of a generator, from its answers and those of the references."""
    reader = embeddings.open_encoder(encoder, model) if encoder else None
    answers = answers_of(trust, model, task.queries, wording)
    documents, summaries = task.queries.column("document"), task.queries.column("summary")
    answers_are_answers(trust, answers, documents, summaries, references.answers)
    references_answer(trust, references.answers, summaries)
    scores = scores_of(trust, [answers, *references.answers], summaries, stemmed=stemmed, encoder=reader)
    audits = {
        name: audit(
            values[0], values[1:][~references.synthetic], values[1:][references.synthetic], towards=TOWARDS,
            alpha=1 - trust.level, rng=trust.rng, overlap=references.overlap,
        )
        for name, values in scores.items()
    }  # fmt: skip
    chosen, values = audits[metric], scores[metric]
    exhibits.show_scores(trust, audits, metric)
    exhibits.show_places(trust, chosen, references.shares, metric)
    exhibits.show_distributions(trust, chosen, metric)
    _show_answers(trust, task, answers, scores["rougeL"][0])
    headline, *others = measured(trust, chosen, declared=declared)
    details = headline.details | {
        "metric": metric, "stemmed": stemmed, "queries": len(answers), "references": references.start,
        "encoder": "none" if reader is None else reader.fingerprint,
    }  # fmt: skip
    share = synthetic_share(trust, values[0], values[1:], references.shares, towards=TOWARDS, rng=trust.rng)
    return [headline.but(details=details), *others, *share]


def scores_of(
    trust: tm.Trust, answers: Sequence[Sequence[str]], summaries: Sequence[str], *, stemmed: bool = False,
    encoder: tm.Subject | None = None,
) -> Mapping[str, np.ndarray]:  # fmt: skip
    """Name of each metric -> its values, one row per generator, one column per query: (K + 1, Q)."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in METRICS}
    with trust.progress("comparing answers with human summaries", len(answers)) as step:
        for own in answers:
            for name, metric in metrics(stems if stemmed else words).items():
                found[name].append(metric(own, summaries))
            step(1)
    scores = {name: np.array(rows) for name, rows in found.items()}
    if encoder is not None:
        scores |= embeddings.bertscores(trust, encoder, answers, summaries)
    return scores


def _show_answers(trust: tm.Trust, task: Task, answers: Sequence[str], scores: np.ndarray) -> None:
    texts = zip(task.queries.ids, *map(task.queries.column, ("document", "summary")), answers, scores.tolist(), strict=True)
    rows = [[name, *(text[:300] for text in three), score] for name, *three, score in list(texts)[:_SHOWN]]
    trust.table(["id", "document", "human summary", "answer", "ROUGE-L"], rows, caption="Some answers", sensitive=True)


def check_words(*, declared: str, metric: str, encoder: str = "") -> None:
    """Options that are one of a few words."""
    if metric in embeddings.NAMES and not encoder:
        raise tm.UsageError(
            f"The option metric is {metric!r}, which compares token vectors. Set the option encoder to the directory of a text "
            f"encoder, or choose {', '.join(METRICS)}."
        )
    known_metrics = (*METRICS, *(embeddings.NAMES if encoder else ()))
    for name, value, known in (("declared", declared, ("real", "synthetic")), ("metric", metric, known_metrics)):
        if value not in known:
            raise tm.UsageError(f"The option {name} is {value!r}. Choose {', '.join(known)}.")
