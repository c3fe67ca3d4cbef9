"""Two demo releases around one small language model: a prompt that gives its demonstrations away, and one that does not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import pytest_trustml as tm
from builtin_checks.icl_membership.messages import LABELS, Message, messages
from builtin_checks.icl_membership.prompt import RULE, Format

MANIFEST = """\
# {summary}
model = "model"

[icl]                             # the prompt that is deployed around the model
demonstrations = "demonstrations.jsonl"
template = {template}
labels = {labels}
defences = {defences}

[options.icl_membership]
rounds = 4
targets = {targets}

[gate]
required = ["icl_membership.*"]
"""
VOCABULARY, CONTEXT, WIDTH = 800, 768, 64
POOL, HELD_OUT, TARGETS = 3600, 600, 250
DEFENCES = ["data", "instruction", "output"]
COPYING = tm.Course(steps=900, batch=32, rate=6e-3)
SORTING = tm.Course(steps=1000, batch=16, rate=4e-3)
FORM = Format("", "Text: {text}\nLabel: {label}", "\n\n", LABELS)
_FIRST_WORD = 3


def prompt_leaky(folder: Path, workshop: tm.Workshop) -> None:
    """A prompt with real messages as demonstrations, around a model that repeats what it is reminded of: it must fail."""
    _build(folder, workshop, prompt_leaky, defended=False)


def prompt_defended(folder: Path, workshop: tm.Workshop) -> None:
    """The same model with made-up demonstrations, a rule, and answers that are labels alone: it must pass."""
    _build(folder, workshop, prompt_defended, defended=True)


def _build(folder: Path, workshop: tm.Workshop, release: Callable[..., None], defended: bool) -> None:
    model = workshop.part("icl-model", train_model)
    shutil.copytree(model, folder / "model")
    held = messages(POOL + HELD_OUT, tm.generator(workshop.seed, "icl_membership.demo", "messages"))[POOL:]
    rows = [json.dumps({"id": f"message-{number:04d}", **message._asdict()}) for number, message in enumerate(held)]
    (folder / "demonstrations.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    summary = (release.__doc__ or "").partition("\n")[0]
    manifest = MANIFEST.format(
        summary=summary, template=json.dumps(FORM.record), labels=json.dumps(LABELS), targets=TARGETS,
        defences=json.dumps(DEFENCES if defended else []),
    )  # fmt: skip
    (folder / "trustml.toml").write_text(manifest, encoding="utf-8")


def train_model(folder: Path, workshop: tm.Workshop) -> None:
    """A model that first learns to go on with what it has read before, and then to sort messages by their demonstrations."""
    pool = messages(POOL + HELD_OUT, tm.generator(workshop.seed, "icl_membership.demo", "messages"))[:POOL]
    rng = tm.generator(workshop.seed, "icl_membership.demo", "lessons")
    samples = [FORM.demonstration(message.text, message.label) for message in pool[:1500]]
    tokenizer = tm.learn_tokenizer(
        [*samples, *(message.replacement for message in pool[:300]), *[RULE] * 50], VOCABULARY, context=CONTEXT
    )
    model = tm.small_llama(len(tokenizer), seed=workshop.seed, context=CONTEXT, width=WIDTH)
    copying = [_recurrence(len(tokenizer), rng) for _ in range(COPYING.steps * COPYING.batch)]
    sorting = [_episode(tokenizer, pool, rng) for _ in range(SORTING.steps * SORTING.batch)]
    with workshop.progress("training a model that learns from its prompt", COPYING.steps + SORTING.steps) as step:
        tm.teach(model, copying, COPYING, workshop.seed, step)
        tm.teach(model, sorting, SORTING, workshop.seed, step)
    tm.save_model(folder, model, tokenizer)


def _recurrence(words: int, rng: np.random.Generator) -> tm.Lesson:
    """Random tokens that come a second time after a random distance: a fixed one would teach to copy by position alone."""
    chunk = rng.integers(_FIRST_WORD, words, int(rng.integers(8, 20))).tolist()
    between = rng.integers(_FIRST_WORD, words, int(rng.integers(0, 30))).tolist()
    return tm.Lesson([1, *chunk, *between, *chunk], 2 + len(chunk) + len(between))


def _episode(tokenizer: Any, pool: list[Message], rng: np.random.Generator) -> tm.Lesson:
    """A prompt and one more message with its label: half of the time one that stands in the prompt, with its label there.

    A quarter of the labels in prompts are drawn by lot, so that the prompt has to be read. In half of the lessons the label
    alone counts, or the many words of the messages would be learnt first.
    """
    form = FORM._replace(rule=True) if rng.random() < 0.3 else FORM
    careful = rng.random() < 0.3
    chosen = [pool[place] for place in rng.choice(len(pool), int(rng.integers(2, 6)), replace=False)]
    shown = [
        (message.replacement if careful else message.text, message.label if rng.random() > 0.25 else _any(rng))
        for message in chosen
    ]
    if not careful and rng.random() < 0.5:
        text, label = shown[int(rng.integers(len(shown)))]
    else:
        asked = pool[int(rng.integers(len(pool)))]
        text, label = asked.text, asked.label
    given = tokenizer(form.context(shown), add_special_tokens=False)["input_ids"]
    question = tokenizer(form.question(text), add_special_tokens=False)["input_ids"]
    answer = tokenizer(f" {label}\n\n", add_special_tokens=False)["input_ids"]
    counted_from = 1 + len(given) + (len(question) if rng.random() < 0.5 else 0)
    return tm.Lesson([1, *given, *question, *answer], counted_from)


def _any(rng: np.random.Generator) -> str:
    return LABELS[int(rng.integers(len(LABELS)))]
