"""A small language model that reads people's texts and then writes its own: the source of the machine-made texts of the demos.

It writes what is likely, as large ones do: sampled at a moderate temperature from the likeliest words, it leaves out most of
what is rare. That its texts are easier to tell apart by topic follows from this; nothing is put into them by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import pytest_trustml as tm

CONTEXT = 96
"""The most tokens of a prompt with its text."""
PROMPTS = ("about {label}: ", "regarding {label}: ", "a message on {label}: ")
"""Wordings of the request; the model learns all of them, and each writer uses one."""


class Recipe(NamedTuple):
    """Size of the vocabulary, batches, texts per batch, highest learning rate."""

    vocabulary: int = 900
    steps: int = 700
    batch: int = 32
    rate: float = 6e-3


class Voice(NamedTuple):
    """How a writer asks the model and how it answers: a wording of `PROMPTS`, temperature, and which words may come next.

    ``top_k`` likeliest tokens, and of these the fewest that have the probability ``top_p`` together.
    """

    prompt: str = PROMPTS[0]
    temperature: float = 0.7
    top_k: int = 12
    top_p: float = 0.8


def learn_to_write(
    texts: Sequence[str], labels: Sequence[str], recipe: Recipe, *, seed: int, step: Callable[[int], None] = lambda done: None
) -> tuple[Any, Any]:
    """Train a small Llama to write texts of a label.

    Parameters
    ----------
    texts, labels : sequences of str, length N
        Real texts and what each is about. Each is read behind one wording of the request, drawn at random.
    recipe : Recipe
    seed : int
    step : callable
        Told 1 after every batch of ``recipe.steps``.

    Returns
    -------
    (transformers.LlamaForCausalLM, tokenizer)
        In evaluation mode; `pytest_trustml.save_model` writes both.
    """
    requests = {(prompt, label): prompt.format(label=label) for prompt in PROMPTS for label in sorted(set(labels))}
    tokenizer = tm.learn_tokenizer([*texts, *requests.values()], recipe.vocabulary, context=CONTEXT, padding_side="left")
    asked = {key: [tokenizer.bos_token_id, *_ids(tokenizer, request)] for key, request in requests.items()}
    rng = np.random.default_rng([seed, 11])
    lessons = []
    for text, label in zip(texts, labels, strict=True):
        request = asked[PROMPTS[rng.integers(len(PROMPTS))], label]
        lessons.append(tm.Lesson([*request, *_ids(tokenizer, text), tokenizer.eos_token_id][:CONTEXT], len(request)))
    model = tm.small_llama(len(tokenizer), seed=seed, context=CONTEXT)
    tm.teach(model, lessons, tm.Course(recipe.steps, recipe.batch, recipe.rate, decay=0.05), seed, step)
    return model, tokenizer


def _ids(tokenizer: Any, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False, truncation=True)["input_ids"]


def write(
    model: Any,
    tokenizer: Any,
    labels: Sequence[str],
    voice: Voice,
    *,
    seed: int,
    least: int = 3,
    tokens: int = 56,
    known: Sequence[str] = (),
    step: Callable[[int], None] = lambda done: None,
    batch: int = 512,
) -> list[str]:
    """One text of the model's own for each label.

    Parameters
    ----------
    model : transformers.LlamaForCausalLM
    tokenizer
    labels : sequence of str, length N
        What each text shall be about.
    voice : Voice
    seed : int
    least : int
        Texts of fewer words are dropped and written anew, as are texts that came before or are among ``known``.
    tokens : int
        Longer texts end there.
    step : callable
        Told how many texts were finished.

    Returns
    -------
    list of str, length N
        All different.

    Raises
    ------
    RuntimeError
        When the model goes on repeating itself: it has nothing else to say about a label.
    """
    import torch
    from transformers import GenerationConfig

    taken, found = set(known), [""] * len(labels)
    asked = {label: _ids(tokenizer, voice.prompt.format(label=label)) for label in set(labels)}
    longest = 1 + max(len(ids) for ids in asked.values())
    habits = GenerationConfig(
        do_sample=True, temperature=voice.temperature, top_k=voice.top_k, top_p=voice.top_p,
        max_new_tokens=min(tokens, CONTEXT - longest), use_cache=True,
        pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    missing, idle = list(range(len(labels))), 0
    with tm.one_thread(), tm.own_randomness(seed), tm.quiet(), torch.inference_mode():
        while missing:
            rows, missing = missing[:batch], missing[batch:]
            ids = torch.full((len(rows), longest), tokenizer.pad_token_id)
            for place, row in enumerate(rows):
                prompt = [tokenizer.bos_token_id, *asked[labels[row]]]
                ids[place, longest - len(prompt) :] = torch.tensor(prompt)
            answer = model.generate(ids, attention_mask=(ids != tokenizer.pad_token_id).long(), generation_config=habits)
            texts = tokenizer.batch_decode(
                answer[:, longest:].tolist(), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
            done = 0
            for row, text in zip(rows, (text.strip() for text in texts), strict=True):
                if text in taken or len(text.split()) < least:
                    missing.append(row)
                    continue
                taken.add(text)
                found[row] = text
                done += 1
            step(done)
            idle = 0 if done else idle + 1
            if idle > 20:
                raise RuntimeError(
                    f"The model wrote nothing new in {idle} batches; {len(missing)} of {len(labels)} texts are missing. "
                    f"Train it longer, or raise the temperature ({voice.temperature}) or top_k ({voice.top_k})."
                )
    return found
