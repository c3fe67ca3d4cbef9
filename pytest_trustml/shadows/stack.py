"""The training of a group of models, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch

from pytest_trustml.shadows.material import Material
from pytest_trustml.shadows.networks import Blueprint
from pytest_trustml.shadows.steps import AdamW, Gradients, Tree, rate_at
from pytest_trustml.shadows.training import Training, steps_of
from pytest_trustml.subjects.training import one_thread, own_randomness

_SMALL = 2_000_000


class Stack:
    """G models of one kind with their stacked parameters.

    Parameters
    ----------
    skeleton : torch.nn.Module
        What all have in common.
    trained, rest : dict of str to tensor, shapes (G, ...)
        Parameters that are trained; all others, and buffers.
    """

    def __init__(self, skeleton: Any, trained: Tree, rest: Tree, task: str, kind: str) -> None:
        self.skeleton, self.trained, self.rest, self.task, self.kind = skeleton, trained, rest, task, kind

    def __len__(self) -> int:
        return len(next(iter(self.trained.values())))

    def threads(self) -> AbstractContextManager[None]:
        """One thread for models so small that more of them only wait for each other, otherwise as many as there are."""
        return one_thread() if self.small and next(iter(self.trained.values())).device.type == "cpu" else nullcontext()

    @property
    def small(self) -> bool:
        """Whether one model has less than two million parameters."""
        return sum(value[0].numel() for value in {**self.trained, **self.rest}.values()) < _SMALL


def stack_of(blueprint: Blueprint, seeds: Sequence[int]) -> Stack:
    """Untrained models, one per seed."""
    models = [blueprint.make(seed) for seed in seeds]
    names = {name for name, parameter in models[0].named_parameters() if parameter.requires_grad}
    states = [{**dict(model.named_parameters()), **dict(model.named_buffers())} for model in models]
    whole = {name: torch.stack([state[name].detach() for state in states]) for name in states[0]}
    kind = blueprint.role.input if blueprint.task == "classes" else "text"
    trained = {name: value for name, value in whole.items() if name in names}
    rest = {name: value for name, value in whole.items() if name not in names}
    return Stack(models[0], trained, rest, blueprint.task, kind)


def can_be_stacked(stack: Stack, material: Material, blueprint: Blueprint) -> bool:
    """Whether one vectorised step works for this architecture, and gives the gradients of models one by one."""
    if blueprint.alone or len(stack) < 2:
        return False
    ends = [int(np.argmin(sizes)), int(np.argmax(sizes))] if (sizes := material.sizes) else [0, len(material) - 1]
    batch = material.batch([np.array(ends)] * len(stack), blueprint.device)
    found = []
    try:
        for stacked in (True, False):
            caller = Gradients(stack.skeleton.train(), stack.task, stack.kind, stacked, blueprint.causal)
            found.append(caller(stack.trained, {name: value.clone() for name, value in stack.rest.items()}, batch))
    except (RuntimeError, ValueError, TypeError, NotImplementedError):
        return False
    scale = max(float(value.abs().max()) for value in found[1].values())
    return all(torch.allclose(value, found[1][name], rtol=1e-3, atol=1e-4 * scale) for name, value in found[0].items())


def train(
    stack: Stack, material: Material, members: Sequence[np.ndarray], seeds: Sequence[int], blueprint: Blueprint, stacked: bool,
    step: Callable[[int], None],
) -> None:  # fmt: skip
    """Train all models of a stack in place. What becomes of one does not depend on the others."""
    training = blueprint.training
    gradients = Gradients(stack.skeleton.train(), stack.task, stack.kind, stacked, blueprint.causal)
    optimizer = AdamW(stack.trained, training.weight_decay)
    orders = [_batches(len(own), training, seed) for own, seed in zip(members, seeds, strict=True)]
    lengths = [steps_of(training, len(own)) for own in members]
    for now in range(max(lengths)):
        picks = [own[next(order)] for own, order in zip(members, orders, strict=True)]
        rates = [rate_at(now, length, training.learning_rate) for length in lengths]
        batch = material.batch(picks, blueprint.device)
        with own_randomness(0):
            grads = gradients(stack.trained, stack.rest, batch, _seeding(seeds, now))
        optimizer.step(stack.trained, grads, torch.tensor(rates, device=blueprint.device))
        step(1)
    stack.skeleton.eval()


def _batches(rows: int, training: Training, seed: int) -> Iterator[np.ndarray]:
    """Positions of the rows of each batch, in an order of the model's own; every row once per epoch."""
    rng = np.random.default_rng([seed, 11])
    while True:
        order = rng.permutation(rows)
        for start in range(0, rows, training.batch_size):
            yield order[start : start + training.batch_size]


def _seeding(seeds: Sequence[int], now: int) -> Callable[[int], None]:
    """Dropout of a model comes from its own seed and the step."""

    def seed(model: int) -> None:
        torch.manual_seed((seeds[model] * 1_000_003 + now) % 2**63)

    return seed
