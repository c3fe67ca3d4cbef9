"""How often the audit of generators is right on real text: the row ``generator`` of `provenance_accuracy`.

Tiny Llamas learn to continue the first words of a text, some from what people wrote and some from what language models wrote.
All are asked to continue people's texts that none of them saw, and judged by how near they come to what the person wrote. The
paper's are BART and T5 that summarise news; these have two layers, random weights to begin with, and learn from 200 texts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import pytest_trustml as tm
from benchmarks.provenance_accuracy import Cell
from benchmarks.provenance_data import Pools
from builtin_checks.synthetic_artifacts import scenario as scenarios
from builtin_checks.synthetic_artifacts.overlap import METRICS
from builtin_checks.synthetic_artifacts.score import looks_synthetic, midpoint_threshold
from pytest_trustml.work.cache import Cache

GIVEN, REFERENCES, TARGETS, QUERIES, SIZE, TOKENS = 5, 20, 20, 150, 200, 16
"""Words that are given; models per side of the auditor and of the owner; texts asked about; texts that each learns from."""


def generators(
    pools: Pools,
    scenario: str,
    cache: Cache,
    start: Path,
    *,
    references: int = REFERENCES,
    targets: int = TARGETS,
    seed: int = 0,
) -> Cell:
    """Audit ``targets`` generators of each origin, by the threshold that the references set."""
    rng = np.random.default_rng([seed, 31])
    real, written, owned, machine = (_begun(side) for side in pools[:4])
    asked, rest = real.take(range(QUERIES)), real.take(range(QUERIES, len(real)))
    folder = start.with_name(f"{start.name}-llama")
    if not (folder / "config.json").is_file():
        tokenizer = tm.learn_tokenizer([*rest.column("prompt"), *rest.column("text")], 600, context=128, padding_side="left")
        tm.save_model(folder, tm.small_llama(len(tokenizer), seed=0, context=128, width=48), tokenizer)
    training = tm.Training(start=str(folder), epochs=6, batch_size=32, learning_rate=5e-3, max_tokens=128)
    sides = []
    for own, made, count in ((rest, written, references), (owned, machine, targets)):
        size = min(SIZE, len(own) // 2, len(made) // 2)
        composed = scenarios.compose(own, made, scenario=scenario, count=count, size=size, rng=rng)
        seeds = rng.integers(2**31, size=len(composed.members)).tolist()
        found = tm.train_shadows(training, composed.dataset, composed.members, seeds=seeds, cache=cache)
        sides.append((found.generate(asked, max_new_tokens=TOKENS), composed.shares > 0))
    right = {}
    for name, metric in METRICS.items():
        (own, origin), (judged, truth) = (
            (np.array([metric(said, asked.column("text")).mean() for said in answers]), shares) for answers, shares in sides
        )
        threshold = midpoint_threshold(own[~origin], own[origin], -1)
        right[name] = int((looks_synthetic(judged, threshold, -1) == truth).sum())
    return Cell(right, 2 * targets)


def _begun(side: tm.Dataset) -> tm.Dataset:
    """The first words of every text that is long enough as a prompt, and the rest."""
    rows = [
        (name, text.split(), writer) for name, text, writer in zip(*map(side.column, ("id", "text", "generator")), strict=True)
    ]
    rows = [row for row in rows if len(row[1]) >= 2 * GIVEN]
    return tm.Dataset(
        {
            "id": [name for name, _, _ in rows],
            "prompt": [" ".join(words[:GIVEN]) for _, words, _ in rows],
            "text": [" " + " ".join(words[GIVEN:]) for _, words, _ in rows],
            "generator": [writer for _, _, writer in rows],
        },
        spec=side.spec,
    )
