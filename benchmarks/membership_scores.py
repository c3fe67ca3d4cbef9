"""All membership scores of training texts (loss, zlib, Min-K%, Min-K%++) against one bare forward pass.

Run: python benchmarks/membership_scores.py; beside other work with OMP_NUM_THREADS=1. A GPT-2 of the published size with random
weights reads 8 texts of 256 tokens. Prints the ratio to the bare pass (target: at most 1.15), and how much memory the texts of
one and of four batches take (target: the same, for no logits outlive their batch).
"""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
import torch
from random_gpt2 import random_texts, save_model

import pytest_trustml as tm
from builtin_checks.text_memorization.score import SCORES, membership_scores
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.observe import observe

TEXTS, TOKENS, ROUNDS = 8, 256, 7


def bare(model: torch.nn.Module, ids: torch.Tensor) -> float:
    """Seconds of the processor for nothing but the forward pass."""
    started = time.process_time()
    with torch.inference_mode():
        model(input_ids=ids, use_cache=False)
    return time.process_time() - started


def ours(subject: tm.Subject, data: tm.Dataset) -> float:
    """Seconds of the processor from texts to all scores."""
    started = time.process_time()
    with Cache("unused", "off") as cache:
        found = observe(tm.score_tokens, subject, data, cache=cache, batch_size=TEXTS, max_tokens=TOKENS, min_k=0.2)
    scores = membership_scores(found, data.column("text"))
    assert set(scores) == set(SCORES) and all(np.isfinite(values).all() for values in scores.values())
    return time.process_time() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        save_model(Path(folder))
        subject = tm.open_subject(folder, device="cpu").load()
        data = tm.Dataset({"text": random_texts(TEXTS, TOKENS)})
        model = subject.text._residence.get().model
        ids = torch.tensor([[int(word[1:]) for word in text.split()] for text in data.column("text")])
        bare(model, ids), ours(subject, data)
        timings = [(bare(model, ids), ours(subject, data)) for _ in range(ROUNDS)]
        # Whatever else the machine does only ever adds time: the fastest round of each is what they cost.
        limit, taken = (min(column) for column in zip(*timings, strict=True))
        print(
            f"{TEXTS} texts of {TOKENS} tokens: bare pass {limit:.2f} s, all {len(SCORES)} membership scores {taken:.2f} s, "
            f"ratio {taken / limit:.3f} (<= 1.15)"
        )
        for count in (TEXTS, 4 * TEXTS):
            many = tm.Dataset({"text": random_texts(count, TOKENS, seed=1)})
            tracemalloc.start()
            ours(subject, many)
            peak = tracemalloc.get_traced_memory()[1] / 2**20
            tracemalloc.stop()
            print(f"{count} texts: peak of Python and numpy {peak:.1f} MiB")


if __name__ == "__main__":
    main()
