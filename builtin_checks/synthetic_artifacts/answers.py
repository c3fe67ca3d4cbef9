"""Whether a generator answers at all, and about the document: blanks, one sentence for everything, echoes of the document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts.overlap import rouge_n, words

MOST_BLANK = 0.1
MOST_ALIKE = 0.5
SURELY = 3.0
"""How many standard errors answers must be closer to their own summary than to another document's."""
LONGER = 2.0
"""Answers this much longer or shorter than those of all references are of another kind."""


def answers_are_answers(
    trust: tm.Trust,
    answers: Sequence[str],
    documents: Sequence[str],
    summaries: Sequence[str],
    references: Sequence[Sequence[str]],
) -> bool:
    """Record the controls of what the audited generator writes; whether all of them hold.

    Parameters
    ----------
    answers, documents, summaries : sequences of str, length Q
    references : sequence of sequences of str
        The answers of every reference generator to the same queries.
    """
    blank = float(np.mean([not words(answer) for answer in answers]))
    found = [
        trust.control(
            "the generator answers", blank <= MOST_BLANK, f"{blank:.0%} of {len(answers)} answers have no word"
            + ("" if blank <= MOST_BLANK else ": look at the template and at max_new_tokens, or at the model"),
        )
    ]  # fmt: skip
    if not found[0]:
        return False
    alike = commonest_share(answers)
    found.append(
        trust.control(
            "the answers differ", alike <= MOST_ALIKE, f"the commonest answer is given to {alike:.0%} of the documents"
            + ("" if alike <= MOST_ALIKE else ": a generator that always says the same cannot be audited"),
        )
    )  # fmt: skip
    gap, error = closeness(answers, summaries)
    about = gap > SURELY * error
    found.append(
        trust.control(
            "the answers are about their documents",
            about,
            f"ROUGE-1 with the document's own summary is {gap:+.3f} above that with another document's (standard error "
            f"{error:.3f})" + ("" if about else ", which chance explains: untrained, or trained for something else"),
        )
    )
    found.append(_copies(trust, answers, documents, references))
    found.append(_lengths(trust, answers, references))
    return all(found)


def references_answer(trust: tm.Trust, references: Sequence[Sequence[str]], summaries: Sequence[str]) -> bool:
    """Most references write about their documents: otherwise they learnt nothing that a generator could be compared by."""
    gaps = np.array([closeness(answers, summaries) for answers in references])
    share = float((gaps[:, 0] > SURELY * gaps[:, 1]).mean())
    return trust.control(
        "references write about their documents",
        share > 0.5,
        f"{share:.0%} of the references are closer to a document's own summary than to another one's"
        + ("" if share > 0.5 else ". Train them as the audited model was: more epochs, or a higher learning rate"),
    )


def commonest_share(answers: Sequence[str]) -> float:
    """Share of the answers that say the same in the same words.

    >>> commonest_share(["The dam broke.", "the dam broke", "Fog.", ""])
    0.5
    """
    return Counter(" ".join(words(answer)) for answer in answers).most_common(1)[0][1] / len(answers)


def closeness(answers: Sequence[str], summaries: Sequence[str]) -> tuple[float, float]:
    """How much closer answers are to their own summary than to the next document's, and the standard error of that.

    >>> closeness(["a b", "c d", "e f"], ["a b", "c d", "e f"])
    (1.0, 0.0)
    >>> closeness(["a b", "a b", "a b"], ["a b", "c d", "e f"])[0]
    0.0
    """
    others = [*summaries[1:], *summaries[:1]]
    gaps = np.array([
        rouge_n(answer, own, 1).fmeasure - rouge_n(answer, other, 1).fmeasure
        for answer, own, other in zip(answers, summaries, others, strict=True)
    ])  # fmt: skip
    return float(gaps.mean()), float(gaps.std(ddof=1) / np.sqrt(len(gaps)))


def copied_share(answers: Sequence[str], documents: Sequence[str]) -> float:
    """How much of an answer is one single stretch of its document, on average; 1 for an echo.

    >>> copied_share(["the dam broke at noon"], ["On Sunday the dam broke"])
    0.6
    """
    shares = []
    for answer, document in zip(answers, documents, strict=True):
        mine, theirs = words(answer), words(document)
        if mine:
            shares.append(_longest_stretch(mine, theirs) / len(mine))
    return float(np.mean(shares)) if shares else 0.0


def _longest_stretch(one: Sequence[str], other: Sequence[str]) -> int:
    """Most neighbouring words that both have. A stretch contains all shorter ones, so its length is found by halving."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        length = (low + high + 1) // 2
        if _stretches(one, length) & _stretches(other, length):
            low = length
        else:
            high = length - 1
    return low


def _stretches(sequence: Sequence[str], length: int) -> set[tuple[str, ...]]:
    return {tuple(sequence[start : start + length]) for start in range(len(sequence) - length + 1)}


def _copies(trust: tm.Trust, answers: Sequence[str], documents: Sequence[str], references: Sequence[Sequence[str]]) -> bool:
    """Not an echo: nearer to what some reference copies than to copying everything."""
    own = copied_share(answers, documents)
    name = "the answers are no echo"
    if own <= 0.5:  # whatever the references do, this is no nearer to an echo than to them
        return trust.control(name, True, f"{own:.0%} of an answer is a single stretch of its document")
    most = max(copied_share(other, documents) for other in references)
    fine = own <= (1 + most) / 2
    return trust.control(
        name,
        fine,
        f"{own:.0%} of an answer is a single stretch of its document, of a reference's at most {most:.0%}"
        + ("" if fine else ": a generator that repeats what it reads cannot be audited"),
    )


def _lengths(trust: tm.Trust, answers: Sequence[str], references: Sequence[Sequence[str]]) -> bool:
    """Overlap with a summary depends on length, so a generator is compared with references that write as much."""
    own = _mean_length(answers)
    others = [_mean_length(other) for other in references]
    fine = min(others) / LONGER <= own <= max(others) * LONGER
    return trust.control(
        "the answers are as long as the references'",
        fine,
        f"{own:.1f} words against {min(others):.1f} to {max(others):.1f}"
        + ("" if fine else ": train references on summaries as long as the release's, or ask for fewer new tokens"),
    )


def _mean_length(answers: Sequence[str]) -> float:
    return float(np.mean([len(words(answer)) for answer in answers]))
