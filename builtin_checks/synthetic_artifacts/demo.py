"""Two demo releases: the same small classifier, trained on what people wrote and on what a language model wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts import speaker
from builtin_checks.synthetic_artifacts.grammar import TOPICS, messages
from builtin_checks.synthetic_artifacts.training import Recipe, fit, learn_words, make_classifier, steps

MANIFEST = """\
# {summary}
model = "model"
checks = "synthetic_artifacts.classifier"

[data]
real_texts = "real_texts.jsonl"
synthetic_texts = "synthetic_texts.jsonl"

[options."synthetic_artifacts.classifier"]
declared = "real"
training_texts = {size}
epochs = {epochs}
batch_size = {batch}
learning_rate = {rate}

[gate]
required = ["synthetic_artifacts.classifier"]
"""
SOURCES, REAL, SYNTHETIC, SIZE = 6000, 10000, 5000, 2000
"""Messages that the language model learns from, of the auditor's real and written pools, and that a classifier learns from."""
SPEAKER = speaker.Recipe(steps=500)
AUDITOR = speaker.Voice(speaker.PROMPTS[0], temperature=0.65)
OWNER = speaker.Voice(speaker.PROMPTS[1], temperature=0.6)
"""Who has texts written: each asks in words of his own, at his own temperature."""
CLASSIFIER = Recipe()


def classifier_real(folder: Path, workshop: tm.Workshop) -> None:
    """A classifier of messages to a harbour office, trained on what people wrote and declared so: it must pass."""
    _build(folder, workshop, classifier_real, "owner_real")


def classifier_synthetic(folder: Path, workshop: tm.Workshop) -> None:
    """The same classifier, trained on what a language model wrote, but declared to come from people: it must fail.

    Its owner asked the model in other words than the auditor does, at another temperature, and the model learnt from messages
    that are in none of the pools.
    """
    _build(folder, workshop, classifier_synthetic, "owner_synthetic")


def collect_texts(folder: Path, workshop: tm.Workshop) -> None:
    """The language model, and four pools of texts without a text in common: real and written ones of auditor and owner."""
    found = messages(SOURCES + REAL + SIZE, tm.generator(workshop.seed, "synthetic_artifacts.demo", "messages"))
    sources, auditor, owner = found[:SOURCES], found[SOURCES : SOURCES + REAL], found[SOURCES + REAL :]
    texts, topics = [one.text for one in sources], [one.topic for one in sources]
    with workshop.progress("training a language model on messages", SPEAKER.steps) as step:
        model, tokenizer = speaker.learn_to_write(texts, topics, SPEAKER, seed=workshop.seed, step=step)
    tm.save_model(folder / "speaker", model, tokenizer)
    tm.save_model(folder / "words", learn_words(texts))
    known = [one.text for one in found]
    for name, size, voice in (("auditor", SYNTHETIC, AUDITOR), ("owner", SIZE, OWNER)):
        labels = [TOPICS[place % len(TOPICS)] for place in range(size)]
        seed = int(tm.generator(workshop.seed, "synthetic_artifacts.demo", name).integers(2**31))
        with workshop.progress(f"letting it write messages for the {name}", size) as step:
            written = speaker.write(model, tokenizer, labels, voice, seed=seed, known=known, step=step)
        known += written
        _write(folder / f"{name}_synthetic.jsonl", list(zip(written, labels, strict=True)))
    _write(folder / "auditor_real.jsonl", auditor)
    _write(folder / "owner_real.jsonl", owner)


def _build(folder: Path, workshop: tm.Workshop, release: Callable[..., None], pool: str) -> None:
    from transformers import AutoTokenizer

    part = workshop.part("messages", collect_texts, SOURCES, REAL, SYNTHETIC, SIZE, *SPEAKER, *AUDITOR, *OWNER)
    rows = read(part / f"{pool}.jsonl")
    tokenizer = AutoTokenizer.from_pretrained(str(part / "words"))
    model = make_classifier(len(tokenizer), TOPICS, width=CLASSIFIER.width, seed=workshop.seed)
    texts, labels = [row["text"] for row in rows], [row["label"] for row in rows]
    with workshop.progress("training a classifier", steps(len(texts), CLASSIFIER)) as step:
        fit(model, tokenizer, texts, labels, CLASSIFIER, seed=workshop.seed, step=step)
    tm.save_model(folder / "model", model, tokenizer)
    for side in ("real", "synthetic"):
        (folder / f"{side}_texts.jsonl").write_bytes((part / f"auditor_{side}.jsonl").read_bytes())
    summary = (release.__doc__ or "").partition("\n")[0]
    manifest = MANIFEST.format(
        summary=summary, size=SIZE, epochs=CLASSIFIER.epochs, batch=CLASSIFIER.batch, rate=CLASSIFIER.rate
    )
    (folder / "trustml.toml").write_text(manifest, encoding="utf-8")


def read(path: Path) -> list[Mapping[str, str]]:
    """The rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _write(path: Path, rows: Sequence[tuple[str, str]]) -> None:
    """One line for each (text, label)."""
    lines = [
        json.dumps({"id": f"{path.stem}-{number:04d}", "text": text, "label": label})
        for number, (text, label) in enumerate(rows)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
