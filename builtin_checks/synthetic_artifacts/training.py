"""The small BERT classifier of the demo releases: its tokenizer and configuration, and its training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import pytest_trustml as tm

LONGEST = 48
"""Words of a text that are read."""
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_WARM_UP = 0.1


class Recipe(NamedTuple):
    """Passes over the texts, texts per batch, highest learning rate, weight decay, width of the model."""

    epochs: int = 4
    batch: int = 32
    rate: float = 8e-3
    decay: float = 0.01
    width: int = 32


def learn_words(texts: Sequence[str], *, least: int = 3) -> Any:
    """A tokenizer that knows the lower-cased words which stand at least ``least`` times in the texts, and the marks."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordLevelTrainer(min_frequency=least, special_tokens=list(_SPECIAL), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(token, _SPECIAL.index(token)) for token in ("[CLS]", "[SEP]")]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), _SPECIAL, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LONGEST, **names)


def make_classifier(vocabulary: int, labels: Sequence[str], *, width: int, seed: int) -> Any:
    """A BERT classifier of one layer with random weights."""
    return tm.small_bert(vocabulary, labels, seed=seed, context=LONGEST, width=width)


def fit(
    model: Any,
    tokenizer: Any,
    texts: Sequence[str],
    labels: Sequence[str],
    recipe: Recipe,
    *,
    seed: int,
    step: Callable[[int], None] = lambda done: None,
) -> None:
    """Train a classifier in place: AdamW, clipped gradients, a rate that rises for a tenth of the batches and falls to zero.

    Parameters
    ----------
    model : transformers.BertForSequenceClassification
    tokenizer
    texts, labels : sequences of str, length N
        Every label is one of the model's.
    recipe : Recipe
    seed : int
        Of the order of the texts.
    step : callable
        Told 1 after every batch, `steps` times in all.
    """
    import torch

    gold = np.array([model.config.label2id[label] for label in labels])
    ids = tokenizer(list(texts), truncation=True)["input_ids"]
    total = steps(len(texts), recipe)
    warm = max(1, round(_WARM_UP * total))
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda now: (now + 1) / warm if now < warm else (total - now) / max(1, total - warm)
    )
    rng = np.random.default_rng([seed, 5])
    model.train()
    with tm.one_thread(), tm.own_randomness(seed):
        for _ in range(recipe.epochs):
            order = rng.permutation(len(texts))
            for start in range(0, len(order), recipe.batch):
                rows = order[start : start + recipe.batch]
                tokens, mask = torch.zeros(2, len(rows), max(len(ids[row]) for row in rows), dtype=torch.long)
                for place, row in enumerate(rows):
                    tokens[place, : len(ids[row])] = torch.tensor(ids[row])
                    mask[place, : len(ids[row])] = 1
                logits = model(input_ids=tokens, attention_mask=mask).logits
                loss = torch.nn.functional.cross_entropy(logits, torch.tensor(gold[rows]))
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                step(1)
    model.eval()


def steps(texts: int, recipe: Recipe) -> int:
    """Batches in the whole training.

    >>> steps(100, Recipe(epochs=2, batch=32))
    8
    """
    return recipe.epochs * -(-texts // recipe.batch)
