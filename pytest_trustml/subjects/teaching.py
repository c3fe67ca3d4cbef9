"""Teaching a small language model: what it is to say behind what, how long, and the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from pytest_trustml.subjects.training import one_thread

_BLOCK = 16


class Lesson(NamedTuple):
    """Token ids of a text; the first ``asked`` of them, one at least, are given and cost nothing."""

    ids: list[int]
    asked: int


class Course(NamedTuple):
    """How long and how fast: batches, lessons per batch, highest learning rate.

    ``decay`` is the weight decay, ``smoothing`` the label smoothing, which keeps probabilities away from 0 and 1.
    """

    steps: int
    batch: int
    rate: float
    decay: float = 0.01
    smoothing: float = 0.0


def teach(model: Any, lessons: Sequence[Lesson], course: Course, seed: int, step: Callable[[int], None]) -> None:
    """Train what is trainable in a language model, or in the model with an adapter, to continue the beginnings of its lessons.

    On one thread: models that are taught here are so small that more threads cost more than they bring, most of all beside
    other work, and the numbers do not depend on how many cores there are. The model ends in eval mode.

    Parameters
    ----------
    model : transformers.LlamaForCausalLM or peft.PeftModel of one
    lessons : sequence of Lesson
    course : Course
    seed : int
        Decides the order of the lessons.
    step : callable
        Told ``1`` after each step.
    """
    import torch

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=course.rate, weight_decay=course.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, course.rate, total_steps=course.steps, pct_start=0.05)
    batches = _batches(lessons, course.batch, np.random.default_rng(seed))
    model.train()
    with one_thread():
        for _ in range(course.steps):
            loss = _loss(model, next(batches), course.smoothing)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
            step(1)
    model.eval()


def _batches(lessons: Sequence[Lesson], size: int, rng: np.random.Generator) -> Iterator[list[Lesson]]:
    """Batches of lessons of like length, in random order, over and over."""
    while True:
        order = rng.permutation(len(lessons))
        batches = []
        for start in range(0, len(order), size * _BLOCK):
            block = sorted(order[start : start + size * _BLOCK], key=lambda index: len(lessons[index].ids))
            batches += [block[first : first + size] for first in range(0, len(block), size)]
        for index in rng.permutation(len(batches)):
            yield [lessons[i] for i in batches[index]]


def _loss(model: Any, batch: Sequence[Lesson], smoothing: float) -> Any:
    """Mean cross-entropy (nat) of the answers' tokens. The output layer is asked there alone, to save time."""
    import torch

    width = max(len(lesson.ids) for lesson in batch)
    ids, mask, counted = (torch.zeros(len(batch), width, dtype=torch.long) for _ in range(3))
    for row, lesson in enumerate(batch):
        ids[row, : len(lesson.ids)] = torch.tensor(lesson.ids)
        mask[row, : len(lesson.ids)] = 1
        counted[row, lesson.asked : len(lesson.ids)] = 1
    bare = model.get_base_model() if hasattr(model, "get_base_model") else model
    states = bare.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    counts = counted[:, 1:].bool()
    logits = bare.lm_head(states[:, :-1][counts])
    return torch.nn.functional.cross_entropy(logits, ids[:, 1:][counts], label_smoothing=smoothing)
