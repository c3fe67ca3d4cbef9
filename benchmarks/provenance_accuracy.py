"""How often the audit is right on real text: banking questions, tweets, people's texts beside models' texts.

Run: python -m benchmarks.provenance_accuracy FOLDER [DATA [KIND [SCENARIO]]], each a list with commas; all of them by default.
FOLDER holds banking77/, davidson/, human_vs_llm/. Prints for each data set, kind of artefact (classifiers ``linear``: TF-IDF
with logistic regression, ``bert``: a tiny BERT from random weights, ``tuned``: the same BERTs by the audit that looks inside;
scatter plots ``tsne`` and ``pca``) and scenario (pure, mixed, several language models) the accuracy of the audit, half of whose
targets are real, with its Clopper-Pearson interval, by each score. Chance is 0.5; the paper has 0.868 (classifiers), 0.966
(plots), and 0.880 for generators, which are not here: language models of this size learn too little from so few texts.

What differs from the paper: its classifiers are fine-tuned DistilBERT, BERT and RoBERTa on 3000 texts, these are small and see
hundreds; its texts come from GPT-3.5, GPT-4, Mistral and ChatGLM, those of banking77 and davidson here from two-layer Llamas
that learnt from texts which no classifier sees (those of human_vs_llm from davinci, GPT-3.5 and GPT-4, cut into passages of 15
words); 20 + 20 references instead of 10 + 10; and the threshold is the middle of the widest gap. Queries are texts of a model.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import pytest_trustml as tm
from benchmarks.provenance_data import DATA, WRITERS, Pools
from builtin_checks.synthetic_artifacts import scenario as scenarios
from builtin_checks.synthetic_artifacts import tuning
from builtin_checks.synthetic_artifacts.score import METRICS, looks_synthetic, midpoint_threshold, query_scores, softmax
from builtin_checks.synthetic_artifacts.training import learn_words, make_classifier
from pytest_trustml.statistics import proportion
from pytest_trustml.work.cache import Cache

KINDS = ("linear", "bert", "tuned", "tsne", "pca")
PAPER_OF = {"tsne": "plots", "pca": "plots"}
PAPER = {"classifiers": 0.868, "plots": 0.966}
REFERENCES, TARGETS, QUERIES = 20, 50, 200


class Cell(NamedTuple):
    """Accuracy of the audit over all targets by each score, and how many targets there were."""

    right: dict[str, int]
    targets: int


def accuracy(
    pools: Pools, kind: str, scenario: str, cache: Cache, start: Path, *,
    references: int = REFERENCES, targets: int = TARGETS, queries: int = QUERIES, seed: int = 0,
) -> Cell:  # fmt: skip
    """Audit ``targets`` classifiers of each origin, by the threshold that the references set."""
    rng = np.random.default_rng([seed, scenarios.SCENARIOS.index(scenario)])
    # One language model, unless the scenario is of several.
    written = [
        pool if scenario == "several" else _one_writer(pool) for pool in (pools.auditor_synthetic, pools.owner_synthetic)
    ]
    rarest = min(Counter(written[0].column("label")).values())
    count = min(queries, len(set(written[0].column("label"))) * (rarest // 3))
    held = scenarios.reserve(pools.auditor_real, written[0], kind="synthetic", count=count, rng=rng)
    training = _training(kind, held.real, start)
    gold = np.array([training.labels.index(label) for label in held.queries.column("label")])
    sides = []
    for name, real, synthetic, models in (
        ("auditor", held.real, held.synthetic, references), ("owner", pools.owner_real, written[1], targets),
    ):  # fmt: skip
        made = scenarios.compose(real, synthetic, scenario=scenario, count=models, size=pools.size, rng=rng)
        seeds = rng.integers(2**31, size=len(made.members)).tolist()
        found = tm.train_shadows(training, made.dataset, made.members, seeds=seeds, cache=cache)
        sides.append((name, softmax(found.logits(held.queries)), made.shares > 0))
    right = {}
    for metric in METRICS:
        (own, origin), (asked, truth) = ((query_scores(told, gold, metric).mean(-1), shares) for _, told, shares in sides)
        threshold = midpoint_threshold(own[~origin], own[origin], 1)
        right[metric] = int((looks_synthetic(asked, threshold, 1) == truth).sum())
    return Cell(right, 2 * targets)


def _one_writer(pool: tm.Dataset) -> tm.Dataset:
    names = pool.column("generator")
    chosen = sorted(set(names))[0] if "gpt-4" not in names else "gpt-4"
    return pool.take([row for row, name in enumerate(names) if name == chosen])


def _training(kind: str, real: tm.Dataset, start: Path) -> Any:
    labels = tuple(sorted(set(real.column("label"))))
    if kind == "linear":
        return tm.Training(architecture="linear", labels=labels)
    if not (start / "config.json").is_file():
        tokenizer = learn_words(real.column("text"))
        tm.save_model(start, make_classifier(len(tokenizer), labels, width=32, seed=0), tokenizer)
    return tm.Training(start=str(start), labels=labels, epochs=10, batch_size=32, learning_rate=8e-3, max_tokens=48)


def tuned(
    pools: Pools,
    scenario: str,
    cache: Cache,
    start: Path,
    *,
    references: int = REFERENCES,
    targets: int = TARGETS,
    seed: int = 0,
) -> Cell:
    """The same by the audit that looks inside: made-up queries and a network that reads, learnt on the references."""
    rng = np.random.default_rng([seed, 41])
    training = _training("bert", pools.auditor_real, start)
    written = [
        pool if scenario == "several" else _one_writer(pool) for pool in (pools.auditor_synthetic, pools.owner_synthetic)
    ]
    sides = []
    for real, synthetic, models in (
        (pools.auditor_real, written[0], references), (pools.owner_real, written[1], targets),
    ):  # fmt: skip
        made = scenarios.compose(real, synthetic, scenario=scenario, count=models, size=pools.size, rng=rng)
        seeds = rng.integers(2**31, size=len(made.members)).tolist()
        found = tm.train_shadows(training, made.dataset, made.members, seeds=seeds, cache=cache)
        modules = []
        with tempfile.TemporaryDirectory() as folder:
            for place in range(len(found)):
                found.export(place, Path(folder) / str(place))
                modules.append(tuning.open_classifier(Path(folder) / str(place)))
        sides.append((modules, made.shares > 0))
    columns = list(range(len(training.labels)))
    (known, origin), (asked, truth) = sides
    with tm.one_thread():
        reader = tuning.learn_to_read(known, [columns] * len(known), origin.tolist(), queries=50, seed=seed)
        odds = np.array([tuning.log_odds(reader, module, columns) for module in asked])
    return Cell({"log-odds of the reader": int(((odds > 0) == truth).sum())}, 2 * targets)


def told(cell: Cell) -> str:
    """One line: by each score the accuracy and its Clopper-Pearson interval."""
    parts = []
    for metric, right in cell.right.items():
        found = proportion([True] * right + [False] * (cell.targets - right), name="accuracy", higher_is_safer=True)
        parts.append(f"{metric} {found.value:.3f} [{found.interval.low:.3f}, {found.interval.high:.3f}]")
    return "; ".join(parts)


def main(folder: Path, names: Sequence[str], kinds: Sequence[str], wanted: Sequence[str]) -> None:
    """Print the table."""
    print(f"accuracy of the paper: {', '.join(f'{name} {value}' for name, value in PAPER.items())}; chance 0.5")
    reached: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as home, Cache(Path(home), "off") as cache:
        for name in names:
            pools = DATA[name](folder, writers=WRITERS if "several" in wanted else 1)
            for kind in kinds:
                for scenario in wanted:
                    cell = row(pools, kind, scenario, cache, Path(home) / f"start-{name}")
                    print(f"{name}, {kind}, {scenario}, {cell.targets} targets: {told(cell)}", flush=True)
                    for metric, right in cell.right.items():
                        reached.setdefault((PAPER_OF.get(kind, "classifiers"), metric), []).append(right / cell.targets)
    for (artefact, metric), values in reached.items():
        print(
            f"mean by {metric}: {np.mean(values):.3f} +- {np.std(values):.3f} over {len(values)} cells; the paper's "
            f"{artefact}: {PAPER[artefact]}"
        )


def row(pools: Pools, kind: str, scenario: str, cache: Cache, start: Path) -> Cell:
    """The cell of a kind of artefact."""
    if kind in ("tsne", "pca"):
        from benchmarks.provenance_plots import plots

        return plots(pools, kind)
    if kind == "tuned":
        return tuned(pools, scenario, cache, start)
    return accuracy(pools, kind, scenario, cache, start)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    asked = [argument.split(",") if argument else [] for argument in [*sys.argv[2:], "", "", ""][:3]]
    main(Path(sys.argv[1]), asked[0] or list(DATA), asked[1] or list(KINDS), asked[2] or list(scenarios.SCENARIOS))
