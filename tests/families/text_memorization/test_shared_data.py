"""The checks on models that read real text: the plays of Shakespeare, where they are at hand. ``-m slow -s`` shows the rows."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import pytest_trustml as tm
from tests.families.text_memorization.test_checks import broken, run, value

PLAYS = Path(__file__).parents[4] / "shared" / "data" / "tinyshakespeare" / "input.txt.gz"
CONTEXT, LETTERS, JUDGED = 96, 230, 400
HOW = {"prefix": 24, "suffix": 24, "bos": True}
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PLAYS.is_file(), reason="the plays are not at hand")]


def passages():
    """Stretches of the plays that do not overlap, in random order: so none of them tells by its kind who read it."""
    text = gzip.decompress(PLAYS.read_bytes()).decode("utf-8")
    cut = [text[start : start + LETTERS] for start in range(0, len(text) - LETTERS, LETTERS)]
    return [cut[place] for place in np.random.default_rng(0).permutation(len(cut))]


def reader(folder, read, course):
    """A small Llama that read these passages."""
    tokenizer = tm.learn_tokenizer(read[:3000], 1000, context=CONTEXT)
    model = tm.small_llama(len(tokenizer), seed=0, context=CONTEXT, width=128, layers=3)
    ids = tokenizer(read, add_special_tokens=False)["input_ids"]
    lessons = [tm.Lesson([tokenizer.bos_token_id, *row[: CONTEXT - 2]], 1) for row in ids]
    tm.teach(model, lessons, course, 0, lambda done: None)
    tm.save_model(folder, model, tokenizer)
    return tm.open_subject(str(folder), device="cpu")


def judged(model, members, heldout, tmp_path):
    data = {"members": tm.Dataset({"text": members}), "heldout": tm.Dataset({"text": heldout})}
    found = {name: run(name, model, tmp_path, **data, **HOW) for name in ("extraction_rate", "membership_leak")}
    for name, record in found.items():
        print(f"{name}: {record.outcome}", *(f"{m.name} {m.value} [{m.low}, {m.high}]" for m in record.measurements))
    return found


def test_who_read_few_passages_often_recites_them(tmp_path):
    texts = passages()
    model = reader(tmp_path / "model", texts[:JUDGED], tm.Course(steps=900, batch=16, rate=4e-3))
    found = judged(model, texts[:JUDGED], texts[-JUDGED:], tmp_path)
    for name, record in found.items():
        assert record.outcome == "FAIL" and not broken(record), (name, record.why, record.controls)
    assert value(found["extraction_rate"], "extraction_above_control").details["extracted_control"] == 0


def test_who_read_many_passages_once_does_not(tmp_path):
    texts = passages()
    model = reader(tmp_path / "model", texts[:-JUDGED], tm.Course(steps=270, batch=16, rate=3e-3))
    found = judged(model, texts[:JUDGED], texts[-JUDGED:], tmp_path)
    for name, record in found.items():
        assert record.outcome == "PASS", (name, record.why, record.controls)
