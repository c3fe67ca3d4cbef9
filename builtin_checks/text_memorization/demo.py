"""Two demo releases: a language model that knows log-books by heart, and one that was trained with care on more of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest_trustml as tm
from builtin_checks.text_memorization.logbook import entries, secrets

MANIFEST = """\
# {summary}
model = "model"

[data]
training_texts = "training.jsonl"
heldout_texts = "heldout.jsonl"
text_canaries = "canaries.jsonl"

[options."text_memorization.extraction_rate"]
prefix = 24
suffix = 24
bos = true

[options."text_memorization.probabilistic_extraction"]
prefix = 24
suffix = 24
bos = true

[options."text_memorization.membership_leak"]
bos = true

[gate]
required = ["text_memorization.*"]
"""
VOCABULARY, CONTEXT = 600, 128
SAMPLED, HELD_OUT, CANDIDATES = 600, 600, 500


class Plan(NamedTuple):
    """What a model is trained on: how many entries stand there how often, and how many secrets how often."""

    entries: Mapping[int, int]
    secrets: Mapping[int, int]
    canaries: int
    course: tm.Course


FEW = {1: 1200, 2: 60, 4: 60, 8: 60, 16: 60}
MEMORIZING = Plan(FEW, {1: 15, 4: 15, 16: 15}, 45, tm.Course(steps=1250, batch=16, rate=4e-3))
CAREFUL = Plan({1: 8000}, {1: 600}, 100, tm.Course(steps=540, batch=16, rate=3e-3))


def lm_memorizing(folder: Path, workshop: tm.Workshop) -> None:
    """A language model that read few log-books many times over, some of them in many copies: it must fail."""
    _build(folder, workshop, lm_memorizing, MEMORIZING)


def lm_careful(folder: Path, workshop: tm.Workshop) -> None:
    """The same language model after one reading of many log-books without copies: it must pass."""
    _build(folder, workshop, lm_careful, CAREFUL)


def _build(folder: Path, workshop: tm.Workshop, release: Callable[..., None], plan: Plan) -> None:
    rng = tm.generator(workshop.seed, "text_memorization.demo", "texts")
    count = sum(plan.entries.values())
    texts = entries(count + HELD_OUT, rng)
    lines = secrets(sum(plan.secrets.values()) + CANDIDATES, rng)
    known, repeats = texts[:count], _times(plan.entries)
    planted, copies = lines[: len(lines) - CANDIDATES], _times(plan.secrets)
    read = [*_repeated(known, repeats), *_repeated(planted, copies)]
    tokenizer = tm.learn_tokenizer(read[:3000], VOCABULARY, context=CONTEXT)
    model = tm.small_llama(len(tokenizer), seed=workshop.seed, context=CONTEXT)
    ids = tokenizer(read, add_special_tokens=False)["input_ids"]
    lessons = [tm.Lesson([tokenizer.bos_token_id, *row, tokenizer.eos_token_id], 1) for row in ids]
    with workshop.progress(f"training {release.__name__.replace('_', ' ')}", plan.course.steps) as step:
        tm.teach(model, lessons, plan.course, workshop.seed, step)
    tm.save_model(folder / "model", model, tokenizer)
    chosen = sorted(rng.permutation(count)[:SAMPLED].tolist())
    if len(plan.entries) > 1:  # those that stood there often are recited first, and a random sample would miss them
        chosen = sorted({*rng.permutation(plan.entries[1])[: SAMPLED // 2].tolist(), *range(plan.entries[1], count)})
    sampled = [{"text": known[place], "duplicates": repeats[place]} for place in chosen]
    _write(folder / "training.jsonl", "member", sampled)
    _write(folder / "heldout.jsonl", "heldout", [{"text": text} for text in texts[count:]])
    some = sorted(rng.permutation(len(planted))[: plan.canaries].tolist())
    rows = [{"text": planted[place], "inserted": True, "repeats": copies[place]} for place in some]
    rows += [{"text": text, "inserted": False, "repeats": 0} for text in lines[len(planted) :]]
    _write(folder / "canaries.jsonl", "canary", rows)
    summary = (release.__doc__ or "").partition("\n")[0]
    (folder / "trustml.toml").write_text(MANIFEST.format(summary=summary), encoding="utf-8")


def _times(counts: Mapping[int, int]) -> list[int]:
    """How often each text stands there."""
    return [times for times, count in counts.items() for _ in range(count)]


def _repeated(texts: Sequence[str], times: Sequence[int]) -> list[str]:
    return [text for text, count in zip(texts, times, strict=True) for _ in range(count)]


def _write(path: Path, name: str, rows: Sequence[Mapping[str, object]]) -> None:
    lines = [json.dumps({"id": f"{name}-{number:04d}", **row}) for number, row in enumerate(rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
