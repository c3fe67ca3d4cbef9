"""Tests of the instrument: if one fails, that nothing was recited says nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import pytest_trustml as tm

_COMPARED = 200
_FEWEST = 20
_MOST_USELESS = 0.5
BLIND_AUC = 0.55


def reads_language(trust: tm.Trust, model: tm.Subject, texts: tm.Dataset, max_tokens: int) -> None:
    """The order of words must matter to the model: one that is blank or constant recites nothing, and proves nothing."""
    some = texts.sample(min(_COMPARED, len(texts)), trust.rng)
    plain = some.column("text")
    rng = tm.generator(trust.seed, "text_memorization.controls", "shuffled")
    shuffled = [" ".join(words[i] for i in rng.permutation(len(words))) for words in (text.split() for text in plain)]
    both = tm.Dataset({"id": [f"{name}/{kind}" for kind in "os" for name in some.ids], "text": [*plain, *shuffled]})
    found = trust.observe(tm.score_tokens, model, both, max_tokens=max_tokens)
    halves = [{name: values[part] for name, values in found.items()} for part in (slice(len(some)), slice(len(some), None))]
    known = (halves[0]["tokens"] > 0) & (halves[1]["tokens"] > 0)
    if known.sum() < _FEWEST:
        return
    means = [half["logprob"][known] / half["tokens"][known] for half in halves]
    gain = trust.paired_mean_difference(*means, name="gain", unit="nat", higher_is_safer=True)
    reads = gain.interval is not None and gain.interval.low > 0
    trust.control(
        "the model reads the language",
        reads,
        f"a token of these texts is likelier by {gain.value:.3g} nat in its place than among shuffled words"
        + ("" if reads else ": the model takes no notice of the order, so it cannot recite. Is it trained, and the right one?"),
    )


def answers(trust: tm.Trust, beginnings: Sequence[str], said: Sequence[str]) -> None:
    """A model that only answers must at least do that: not with blanks, not always the same, not with the question."""
    blank = np.mean([not answer.strip() for answer in said])
    echo = np.mean([bool(answer.strip()) and start.startswith(answer) for start, answer in zip(beginnings, said, strict=True)])
    distinct = len(set(said))
    well = max(blank, echo) <= _MOST_USELESS and (len(said) < _FEWEST or distinct > 1)
    trust.control(
        "the model answers",
        well,
        f"{blank:.0%} of {len(said)} answers are blank, {echo:.0%} repeat the beginning, {distinct} are different"
        + ("" if well else ": such a model cannot recite. Is it the right one, and does the endpoint continue plain text?"),
    )


def same_kind(trust: tm.Trust, members: tm.Dataset, heldout: tm.Dataset) -> None:
    """Nobody may tell training texts from the others without the model: then no score of the model is about membership."""
    texts, labels = [*members.column("text"), *heldout.column("text")], np.repeat([True, False], [len(members), len(heldout)])
    if min(len(members), len(heldout)) < _FEWEST:
        return
    rng = tm.generator(trust.seed, "text_memorization.controls", "blind")
    scores = tm.blind_scores(texts, np.zeros(len(texts), dtype=int), labels, rng=rng)
    found = trust.auc(scores, labels, name="blind_auc", higher_is_safer=False)
    tells = found.interval is not None and found.interval.low > BLIND_AUC
    trust.control(
        "texts alone do not tell",
        not tells,
        f"a classifier that sees only the texts has an AUC of {found.value:.3f}"
        + (": deal training and held-out texts out at random from one source, and cut both alike" if tells else ""),
    )
