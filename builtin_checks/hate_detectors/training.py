"""Training of the two small detectors behind the demo releases: tokenizers, misspelt copies and the loop.

Both are BERT. What tells them apart is what they read and what they saw: the brittle one knows whole words, and among its
posts only harmless ones were misspelt; the hardened one reads pieces of words, through a tokenizer whose normaliser undoes
what nobody sees, and most of the posts that it learnt from were misspelt copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.hate_detectors.normaliser import normaliser

MOST_MISSPELT = 0.4
"""Largest share of the words of a copy that are misspelt."""
FAMILIES = ("swap_inner", "delete_inner", "space_insert")
"""What people see and the normaliser cannot undo."""
LABELS = ("acceptable", "hateful")
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_LONGEST = 160
_BLOCK = 16


class Recipe(NamedTuple):
    """Size of the model, how long it trains and how fast.

    ``pieces`` is the size of the vocabulary of pieces, or 0 for whole words; ``copies`` how many misspelt copies of a post are
    read beside it: of every post, or with ``sloppy`` of the harmless ones alone.
    """

    steps: int
    batch: int
    rate: float
    width: int
    layers: int
    pieces: int = 0
    copies: int = 0
    sloppy: bool = False


def make_tokenizer(texts: Sequence[str], recipe: Recipe) -> Any:
    """A tokenizer that is learnt from the texts: lower-cased words, or pieces behind the normaliser."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    trainer = {"special_tokens": _SPECIAL, "show_progress": False}
    if recipe.pieces:
        tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
        tokenizer.normalizer = normaliser()
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()])
        tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=recipe.pieces, **trainer))
    else:
        tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.train_from_iterator(texts, trainers.WordLevelTrainer(min_frequency=5, **trainer))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", _SPECIAL.index("[CLS]")), ("[SEP]", _SPECIAL.index("[SEP]"))]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), _SPECIAL, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=_LONGEST, **names)


def make_model(vocabulary: int, recipe: Recipe, seed: int) -> Any:
    """A BERT classifier with random weights."""
    return tm.small_bert(vocabulary, LABELS, seed=seed, context=_LONGEST, width=recipe.width, layers=recipe.layers, heads=4)


def fit(
    model: Any,
    tokenizer: Any,
    texts: Sequence[str],
    hateful: Sequence[bool],
    recipe: Recipe,
    seed: int,
    step: Callable[[int], None],
) -> None:
    """Train a model to tell hateful posts from others.

    All posts and their misspelt copies are read by the tokenizer before training begins.
    """
    import torch

    gold = np.asarray(hateful, dtype=np.int64)
    rng = np.random.default_rng([seed, 7])
    copied = np.flatnonzero(gold == 0) if recipe.sloppy else np.arange(len(texts))
    originals = [texts[row] for row in copied]
    read = list(texts)
    for copy in range(recipe.copies):
        counts = [int(rng.integers(1, 2 + round(MOST_MISSPELT * len(text.split())))) for text in originals]
        read += tm.corrupt_texts(originals, counts, FAMILIES, seed=seed * 1000 + copy, least_letters=3)
    labels = np.concatenate([gold, *[gold[copied]] * recipe.copies])
    ids = tokenizer(read, truncation=True)["input_ids"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=recipe.steps, pct_start=0.1)
    batches = _batches(ids, recipe.batch, rng)
    model.train()
    with tm.one_thread(), tm.own_randomness(seed):
        for _ in range(recipe.steps):
            rows = next(batches)
            width = max(len(ids[row]) for row in rows)
            tokens, mask = torch.zeros(2, len(rows), width, dtype=torch.long)
            for place, row in enumerate(rows):
                tokens[place, : len(ids[row])] = torch.tensor(ids[row])
                mask[place, : len(ids[row])] = 1
            logits = model(input_ids=tokens, attention_mask=mask).logits
            loss = torch.nn.functional.cross_entropy(logits, torch.tensor(labels[rows]), label_smoothing=0.02)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step(1)
    model.eval()


def _batches(texts: Sequence[Sequence[int]], size: int, rng: np.random.Generator) -> Iterator[list[int]]:
    """Rows of batches of texts of like length, in random order, over and over."""
    while True:
        order = rng.permutation(len(texts))
        batches = []
        for start in range(0, len(order), size * _BLOCK):
            block = sorted(order[start : start + size * _BLOCK].tolist(), key=lambda row: len(texts[row]))
            batches += [block[first : first + size] for first in range(0, len(block), size)]
        for index in rng.permutation(len(batches)):
            yield batches[index]
