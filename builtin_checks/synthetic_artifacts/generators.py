"""Documents with human summaries as questions to text generators: which are asked, how each becomes a prompt, who answers."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts.overlap import words
from builtin_checks.synthetic_artifacts.scenario import FEWEST_QUERIES

SLOT = "{document}"
_PIECE = re.compile(r"\S+")


class Task(NamedTuple):
    """What every generator is asked, and what references may be trained on.

    ``queries`` has the columns document, summary (a person's) and prompt; ``real`` and ``synthetic`` have prompt and text, the
    summary of the pair. No document of the queries stands in either.
    """

    queries: tm.Dataset
    real: tm.Dataset
    synthetic: tm.Dataset


class Wording(NamedTuple):
    """How a document becomes a prompt: cut after so many words, then put into the template; and how long an answer may be."""

    template: str
    document_words: int
    max_new_tokens: int
    chat: bool

    def checked(self) -> Wording:
        """The wording itself, if it can be meant."""
        if self.template.count(SLOT) != 1:
            raise tm.UsageError(
                f"The template {self.template[:80]!r} has {self.template.count(SLOT)} places for the document. It has one, "
                f"written {SLOT}, as in '{SLOT}\\nSummary:'."
            )
        for name, value in (("document_words", self.document_words), ("max_new_tokens", self.max_new_tokens)):
            if value < 1:
                raise tm.UsageError(f"{name} is {value}. It counts words or tokens, so it is at least 1.")
        return self

    def answer(self, summary: str) -> str:
        """What is learnt to follow the prompt: the summary, after a space where the template leaves none.

        >>> Wording("{document}\\nSummary:", 3, 9, False).answer("The dam broke")
        ' The dam broke'
        """
        end = self.template.split(SLOT)[1][-1:]
        return summary if not end or end.isspace() else " " + summary

    def prompt(self, document: str) -> str:
        """The prompt of a document. What stands in a document is never taken for a place to fill.

        >>> Wording("{document}\\nSummary:", 3, 9, False).prompt("All {document} of it is long")
        'All {document} of\\nSummary:'
        """
        before, after = self.template.split(SLOT)
        return before + beginning(document, self.document_words) + after


def beginning(text: str, count: int) -> str:
    """The text up to its word number ``count``, as it is written.

    >>> beginning("It was\\n a dark night.", 3)
    'It was\\n a'
    """
    for place, piece in enumerate(_PIECE.finditer(text), 1):
        if place == count:
            return text[: piece.end()]
    return text


def set_task(
    real: tm.Dataset, synthetic: tm.Dataset | None, queries: int, wording: Wording, rng: np.random.Generator, *, train: bool
) -> Task | str:
    """Draw the queries from the real pairs and leave the rest for training; the reason in words if there are too few pairs.

    A document is asked about once, however often it stands in the data, and is left out of everything that references are
    trained on, the synthetic pairs as well. Where references are trained, half of the real documents are kept for them.
    """
    wording.checked()
    pairs = usable(real)
    firsts = _one_per_document(pairs)
    count = min(queries, len(firsts) // 2 if train else len(firsts))
    if count < FEWEST_QUERIES:
        return (
            f"{real.spec} has {len(firsts)} different documents with a summary of two words or more, which leaves {count} to "
            f"ask about: it takes {FEWEST_QUERIES} at least, 200 as a rule"
            + (", and as many to train references" if train else "")
        )
    asked = firsts.sample(count, rng)
    known = {_bare(document) for document in asked.column("document")}
    prompts = [wording.prompt(document) for document in asked.column("document")]
    rest = [
        _to_learn(side, known, wording) if side is not None else tm.Dataset({"id": [], "prompt": [], "text": []})
        for side in (pairs, None if synthetic is None else usable(synthetic))
    ]
    return Task(asked.with_columns(prompt=prompts), *rest)


def usable(pairs: tm.Dataset) -> tm.Dataset:
    """The pairs whose document has a word and whose summary has two, without which no metric is defined.

    Raises
    ------
    DataError
        For a cell that is no text, and if no pair is left.
    """
    columns = [pairs.column(name) for name in ("document", "summary")]
    for name, cells in zip(("document", "summary"), columns, strict=True):
        for row, cell in zip(pairs.ids, cells, strict=True):
            if not isinstance(cell, str):
                raise tm.DataError(f"Row {row} of {pairs.spec} has a {type(cell).__name__} as its {name}. It must be text.")
    kept = [place for place, (long, short) in enumerate(zip(*columns, strict=True)) if words(long) and len(words(short)) > 1]
    if not kept:
        raise tm.DataError(
            f"No row of {pairs.spec} has a document and a summary of two words or more. Look whether the columns are swapped."
        )
    return pairs.take(kept)


def _one_per_document(pairs: tm.Dataset) -> tm.Dataset:
    """Of rows with the same document the one whose id comes first, so that the order of the file does not matter."""
    documents, ids, first = pairs.column("document"), pairs.ids, {}
    for place in sorted(range(len(pairs)), key=ids.__getitem__):
        first.setdefault(_bare(documents[place]), place)
    return pairs.take(list(first.values()))


def _to_learn(pairs: tm.Dataset, known: set[str], wording: Wording) -> tm.Dataset:
    """Prompt and summary of the pairs whose document is not asked about."""
    documents, summaries = pairs.column("document"), pairs.column("summary")
    kept = [place for place, document in enumerate(documents) if _bare(document) not in known]
    columns = {
        "id": [pairs.ids[place] for place in kept],
        "prompt": [wording.prompt(documents[place]) for place in kept],
        "text": [wording.answer(summaries[place]) for place in kept],
    }
    if "generator" in pairs.columns:
        generators = pairs.column("generator")
        columns["generator"] = [str(generators[place]) for place in kept]
    return tm.Dataset(columns, spec=pairs.spec)


def _bare(document: str) -> str:
    return " ".join(words(document))


def answers_of(trust: tm.Trust, subject: tm.Subject, queries: tm.Dataset, wording: Wording) -> list[str]:
    """What a model says to the prompts, greedily: one answer per query."""
    how = {"column": "prompt", "max_new_tokens": wording.max_new_tokens, "chat": wording.chat}
    return trust.observe(tm.generate, subject, bare_queries(queries), **how)


def bare_queries(queries: tm.Dataset) -> tm.Dataset:
    """The prompts alone: what generators see, and what their answers are kept by."""
    return tm.Dataset({"id": queries.ids, "prompt": queries.column("prompt")}, spec=queries.spec)
