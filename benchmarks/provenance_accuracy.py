"""How often the audit of a classifier is right on real text: banking questions, tweets, people's texts beside models' texts.

Run: python benchmarks/provenance_accuracy.py FOLDER [DATA] [CLASSIFIER]. FOLDER holds banking77/, davidson/, human_vs_llm/.
Prints for each data set, classifier (linear: TF-IDF with logistic regression; bert: a tiny BERT, from random weights) and
scenario (pure, mixed, several language models) the accuracy of the audit over 100 classifiers, half of them real, with its
Clopper-Pearson interval, by accuracy, confidence, entropy and modified entropy. Chance is 0.5; the paper has 0.868
(classifiers), 0.880 (generators), 0.966 (plots).

What differs from the paper: its classifiers are fine-tuned DistilBERT, BERT and RoBERTa on 3000 texts, these are small and see
hundreds; its texts come from GPT-3.5, GPT-4, Mistral and ChatGLM, those of banking77 and davidson here from two-layer Llamas
that learnt from texts which no classifier sees (those of human_vs_llm from davinci, GPT-3.5 and GPT-4, cut into passages of 15
words); 20 + 20 references instead of 10 + 10; and the threshold is the middle of the widest gap. Queries are texts of a model.
"""

from __future__ import annotations

import csv
import gzip
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts import scenario as scenarios
from builtin_checks.synthetic_artifacts import speaker
from builtin_checks.synthetic_artifacts.score import METRICS, looks_synthetic, midpoint_threshold, query_scores, softmax
from builtin_checks.synthetic_artifacts.training import learn_words, make_classifier
from pytest_trustml.statistics import proportion
from pytest_trustml.work.cache import Cache

PAPER = {"classifiers": 0.868, "generators": 0.880, "plots": 0.966}
REFERENCES, TARGETS, QUERIES = 20, 50, 200
PASSAGE, CUT = 15, {"pubmed": 17, "writing": 26}
"""Words of a passage; words at the beginning that a person's and a model's text have in common."""
GROUPS = {
    "arrival": ("card_arrival", "card_delivery_estimate", "lost_or_stolen_card", "card_about_to_expire"),
    "cash": ("cash_withdrawal_charge", "declined_cash_withdrawal", "wrong_amount_of_cash_received", "pending_cash_withdrawal"),
    "exchange": ("exchange_rate", "exchange_charge", "exchange_via_app", "fiat_currency_support"),
    "identity": ("verify_my_identity", "unable_to_verify_identity", "why_verify_identity", "edit_personal_details"),
    "payment": ("card_payment_fee_charged", "declined_card_payment", "reverted_card_payment?", "transaction_charged_twice"),
    "pin": ("change_pin", "pin_blocked", "passcode_forgotten", "lost_or_stolen_phone"),
    "top_up": ("top_up_failed", "pending_top_up", "top_up_reverted", "top_up_limits"),
    "transfer": ("failed_transfer", "pending_transfer", "cancel_transfer", "transfer_timing"),
}
"""Eight classes of banking77, of four intents each."""
WRITERS = 4
"""Language models that are trained for the scenario with several."""
RECIPE = speaker.Recipe(vocabulary=1500, steps=700)


class Pools(NamedTuple):
    """What auditor and owner hold, without a text in common; columns text, label, generator. ``size``: texts per classifier."""

    auditor_real: tm.Dataset
    auditor_synthetic: tm.Dataset
    owner_real: tm.Dataset
    owner_synthetic: tm.Dataset
    size: int


class Row(NamedTuple):
    """One text."""

    text: str
    label: str
    generator: str = ""


def table(name: str, rows: Iterable[Row]) -> tm.Dataset:
    """Rows with ids, none of the texts twice."""
    found = list({row.text: row for row in rows}.values())
    return tm.Dataset(
        {
            "id": [f"{name}-{number}" for number in range(len(found))],
            "text": [row.text for row in found],
            "label": [row.label for row in found],
            "generator": [row.generator for row in found],
        },
        spec=name,
    )


def banking(folder: Path, seed: int = 0) -> Pools:
    """Customers' questions in eight groups."""
    group = {intent: name for name, intents in GROUPS.items() for intent in intents}
    rows = [row for part in ("train", "test") for row in _csv(folder / "banking77" / f"{part}.csv.gz")]
    return spoken([Row(row["text"], group[row["category"]]) for row in rows if row["category"] in group], seed, size=400)


def tweets(folder: Path, seed: int = 0) -> Pools:
    """Offensive tweets and others, as many of both."""
    rows = [
        Row(row["tweet"], "neither" if row["class"] == "2" else "offensive")
        for row in _csv(folder / "davidson/davidson.csv.gz")
    ]
    rng = np.random.default_rng([seed, 1])
    rarer = [row for row in rows if row.label == "neither"]
    others = [row for row in rows if row.label == "offensive"]
    return spoken(rarer + [others[place] for place in rng.permutation(len(others))[: len(rarer)]], seed, size=500)


def spoken(rows: Sequence[Row], seed: int, *, size: int, recipe: speaker.Recipe = RECIPE, written: int = 1400) -> Pools:
    """A third of the real texts teaches four language models, which write the synthetic ones; the others are the real pools."""
    rng = np.random.default_rng([seed, 2])
    rows = list({row.text: row for row in rows}.values())
    mixed = [rows[place] for place in rng.permutation(len(rows))]
    third = len(mixed) // 3
    sources, auditor, owner = mixed[:third], mixed[third : 2 * third], mixed[2 * third :]
    made: dict[str, list[Row]] = {"auditor": [], "owner": []}
    known = [row.text for row in mixed]
    for number in range(WRITERS):
        # Each model has read other texts, so that several models have several styles.
        own = sources[number::WRITERS] + sources[: third // 2] if number else sources
        model, tokenizer = speaker.learn_to_write(
            [row.text for row in own], [row.label for row in own], recipe, seed=seed + number
        )
        labels = [own[place % len(own)].label for place in range(written if number == 0 else written // 2)]
        for name, prompt, warmth in (("auditor", 0, 0.65), ("owner", 1, 0.6)):
            voice = speaker.Voice(speaker.PROMPTS[prompt], temperature=warmth)
            texts = speaker.write(model, tokenizer, labels, voice, seed=seed + 10 * number + prompt, known=known)
            known += texts
            made[name] += [Row(text, label, f"llama-{number}") for text, label in zip(texts, labels, strict=True)]
    return Pools(
        table("auditor-real", auditor), table("auditor-synthetic", made["auditor"]),
        table("owner-real", owner), table("owner-synthetic", made["owner"]), min(size, third // 2),
    )  # fmt: skip


def people_and_models(folder: Path, seed: int = 0) -> Pools:
    """Stories and medical answers by people and by three large models, dealt out by index: no prompt is on two sides."""
    rows = _csv(folder / "human_vs_llm" / "pairs_gpt3to4.csv.gz")
    parts: list[list[Row]] = [[], [], [], []]  # real and written texts of the auditor and of the owner
    # Some stories are there twice, under two numbers and a little changed: those that share a sentence stay together.
    first: dict[str, str] = {}
    same: dict[str, str] = {}
    for row in rows:
        if row["domain"] == "writing" and row["index"] not in same:
            said = [sentence for sentence in row["human"].split(".") if len(sentence.split()) > 4]
            same[row["index"]] = next((first[sentence] for sentence in said if sentence in first), row["index"])
            first.update(dict.fromkeys(said, same[row["index"]]))
    order = np.random.default_rng([seed, 3]).permutation(sorted(set(same.values()), key=int))
    dealt = {str(index): place % len(parts) for place, index in enumerate(order)}
    for row in rows:
        side = dealt[same[row["index"]]]
        text = row["machine"] if side % 2 else row["human"]
        words = text.split()[CUT[row["domain"]] :]
        for start in range(0, max(1, len(words) - PASSAGE // 2), PASSAGE):
            if len(words[start:]) >= PASSAGE // 3:
                passage = " ".join(words[start : start + PASSAGE])
                parts[side].append(Row(passage, row["domain"], row["generator"] if side % 2 else ""))
    named = [
        table(name, part)
        for name, part in zip(("auditor-real", "auditor-synthetic", "owner-real", "owner-synthetic"), parts, strict=True)
    ]
    return Pools(*named, size=100)


DATA: dict[str, Callable[[Path], Pools]] = {"banking77": banking, "davidson": tweets, "human_vs_llm": people_and_models}


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


def told(cell: Cell) -> str:
    """One line: by each score the accuracy and its Clopper-Pearson interval."""
    parts = []
    for metric, right in cell.right.items():
        found = proportion([True] * right + [False] * (cell.targets - right), name=metric, higher_is_safer=True)
        parts.append(f"{metric} {found.value:.3f} [{found.interval.low:.3f}, {found.interval.high:.3f}]")
    return "; ".join(parts)


def _csv(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def main(folder: Path, names: Sequence[str], kinds: Sequence[str]) -> None:
    """Print the table."""
    print(f"accuracy of the paper: {', '.join(f'{name} {value}' for name, value in PAPER.items())}; chance 0.5")
    reached: dict[str, list[float]] = {metric: [] for metric in METRICS}
    with tempfile.TemporaryDirectory() as home, Cache(Path(home), "off") as cache:
        for name in names:
            pools = DATA[name](folder)
            for kind in kinds:
                for scenario in scenarios.SCENARIOS:
                    cell = accuracy(pools, kind, scenario, cache, Path(home) / f"start-{name}")
                    print(f"{name}, {kind}, {scenario}: {told(cell)}", flush=True)
                    for metric, right in cell.right.items():
                        reached[metric].append(right / cell.targets)
    for metric, values in reached.items():
        print(f"mean by {metric}: {np.mean(values):.3f} +- {np.std(values):.3f} over {len(values)} cells")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:3] or list(DATA), sys.argv[3:4] or ["linear", "bert"])
