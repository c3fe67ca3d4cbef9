"""Which texts would the model recite? One teacher-forced pass, and batched greedy decoding, against a plain generate loop.

Run: python benchmarks/extraction.py; beside other work with OMP_NUM_THREADS=1. A GPT-2 of the published size, random weights,
continues 50 tokens of each text by 50. Prints how many times faster both are than asking text by text (target: at least 3), and
checks that they find the same.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch
from random_gpt2 import random_texts, save_model

import pytest_trustml as tm

TEXTS, LOOPED, PREFIX, SUFFIX = 32, 6, 50, 50


def one_by_one(model: torch.nn.Module, rows: list[list[int]]) -> list[list[int]]:
    """The usual loop: every beginning is continued alone."""
    said = []
    for row in rows:
        ids = torch.tensor([row[:PREFIX]])
        with torch.inference_mode():
            answer = model.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=SUFFIX, min_new_tokens=SUFFIX, do_sample=False,
                pad_token_id=1,
            )  # fmt: skip
        said.append(answer[0, PREFIX:].tolist())
    return said


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        save_model(Path(folder))
        subject = tm.open_subject(folder, device="cpu").load()
        model = subject.text._residence.get().model
        # The first texts end as the model itself goes on: these it recites.
        texts = random_texts(TEXTS, PREFIX + SUFFIX)
        rows = [[int(word[1:]) for word in text.split()] for text in texts]
        started = time.process_time()
        said = one_by_one(model, rows[:LOOPED])
        loop = (time.process_time() - started) / LOOPED * TEXTS
        for place in range(LOOPED):
            texts[place] = " ".join(f"w{token}" for token in [*rows[place][:PREFIX], *said[place]])
        started = time.process_time()
        scores = subject.text.suffix_scores(texts, prefix=PREFIX, suffix=SUFFIX)
        one_pass = time.process_time() - started
        started = time.process_time()
        spoken = subject.text.recite(texts, prefix=PREFIX, suffix=SUFFIX)
        decoded = time.process_time() - started
        recited = [bool(greedy == SUFFIX) for greedy in scores["greedy"]]
        assert recited == [place < LOOPED for place in range(TEXTS)], recited
        assert [distance == 0 for distance in spoken["distance"]] == recited
        print(
            f"{TEXTS} texts, {PREFIX} + {SUFFIX} tokens: text by text {loop:.1f} s (from {LOOPED}); one pass {one_pass:.2f} s, "
            f"{loop / one_pass:.1f} times faster; decoded together {decoded:.2f} s, {loop / decoded:.1f} times faster (>= 3)"
        )


if __name__ == "__main__":
    main()
