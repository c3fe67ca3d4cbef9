"""Every ready-made observation against a subject that writes down how it was asked."""

from __future__ import annotations

import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_trustml.data import Dataset, Images
from pytest_trustml.errors import DataError, UsageError
from pytest_trustml.work import observations as ready
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.observe import observe


class Capability:
    """Answers by the length of each input, and remembers the settings."""

    def __init__(self) -> None:
        self.settings: dict = {}

    def _rows(self, inputs, **settings) -> np.ndarray:
        self.settings = settings
        return np.array(
            [[len(text) if isinstance(text, str) else text.getpixel((0, 0))[0]] for text in inputs], dtype=np.float32
        )

    def generate(self, prompts, seeds=None, **settings):
        self.settings = settings
        if seeds is not None:
            return [Image.new("RGB", (2, 1), (seed % 256, seed // 256 % 256, 0)) for seed in seeds]
        return [prompt[::-1] for prompt in prompts]

    def next_token_logprobs(self, prompts, tokens, **settings):
        return -self._rows(prompts, **settings) * np.array(tokens, dtype=np.float64)

    def sequence_logprobs(self, prompts, continuations, **settings):
        self.settings = settings
        return [np.full(len(text), -1.0 - len(prompt)) for prompt, text in zip(prompts, continuations, strict=True)]

    def hidden_states(self, prompts, **settings):
        return np.stack([self._rows(prompts, **settings)] * 3, axis=1)

    def logits(self, inputs):
        return self._rows(inputs)

    embed = embed_images = embed_texts = logits

    def activations(self, inputs, layers):
        return {layer: self._rows(inputs) for layer in layers}


@pytest.fixture
def subject():
    capability = Capability()
    return types.SimpleNamespace(
        id="s", fingerprint="f", dtype="float32", device_class="cpu", cacheable=True, capability=capability,
        **dict.fromkeys(("text", "classifier", "encoder", "pairs", "images"), capability),
    )  # fmt: skip


ROWS = Dataset(
    {
        "prompt": ["ab", "c", ""],
        "answer": ["xyz", "", "w"],
        "text": ["t", "tt", "ttt"],
        "caption": ["cc", "c", "ccc"],
        "image": Images([Image.new("RGB", (1, 1), (value, 0, 0)) for value in (10, 20, 30)]),
        "pixels": np.full((3, 2, 2, 3), 7, dtype=np.uint8),
    }
)


@pytest.fixture
def ask(subject, tmp_path: Path):
    def ask(function, rows=ROWS, **params):
        one = observe(function, subject, rows, cache=Cache(tmp_path / "1"), batch_size=1, **params)
        all_at_once = observe(function, subject, rows, cache=Cache(tmp_path / "2"), **params)
        for name in one if isinstance(one, dict) else [None]:
            np.testing.assert_array_equal(*((found[name] if name else found) for found in (one, all_at_once)))
        return one

    return ask


def test_generate_passes_every_setting_on(ask, subject):
    assert ask(ready.generate) == ["ba", "c", ""]
    assert subject.capability.settings == {"max_new_tokens": 64, "chat": True, "system": None, "temperature": 0.0, "seed": 0}
    ask(ready.generate, column="text", max_new_tokens=3, chat=False, system="", temperature=0.5, seed=4)
    assert subject.capability.settings == {"max_new_tokens": 3, "chat": False, "system": "", "temperature": 0.5, "seed": 4}


def test_no_system_prompt_and_an_empty_one_are_two_questions(subject, tmp_path: Path):
    cache = Cache(tmp_path)
    for system in (None, ""):
        observe(ready.generate, subject, ROWS, cache=cache, system=system)
        assert subject.capability.settings["system"] == system


def test_next_token_logprobs(ask, subject):
    np.testing.assert_array_equal(ask(ready.next_token_logprobs, tokens=[1, 3], chat=False), [[-2, -6], [-1, -3], [0, 0]])
    assert subject.capability.settings == {"chat": False, "system": None}


def test_sequence_logprobs_are_sums_and_counts(ask):
    found = ask(ready.sequence_logprobs)
    assert found["sum"].tolist() == [-9, 0, -1]
    assert found["tokens"].tolist() == [3, 0, 1]
    assert (found["sum"].dtype, found["tokens"].dtype) == (np.float64, np.int64)
    assert ask(ready.sequence_logprobs, prompt=None, column="text")["sum"].tolist() == [-1, -2, -3]


def test_token_logprobs_are_padded_with_nan(ask):
    np.testing.assert_array_equal(ask(ready.token_logprobs, width=2), [[-3, -3], [np.nan, np.nan], [-1, np.nan]])
    with pytest.raises(UsageError, match="width is 0"):
        ask(ready.token_logprobs, width=0)


def test_hidden_states(ask):
    assert ask(ready.hidden_states).shape == (3, 3, 1)


def test_texts_images_and_pixels_are_inputs(ask):
    assert ask(ready.classify).ravel().tolist() == [1, 2, 3]
    assert ask(ready.classify, column="image").ravel().tolist() == [10, 20, 30]
    assert ask(ready.embed).ravel().tolist() == [10, 20, 30]
    assert ask(ready.embed, column="pixels").ravel().tolist() == [7, 7, 7]
    assert ask(ready.embed_images).ravel().tolist() == [10, 20, 30]
    assert ask(ready.embed_texts).ravel().tolist() == [2, 1, 3]
    assert {name: rows.ravel().tolist() for name, rows in ask(ready.activations, layers=["a", "b"]).items()} == {
        "a": [10, 20, 30],
        "b": [10, 20, 30],
    }


def test_a_missing_column_is_named(ask):
    with pytest.raises(DataError, match=r"Unknown column 'promt'. Did you mean 'prompt'"):
        ask(ready.generate, column="promt")
