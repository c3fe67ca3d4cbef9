"""The greedy attack on a small BERT: how busy it keeps the victim, and its memory as the number of texts grows.

Run: python benchmarks/text_attack.py. Prints the victim's throughput inside the attack beside that of a plain pass over the
same strings, sorted by length, in batches of the same size (target: at least 0.90), and the peak of resident memory for 250 and
1,000 texts (target: flat). Times are CPU seconds of one thread, so that other processes do not count.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

import pytest_trustml as tm

TEXTS, ROUNDS, BATCH, BUDGET = 1000, 2, 64, 100
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def vocabulary(rng: np.random.Generator) -> list[str]:
    """Six hundred made-up words of two to nine letters."""
    return sorted({"".join(rng.choice(list(LETTERS), rng.integers(2, 10))) for _ in range(600)})


def save_model(folder: Path) -> None:
    """BERT with random weights: words of its own, letters for what it does not know, and a spread of scores."""
    words = vocabulary(np.random.default_rng(0))
    signs = [*LETTERS, *LETTERS.upper(), *"0123456789."]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *signs, *(f"##{sign}" for sign in signs)]
    names = {token: k for k, token in enumerate(dict.fromkeys([*tokens, *words]))}
    BertTokenizerFast(vocab=names, do_lower_case=False, model_max_length=256).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(names), hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512,
        max_position_embeddings=256, initializer_range=0.2,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)


def make_texts(count: int) -> list[str]:
    """Texts of 6 to 60 words."""
    rng = np.random.default_rng(1)
    words = vocabulary(np.random.default_rng(0))
    return [" ".join(rng.choice(words, rng.integers(6, 61))) for _ in range(count)]


def victim(folder: Path):
    """The score of the second class."""
    classifier = tm.open_subject(str(folder), device="cpu").load().classifier

    def predict(texts: list[str]) -> np.ndarray:
        logits = classifier.logits(texts).astype(np.float64)
        return 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))

    return predict


def attack(predict, texts: list[str], threshold: float) -> list[tm.Attacked]:
    return tm.attack_texts(predict, texts, threshold=threshold, max_queries=BUDGET, batch_size=BATCH)


def plain(predict, strings: list[str]) -> float:
    """CPU seconds of one pass over strings sorted by length."""
    ordered = sorted(strings, key=len)
    started = time.process_time()
    for start in range(0, len(ordered), BATCH):
        predict(ordered[start : start + BATCH])
    return time.process_time() - started


def resident() -> float:
    """MiB of this process in memory now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure_memory(folder: Path, count: int, threshold: float) -> None:
    """The peak while texts are attacked, over what a victim needs that has seen the longest batch it can see."""
    predict, texts = victim(folder), make_texts(count)
    predict(["a " * 300] * BATCH)
    before = resident()
    peaks = [before]
    tm.attack_texts(
        predict, texts, threshold=threshold, max_queries=BUDGET, batch_size=BATCH, progress=lambda _: peaks.append(resident())
    )
    print(f"{count} texts: {before:.0f} MiB before, at most {max(peaks) - before:.1f} MiB more during the attack", flush=True)


def main() -> None:
    torch.set_num_threads(1)
    if len(sys.argv) == 4:
        measure_memory(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_model(folder)
        predict, texts = victim(folder), make_texts(TEXTS)
        threshold = float(np.quantile(np.concatenate([predict(texts[k : k + BATCH]) for k in range(0, TEXTS, BATCH)]), 0.1))
        strings: list[str] = []
        sizes: Counter[int] = Counter()

        def recorded(batch: list[str]) -> np.ndarray:
            strings.extend(batch)
            sizes[len(batch)] += 1
            return predict(batch)

        for number in range(ROUNDS):
            strings.clear()
            sizes.clear()
            started = time.process_time()
            results = attack(recorded, texts, threshold)
            taken = time.process_time() - started
            if not number:
                table, full = tm.success_table(results), sizes[BATCH] * BATCH / len(strings)
                print(
                    f"{TEXTS} texts, threshold {threshold:.3f}: {len(strings)} queries, {full:.1%} in full batches of {BATCH}; "
                    f"skipped {table.skipped}, success {table.successes}, failed {table.failed}",
                    flush=True,
                )
            bare = plain(predict, strings)
            print(
                f"attack {len(strings) / taken:.0f} queries/s ({taken:.1f} s), plain {len(strings) / bare:.0f} ({bare:.1f} s), "
                f"ratio {bare / taken:.3f} (>= 0.90)",
                flush=True,
            )
        # Batches of many shapes leave holes in the C heap that have nothing to do with the attack: keep large blocks out of it.
        environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
        for count in (250, 1000):
            subprocess.run([sys.executable, __file__, name, str(count), str(threshold)], check=True, env=environment)


if __name__ == "__main__":
    main()
