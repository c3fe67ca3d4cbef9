"""Brainwash in one pass per target against asking step by step, ten rounds at most.

Run: python benchmarks/brainwash.py; beside other work with OMP_NUM_THREADS=1. A small Llama that has learnt nothing answers
prompts with 4 to 32 demonstrations; it never gives in, so that both ways climb to the last round. Prints how many times faster
one pass is (target: at least 10).

Step by step reads the k demonstrations and t copies for t = 0 to T, one pass reads k and T once: with texts of one length the
factor is (T + 1) (k + T / 2 + 1) / (k + T + 1), and what decoding costs comes on top. For T = 10 that is 7.3 at k = 4, 9.7 at
k = 32, and 11 in the limit.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

import pytest_trustml as tm
from builtin_checks.icl_membership.attacks import ladders_of, step_by_step
from builtin_checks.icl_membership.messages import LABELS, messages
from builtin_checks.icl_membership.prompt import Format, Record
from builtin_checks.icl_membership.speaker import Deployed
from builtin_checks.icl_membership.trials import Trial, paired_trials
from pytest_trustml.checks.trust import Trust
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress

TARGETS, SHOTS, ROUNDS, CONTEXT = 6, (4, 8, 32), 10, 3072
FORM = Format("", "Text: {text}\nLabel: {label}", "\n\n", LABELS)


def save_model(folder: Path, samples: list[str]) -> None:
    """A Llama of 6 layers, 256 wide, with random weights."""
    tokenizer = tm.learn_tokenizer(samples, 800, context=CONTEXT)
    model = tm.small_llama(len(tokenizer), seed=0, context=CONTEXT, width=256, layers=6)
    tm.save_model(folder, model, tokenizer)


def main() -> None:
    pool = messages(200, np.random.default_rng(0))
    records = [Record(str(place), one.text, one.label, one.text) for place, one in enumerate(pool)]
    with tempfile.TemporaryDirectory() as folder, Cache("unused", "off") as cache:
        save_model(Path(folder) / "model", [FORM.demonstration(one.text, one.label) for one in pool])
        trust = Trust(
            name="brainwash", seed=0, level=0.95, cache=cache, store=EvidenceStore(Path(folder) / "report"), progress=Progress()
        )
        speaker = Deployed(trust, tm.open_subject(str(Path(folder) / "model"), device="cpu").load(), FORM, False, False)
        for shots in SHOTS:
            compare(speaker, paired_trials(records, TARGETS, shots, np.random.default_rng(0)), shots)


def compare(speaker: Deployed, trials: list[Trial], shots: int) -> None:
    """Print the seconds of the processor that both ways take for the same prompts."""
    ladders, owners = ladders_of(FORM, trials, ROUNDS, 1, 0)
    wrong = [label for _, label in owners]
    speaker.climb(ladders[:1], FORM.labels), step_by_step(speaker, FORM, ladders[:1], wrong[:1])
    started = time.process_time()
    one_pass = speaker.climb(ladders, FORM.labels)
    between = time.process_time()
    stepwise = step_by_step(speaker, FORM, ladders, wrong)
    taken = between - started, time.process_time() - between
    assert one_pass is not None and [len(answers) for answers in stepwise] == [ROUNDS + 1] * len(one_pass)
    print(
        f"{len(ladders)} prompts of {shots} demonstrations, {ROUNDS} rounds: one pass {taken[0]:.2f} s, step by step "
        f"{taken[1]:.2f} s, {taken[1] / taken[0]:.1f} times as long"
    )


if __name__ == "__main__":
    main()
