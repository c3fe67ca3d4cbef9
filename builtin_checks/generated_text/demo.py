"""A demo release: a corpus of letters, two in a hundred of which a small language model wrote, and the detector that tells."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest_trustml as tm
from builtin_checks.generated_text.grammar import letters
from builtin_checks.generated_text.training import CONTEXT, Recipe, fit, write

MANIFEST = """\
# {summary}
model = "model"
checks = "generated_text.detector_quality,generated_text.corpus_share,generated_text.share_trend"

[data]
human_text = "human.jsonl"
machine_text = "machine.jsonl"
corpus = "corpus.jsonl"
divided_corpus = "corpus.jsonl"

[options.generated_text]
max_tokens = 90
min_tokens = 60

[options."generated_text.detector_quality"]
fpr = 0.03

[limits]
"generated_text.corpus_share" = {{ at_most = 0.05 }}
"generated_text.share_trend" = {{ at_most = 0.1 }}  # from none to one in thirty within a year

[gate]
required = ["generated_text.detector_quality", "generated_text.corpus_share", "generated_text.share_trend"]
"""
SHARE = 0.02
MONTHS = [f"2022-{month:02d}" for month in range(7, 13)] + [f"2023-{month:02d}" for month in range(1, 7)]
FIRST_MACHINE = "2022-12"
CORPUS, HUMAN, MACHINE, TRAINING = 2400, 1000, 300, 2500
VOCABULARY, TEMPERATURE, TOKENS = 1200, 0.4, 110
RECIPE = Recipe(steps=300, batch=16, width=96, rate=6e-3)


def text_corpus(folder: Path, workshop: tm.Workshop) -> None:
    """Letters from a small town, two in a hundred of them by a machine: the share is measured, and the release passes.

    The machine is the very model that judges, writing at a low temperature. The corpus says of every row whether it is
    ``machine`` text, which the checks do not read.
    """
    rng = tm.generator(workshop.seed, "generated_text.demo", "letters")
    count = round(SHARE * CORPUS)
    texts = iter(letters(TRAINING + HUMAN + CORPUS - count, rng))
    training, human = ([next(texts) for _ in range(size)] for size in (TRAINING, HUMAN))
    tokenizer = tm.learn_tokenizer(training, VOCABULARY, context=CONTEXT)
    model = tm.small_llama(len(tokenizer), seed=workshop.seed, context=CONTEXT)
    with workshop.progress("training a language model on letters", RECIPE.steps) as step:
        fit(model, tokenizer, training, RECIPE, workshop.seed, step)
    with workshop.progress("letting it write letters", MACHINE + count) as step:
        told = _Told(step)
        written = write(
            model, tokenizer, MACHINE + count, workshop.seed, temperature=TEMPERATURE, tokens=TOKENS, step=told.now_at
        )
    tm.save_model(folder / "model", model, tokenizer)
    _write(folder / "human.jsonl", "human", [{"text": text} for text in human])
    _write(folder / "machine.jsonl", "machine", [{"text": text, "generator": "letter-writer"} for text in written[:MACHINE]])
    _write(folder / "corpus.jsonl", "corpus", corpus_rows(list(texts), written[MACHINE:], workshop.seed))
    summary = (text_corpus.__doc__ or "").partition("\n")[0]
    (folder / "trustml.toml").write_text(MANIFEST.format(summary=summary), encoding="utf-8")


def corpus_rows(human: Sequence[str], machine: Sequence[str], seed: int) -> list[Mapping[str, object]]:
    """As many texts in every month; those of the machine in the months that have any, in random order."""
    rng = tm.generator(seed, "generated_text.demo", "months")
    every = (len(human) + len(machine)) // len(MONTHS)
    later = [month for month in MONTHS if month >= FIRST_MACHINE]
    counts = dict.fromkeys(MONTHS, every)
    rows: list[Mapping[str, object]] = []
    for place, text in enumerate(machine):
        month = later[place % len(later)]
        counts[month] -= 1
        rows.append({"text": text, "month": month, "machine": True})
    months = [month for month, left in counts.items() for _ in range(left)]
    rows += [{"text": text, "month": month, "machine": False} for text, month in zip(human, months, strict=False)]
    return [rows[index] for index in rng.permutation(len(rows))]


class _Told:
    """Turns how far something has come into how much further it came since it was last told."""

    def __init__(self, step) -> None:
        self.step, self.done = step, 0

    def now_at(self, done: int) -> None:
        self.step(done - self.done)
        self.done = done


def _write(path: Path, name: str, rows: Sequence[Mapping[str, object]]) -> None:
    lines = [json.dumps({"id": f"{name}-{number:04d}", **row}) for number, row in enumerate(rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
