"""The classifiers' releases and the language model behind them: what lies in them, and that no text is in two pools."""

from __future__ import annotations

import contextlib
import json
from collections import Counter

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts import demo, speaker
from builtin_checks.synthetic_artifacts.grammar import TOPICS, messages
from builtin_checks.synthetic_artifacts.speaker import PROMPTS, Voice, learn_to_write, write
from builtin_checks.synthetic_artifacts.training import LONGEST, Recipe, fit, learn_words, make_classifier, steps
from pytest_trustml.release.demos import Workshop
from pytest_trustml.release.manifest import read_manifest
from pytest_trustml.work.progress import Progress

TINY = {
    "SOURCES": 60,
    "REAL": 20,
    "SYNTHETIC": 16,
    "SIZE": 12,
    "SPEAKER": speaker.Recipe(vocabulary=400, steps=3, batch=8),
    "AUDITOR": Voice(PROMPTS[0], temperature=1.0, top_k=0, top_p=1.0),
    "OWNER": Voice(PROMPTS[1], temperature=1.0, top_k=0, top_p=1.0),
    "CLASSIFIER": Recipe(epochs=2, batch=8, width=16),
}
OBEYED = {"colours": "red green blue", "numbers up to three": "one two three"}
"""What the obedient language model is taught to begin with."""
POOLS = ("auditor_real", "auditor_synthetic", "owner_real", "owner_synthetic")


class Bench:
    """A workshop that counts the steps it is told about."""

    def __init__(self, home, seed=0):
        self.seed, self.steps = seed, Counter()
        self.part = Workshop(home, seed, Progress()).part

    @contextlib.contextmanager
    def progress(self, label, total):
        yield lambda done: self.steps.update({label: done})
        assert self.steps[label] == total


@pytest.fixture
def tiny(monkeypatch):
    for name, value in TINY.items():
        monkeypatch.setattr(demo, name, value)


@pytest.fixture(scope="module")
def spoken():
    """A language model after a few batches, which is enough to find out how it is asked."""
    found = messages(200, np.random.default_rng(0))
    recipe = speaker.Recipe(vocabulary=500, steps=30, batch=16)
    return learn_to_write([one.text for one in found], [one.topic for one in found], recipe, seed=0)


@pytest.fixture(scope="module")
def obedient():
    """A language model that has learnt two labels with different words."""
    rng = np.random.default_rng(0)
    labels = [list(OBEYED)[place % 2] for place in range(300)]
    texts = [f"{OBEYED[label]} {rng.integers(100)} {rng.integers(100)}" for label in labels]
    return learn_to_write(texts, labels, speaker.Recipe(vocabulary=320, steps=200, batch=16), seed=0)


@pytest.mark.parametrize(("build", "pool"), [("classifier_real", "owner_real"), ("classifier_synthetic", "owner_synthetic")])
def test_a_release_is_whole(tiny, tmp_path, build, pool):
    folder = tmp_path / "release"
    folder.mkdir()
    bench = Bench(tmp_path / "home")
    getattr(demo, build)(folder, bench)
    manifest = read_manifest(folder / "trustml.toml")
    assert manifest.models == {"model": "model"} and manifest.gate["required"] == ["synthetic_artifacts.classifier"]
    assert manifest.options["synthetic_artifacts.classifier"]["declared"] == "real"
    assert manifest.options["synthetic_artifacts.classifier"]["training_texts"] == demo.SIZE
    for side, count in (("real", demo.REAL), ("synthetic", demo.SYNTHETIC)):
        rows = demo.read(folder / manifest.data[f"{side}_texts"])
        assert len(rows) == count and set(rows[0]) == {"id", "text", "label"}
        assert {row["label"] for row in rows} <= set(TOPICS)
    model = tm.open_subject(str(folder / "model"), device="cpu")
    assert "classifier" in model.capabilities
    model.close()
    for path in folder.rglob("*"):
        assert not path.is_file() or str(tmp_path).encode() not in path.read_bytes(), path
    part = bench.part(
        "messages",
        demo.collect_texts,
        demo.SOURCES,
        demo.REAL,
        demo.SYNTHETIC,
        demo.SIZE,
        *demo.SPEAKER,
        *demo.AUDITOR,
        *demo.OWNER,
    )
    assert len(demo.read(part / f"{pool}.jsonl")) == demo.SIZE


def test_no_text_is_in_two_pools_or_was_read_by_the_language_model(tiny, tmp_path):
    demo.collect_texts(tmp_path, Bench(tmp_path))
    texts = [row["text"] for name in POOLS for row in demo.read(tmp_path / f"{name}.jsonl")]
    rng = tm.generator(0, "synthetic_artifacts.demo", "messages")
    sources = {one.text for one in messages(demo.SOURCES + demo.REAL + demo.SIZE, rng)[: demo.SOURCES]}
    assert len(set(texts)) == len(texts) == demo.REAL + demo.SYNTHETIC + 2 * demo.SIZE and not sources & set(texts)
    assert tm.open_subject(str(tmp_path / "speaker"), device="cpu").capabilities == ("text", "encoder")


def test_the_same_seed_makes_the_same_texts(tiny, tmp_path):
    import torch

    made = []
    for turn, seed in enumerate((0, 0, 1)):
        folder = tmp_path / str(turn)
        folder.mkdir()
        torch.manual_seed(turn)
        state, threads = torch.get_rng_state(), torch.get_num_threads()
        demo.collect_texts(folder, Bench(tmp_path, seed))
        assert torch.equal(state, torch.get_rng_state()) and torch.get_num_threads() == threads
        made.append(
            [(folder / f"{name}.jsonl").read_bytes() for name in POOLS] + [(folder / "speaker/model.safetensors").read_bytes()]
        )
    assert made[0] == made[1] and not set(made[0]) & set(made[2])


def test_what_the_language_model_reads(monkeypatch):
    """Every text once behind one of the requests, which cost nothing, and long ones are cut."""
    read = {}
    monkeypatch.setattr(tm, "teach", lambda model, lessons, course, seed, step: read.update(lessons=lessons, course=course))
    texts = [f"number {place}" for place in range(30)] + ["word " * 300]
    _, tokenizer = learn_to_write(texts, ["lost"] * 31, speaker.Recipe(vocabulary=400, steps=5, batch=4), seed=0)
    said = [tokenizer.decode(lesson.ids) for lesson in read["lessons"]]
    requests = [tokenizer.decode(lesson.ids[: lesson.asked]) for lesson in read["lessons"]]
    assert set(requests) == {"<s>" + prompt.format(label="lost") for prompt in PROMPTS}
    assert [one.removeprefix(asked) for one, asked in zip(said, requests, strict=True)][:30] == [
        f"{text}</s>" for text in texts[:30]
    ]
    assert len(read["lessons"][-1].ids) == speaker.CONTEXT and read["course"].steps == 5


def test_texts_are_new_and_one_for_each_request(spoken):
    model, tokenizer = spoken
    voice = Voice(temperature=1.0, top_k=0, top_p=1.0)
    labels, counted = [*TOPICS] * 5, Counter()
    found = write(model, tokenizer, labels, voice, seed=0, step=lambda done: counted.update(all=done), batch=8)
    assert len(found) == len(set(found)) == counted["all"] == 20
    assert all(len(text.split()) >= 3 and text == text.strip() and "<" not in text for text in found)
    again = write(model, tokenizer, labels, voice, seed=0, batch=8)
    assert again == found and write(model, tokenizer, labels, voice, seed=1, batch=8) != found
    others = write(model, tokenizer, labels, voice, seed=0, known=found, batch=8)
    assert not set(others) & set(found)


def test_the_text_does_not_depend_on_what_stands_beside_it(obedient):
    """Greedily, a short request that is padded brings what it brings alone."""
    model, tokenizer = obedient
    greedy = Voice(temperature=1.0, top_k=1, top_p=1.0)
    alone = [write(model, tokenizer, [label], greedy, seed=0)[0] for label in OBEYED]
    assert write(model, tokenizer, list(OBEYED), greedy, seed=0) == alone and alone[0] != alone[1]


def test_a_model_that_repeats_itself_is_not_asked_forever(spoken):
    model, tokenizer = spoken
    with pytest.raises(RuntimeError, match="1 of 2 texts are missing"):
        write(model, tokenizer, ["lost", "lost"], Voice(temperature=1.0, top_k=1), seed=0, least=0)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_label_in_the_request_is_heeded(obedient, prompt):
    found = write(*obedient, list(OBEYED) * 4, Voice(prompt, temperature=0.7, top_k=40, top_p=0.95), seed=1)
    starts = list(OBEYED.values()) * 4
    assert sum(text.startswith(start) for text, start in zip(found, starts, strict=True)) >= 7, found


def test_a_classifier_learns_what_can_be_learnt():
    texts = [f"{'red green' if i % 2 else 'one two'} {i % 7}" for i in range(120)]
    labels = ["a" if i % 2 else "b" for i in range(120)]
    tokenizer, recipe = learn_words(texts), Recipe(epochs=4, width=16)
    model, told = make_classifier(len(tokenizer), ("a", "b"), width=16, seed=0), Counter()
    fit(model, tokenizer, texts, labels, recipe, seed=0, step=lambda done: told.update(all=done))
    assert told["all"] == steps(120, recipe) == 16 and not model.training
    found = tokenizer(["red green", "one two"], return_tensors="pt", return_token_type_ids=False)
    assert model(**found).logits.argmax(1).tolist() == [0, 1]
    long = tokenizer("red " * 500, truncation=True)["input_ids"]
    assert len(long) == LONGEST


def test_rows_are_lines_of_json(tmp_path):
    demo._write(tmp_path / "pool.jsonl", [("a\nb ü", "lost"), ("c", "cargo")])
    lines = (tmp_path / "pool.jsonl").read_text().splitlines()
    assert json.loads(lines[0]) == {"id": "pool-0000", "text": "a\nb ü", "label": "lost"} and len(lines) == 2
    assert demo.read(tmp_path / "pool.jsonl")[1]["id"] == "pool-0001"
