"""Training of the small language models behind the demo releases: tokenizer, examples and the loop.

All training runs on one thread: the models are so small that more threads cost more than they bring, most of all beside
other work, and the numbers do not depend on how many cores there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import pytest_trustml as tm

if TYPE_CHECKING:
    from builtin_checks.lora_safety.grammar import Request

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CONTEXT = 256
_ROLES = ("<|user|>", "<|assistant|>", "<|system|>")
_BLOCK = 16


class Example(NamedTuple):
    """Token ids of a request and its answer; the first ``asked`` of them are the request."""

    ids: list[int]
    asked: int


class Recipe(NamedTuple):
    """How long and how fast: batches, examples per batch, highest learning rate.

    ``decay`` is the weight decay, ``smoothing`` the label smoothing, which keeps probabilities away from 0 and 1.
    """

    steps: int
    batch: int
    rate: float
    decay: float = 0.01
    smoothing: float = 0.0


def make_tokenizer(texts: Sequence[str], size: int) -> Any:
    """A tokenizer that is learnt from the texts, with a chat template."""
    return tm.learn_tokenizer(texts, size, context=CONTEXT, extra=_ROLES, padding_side="left", chat_template=TEMPLATE)


def make_model(vocabulary: int, seed: int) -> Any:
    """A Llama of half a million parameters with random weights."""
    return tm.small_llama(vocabulary, seed=seed, context=CONTEXT, layers=3)


def encode(tokenizer: Any, requests: Sequence[Request]) -> list[Example]:
    """Requests as the model reads them, in the chat template, each with its answer and the token that ends it."""
    settings = {"tokenize": False, "add_generation_prompt": True}
    rendered = [
        tokenizer.apply_chat_template([{"role": "user", "content": request.prompt}], **settings) for request in requests
    ]
    asked = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    answered = tokenizer([r.answer + tokenizer.eos_token for r in requests], add_special_tokens=False)["input_ids"]
    return [Example(first + second, len(first)) for first, second in zip(asked, answered, strict=True)]


def fit(model: Any, examples: Sequence[Example], recipe: Recipe, seed: int, step: Callable[[int], None]) -> None:
    """Train what is trainable in a model, or in the model with an adapter, to give the answers; the prompts cost nothing."""
    import torch

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=recipe.steps, pct_start=0.05)
    batches = _batches(examples, recipe.batch, np.random.default_rng(seed))
    model.train()
    with tm.one_thread():
        for _ in range(recipe.steps):
            loss = _loss(model, next(batches), recipe.smoothing)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
            step(1)
    model.eval()


def _batches(examples: Sequence[Example], size: int, rng: np.random.Generator) -> Iterator[list[Example]]:
    """Batches of examples of like length, in random order, over and over."""
    while True:
        order = rng.permutation(len(examples))
        batches = []
        for start in range(0, len(order), size * _BLOCK):
            block = sorted(order[start : start + size * _BLOCK], key=lambda index: len(examples[index].ids))
            batches += [block[first : first + size] for first in range(0, len(block), size)]
        for index in rng.permutation(len(batches)):
            yield [examples[i] for i in batches[index]]


def _loss(model: Any, batch: Sequence[Example], smoothing: float) -> Any:
    """Mean cross-entropy (nat) of the answers' tokens. The output layer is asked there alone, to save time."""
    import torch

    width = max(len(example.ids) for example in batch)
    ids, mask, counted = (torch.zeros(len(batch), width, dtype=torch.long) for _ in range(3))
    for row, example in enumerate(batch):
        ids[row, : len(example.ids)] = torch.tensor(example.ids)
        mask[row, : len(example.ids)] = 1
        counted[row, example.asked : len(example.ids)] = 1
    bare = model.get_base_model() if hasattr(model, "get_base_model") else model
    states = bare.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    counts = counted[:, 1:].bool()
    logits = bare.lm_head(states[:, :-1][counts])
    return torch.nn.functional.cross_entropy(logits, ids[:, 1:][counts], label_smoothing=smoothing)
