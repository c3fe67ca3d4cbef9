"""Forty reference classifiers side by side, against one after the other.

Run: python benchmarks/reference_training.py. A BERT of two layers and 48 units learns four classes from 400 texts of 24 tokens,
six epochs, forty times over. Prints the seconds for all at once in one process per core (target: below 90 on two cores), those
in one process, those for four of them one by one, and the ratio per model.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

import pytest_trustml as tm
from pytest_trustml.shadows import stack as stacking
from pytest_trustml.shadows.processes import cores
from pytest_trustml.work.cache import Cache

MODELS, ALONE, TEXTS, WORDS, CLASSES = 40, 4, 400, 22, 4


def start(folder: Path) -> None:
    """A configuration and a tokenizer of whole words."""
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{n}" for n in range(600))]
    inner = Tokenizer(models.WordLevel({word: n for n, word in enumerate(names)}, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )
    config = transformers.BertConfig(
        vocab_size=len(names), hidden_size=48, num_hidden_layers=2, num_attention_heads=2, intermediate_size=96,
        max_position_embeddings=24, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    tm.save_model(folder, transformers.BertForSequenceClassification(config), tokenizer)


def data(rng: np.random.Generator) -> tm.Dataset:
    """Texts whose class shows in a few of their words."""
    labels = rng.integers(0, CLASSES, 4 * TEXTS)
    words = rng.integers(0, 600, (len(labels), WORDS))
    words[:, :4] = labels[:, None] * 20 + rng.integers(0, 20, (len(labels), 4))
    rows = [" ".join(f"w{word}" for word in rng.permutation(row)) for row in words]
    return tm.Dataset({"text": rows, "label": [f"c{label}" for label in labels]})


def seconds(training: tm.Training, texts: tm.Dataset, count: int, stacked: bool, processes: int = 1) -> float:
    """How long it takes to train so many models; in several processes with their start."""
    rng = np.random.default_rng(1)
    members = [rng.choice(len(texts), TEXTS, replace=False) for _ in range(count)]
    before = stacking.can_be_stacked
    stacking.can_be_stacked = lambda *anything: stacked
    began = time.perf_counter()
    try:
        with Cache("unused", "off") as cache:
            tm.train_shadows(training, texts, members, seeds=range(count), cache=cache, device="cpu", processes=processes)
    finally:
        stacking.can_be_stacked = before
    return time.perf_counter() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        start(Path(folder))
        texts = data(np.random.default_rng(0))
        labels = tuple(f"c{label}" for label in range(CLASSES))
        training = tm.Training(start=folder, labels=labels, epochs=6, batch_size=16, learning_rate=2e-3)
        apart = seconds(training, texts, MODELS, True, processes=cores())
        together, alone = seconds(training, texts, MODELS, True), seconds(training, texts, ALONE, False)
    ratio = alone / ALONE / (together / MODELS)
    each = alone / ALONE
    print(f"{MODELS} models side by side in {cores()} processes: {apart:.1f} s (< 90), {together / apart:.2f} x as fast")
    print(f"{MODELS} models side by side in one process: {together:.1f} s; one by one {each:.2f} s each, {ratio:.1f} x as long")


if __name__ == "__main__":
    main()
