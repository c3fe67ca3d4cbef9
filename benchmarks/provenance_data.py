"""The texts of `provenance_accuracy`: what auditor and owner hold, without a text in common."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts import speaker

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


def banking(folder: Path, seed: int = 0, writers: int = WRITERS) -> Pools:
    """Customers' questions in eight groups."""
    group = {intent: name for name, intents in GROUPS.items() for intent in intents}
    rows = [row for part in ("train", "test") for row in _csv(folder / "banking77" / f"{part}.csv.gz")]
    return spoken(
        [Row(row["text"], group[row["category"]]) for row in rows if row["category"] in group], seed, size=400, writers=writers
    )


def tweets(folder: Path, seed: int = 0, writers: int = WRITERS) -> Pools:
    """Offensive tweets and others, as many of both."""
    rows = [
        Row(row["tweet"], "neither" if row["class"] == "2" else "offensive")
        for row in _csv(folder / "davidson/davidson.csv.gz")
    ]
    rng = np.random.default_rng([seed, 1])
    rarer = [row for row in rows if row.label == "neither"]
    others = [row for row in rows if row.label == "offensive"]
    return spoken(
        rarer + [others[place] for place in rng.permutation(len(others))[: len(rarer)]], seed, size=500, writers=writers
    )


def spoken(
    rows: Sequence[Row], seed: int, *, size: int, writers: int, recipe: speaker.Recipe = RECIPE, written: int = 1400
) -> Pools:
    """A third of the real texts teaches language models, which write the synthetic ones; the others are the real pools."""
    rng = np.random.default_rng([seed, 2])
    rows = list({row.text: row for row in rows}.values())
    mixed = [rows[place] for place in rng.permutation(len(rows))]
    third = len(mixed) // 3
    sources, auditor, owner = mixed[:third], mixed[third : 2 * third], mixed[2 * third :]
    made: dict[str, list[Row]] = {"auditor": [], "owner": []}
    known = [row.text for row in mixed]
    for number in range(writers):
        # Each model has read other texts, so that several models have several styles.
        own = sources[number::WRITERS] + sources[: third // 2] if number else sources
        model, tokenizer = speaker.learn_to_write(
            [row.text for row in own], [row.label for row in own], recipe, seed=seed + number
        )
        labels = [own[place % len(own)].label for place in range(written if number == 0 else written // 2)]
        for name, prompt, warmth in (("auditor", 0, 0.65), ("owner", 1, 0.6)):
            voice = speaker.Voice(speaker.PROMPTS[prompt], temperature=warmth, top_k=20, top_p=0.9)
            texts = speaker.write(model, tokenizer, labels, voice, seed=seed + 10 * number + prompt, known=known)
            known += texts
            made[name] += [Row(text, label, f"llama-{number}") for text, label in zip(texts, labels, strict=True)]
    return Pools(
        table("auditor-real", auditor), table("auditor-synthetic", made["auditor"]),
        table("owner-real", owner), table("owner-synthetic", made["owner"]), min(size, third // 2),
    )  # fmt: skip


def people_and_models(folder: Path, seed: int = 0, writers: int = WRITERS) -> Pools:
    """Stories and medical answers by people and by three large models, dealt out by index: no prompt is on two sides."""
    del writers  # they have written already
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


DATA: dict[str, Callable[..., Pools]] = {"banking77": banking, "davidson": tweets, "human_vs_llm": people_and_models}


def _csv(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
