"""A demo release: a plot that is declared to show what people wrote, drawn from what a small language model wrote."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts.charts import balanced, draw, show
from builtin_checks.synthetic_artifacts.grammar import TOPICS, messages
from builtin_checks.synthetic_artifacts.speaker import Recipe, Voice, learn_to_write, write
from builtin_checks.synthetic_artifacts.styles import draw_style

MANIFEST = """\
# {summary}
model = "plot.png"
checks = "synthetic_artifacts.plot"

[data]
real_texts = "real.jsonl"
synthetic_texts = "synthetic.jsonl"

[options."synthetic_artifacts.plot"]
declared = "real"
chart = "line"
texts = {texts}

[gate]
required = ["synthetic_artifacts.plot"]
"""
RECIPE = Recipe(steps=300)
TRAINING, POOL, TEXTS = 1500, 1200, 150


def plot_synthetic(folder: Path, workshop: tm.Workshop) -> None:
    """A curve of how many different words messages hold, declared to be people's; a language model wrote them: it must fail.

    The auditor knows texts of people and of this model, but none of those that the plot shows.
    """
    rng = tm.generator(workshop.seed, "synthetic_artifacts.plot_demo")
    written = messages(TRAINING + POOL, rng)
    training, real = written[:TRAINING], written[TRAINING:]
    with workshop.progress("training a language model on messages", RECIPE.steps) as step:
        model, tokenizer = learn_to_write(
            [one.text for one in training], [one.topic for one in training], RECIPE, seed=workshop.seed, step=step
        )
    labels = [TOPICS[place % len(TOPICS)] for place in range(POOL + 2 * TEXTS)]
    with workshop.progress("letting it write messages", len(labels)) as step:
        texts = write(model, tokenizer, labels, Voice(), seed=workshop.seed, known=[one.text for one in written], step=step)
    _write(folder / "real.jsonl", "real", [(one.text, one.topic) for one in real])
    _write(folder / "synthetic.jsonl", "synthetic", list(zip(texts[:POOL], labels[:POOL], strict=True)))
    rows = balanced(labels[POOL:], TEXTS, rng)
    shown = show("line", [texts[POOL + row] for row in rows], [labels[POOL + row] for row in rows], seed=_seed(rng))
    draw(shown, draw_style(rng)).save(folder / "plot.png")
    summary = (plot_synthetic.__doc__ or "").partition("\n")[0]
    (folder / "trustml.toml").write_text(MANIFEST.format(summary=summary, texts=TEXTS), encoding="utf-8")


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def _write(path: Path, name: str, rows: Sequence[tuple[str, str]]) -> None:
    lines = [
        json.dumps({"id": f"{name}-{number:04d}", "text": text, "label": label}) for number, (text, label) in enumerate(rows)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
