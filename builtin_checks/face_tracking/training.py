"""A small recogniser of faces learns from drawn people whom no gallery holds: the same person near, other people apart.

Deng, Guo, Xue, Zafeiriou, "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019 (equation 3).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.face_tracking.faces import draw_people, photograph

MEAN = DEVIATION = 0.5
"""Of the normalisation: values from -1 to 1, which is also what is done where a checkpoint has no image processor."""


class Recipe(NamedTuple):
    """How a recogniser is trained: people and pictures of each, passes over them, and the margin and scale of ArcFace."""

    people: int = 240
    pictures: int = 16
    epochs: int = 8
    batch_size: int = 128
    learning_rate: float = 4e-3
    weight_decay: float = 1e-3
    margin: float = 0.2
    scale: float = 16.0
    widths: tuple[int, int, int] = (16, 32, 64)

    @property
    def steps(self) -> int:
        """How many batches there are."""
        return self.epochs * max(1, self.people * self.pictures // self.batch_size)


def train_extractor(recipe: Recipe, *, seed: int, step: Callable[[int], None] = lambda done: None) -> Any:
    """A ``transformers.ResNetModel`` whose pooled output tells people apart, in eval mode.

    Parameters
    ----------
    recipe : Recipe
    seed : int
        Decides people, pictures, weights and order.
    step : callable
        Told of every batch.
    """
    import torch

    if recipe.people < 2 or recipe.people * recipe.pictures < recipe.batch_size:
        raise ValueError(
            f"{recipe.people} people with {recipe.pictures} pictures each do not fill a batch of {recipe.batch_size}. Give at "
            "least 2 people and one batch of pictures."
        )
    rng = tm.generator(seed, "face_tracking.training")
    people = draw_people(recipe.people, rng)
    who = np.repeat(np.arange(recipe.people), recipe.pictures)
    with tm.one_thread(), tm.own_randomness(seed), tm.quiet():
        images = pixels(photograph(people[who], rng))
        model = _network(recipe.widths)
        centres = torch.nn.Parameter(torch.randn(recipe.people, recipe.widths[-1]) * 0.1)
        parameters = [*model.parameters(), centres]
        optimizer = torch.optim.AdamW(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=recipe.steps)
        labels = torch.from_numpy(who)
        model.train()
        for _ in range(recipe.epochs):
            order = torch.from_numpy(rng.permutation(len(who)))
            for start in range(0, len(who) - recipe.batch_size + 1, recipe.batch_size):
                rows = order[start : start + recipe.batch_size]
                codes = model(pixel_values=images[rows]).pooler_output.flatten(1)
                loss = arcface(codes, centres, labels[rows], margin=recipe.margin, scale=recipe.scale)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                step(1)
    return model.eval().requires_grad_(False)


def open_extractor(folder: Path) -> Any:
    """The recogniser that was saved in a folder, in eval mode."""
    from transformers import ResNetModel

    with tm.quiet():
        return ResNetModel.from_pretrained(str(folder)).eval().requires_grad_(False)


def arcface(codes: Any, centres: Any, labels: Any, *, margin: float, scale: float) -> Any:
    """How hard it is to find the right person, whose angle is made larger by a margin first (equation 3). One number, nat.

    Parameters
    ----------
    codes : tensor of shape (B, d)
        Of any length: only directions count.
    centres : tensor of shape (people, d)
    labels : tensor of int, shape (B,)
    margin : float
        Radians.
    scale : float
        What cosines are multiplied with.
    """
    import torch

    normal = torch.nn.functional.normalize
    cosines = (normal(codes, dim=1) @ normal(centres, dim=1).T).clamp(-1 + 1e-6, 1 - 1e-6)
    own = torch.nn.functional.one_hot(labels, len(centres)).bool()
    return torch.nn.functional.cross_entropy(scale * torch.where(own, torch.cos(torch.acos(cosines) + margin), cosines), labels)


def pixels(images: np.ndarray) -> Any:
    """Pixel values (N, 3, H, W) from -1 to 1 of pictures (N, H, W, 3) uint8."""
    import torch

    return (torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255 - MEAN) / DEVIATION


def _network(widths: tuple[int, int, int]) -> Any:
    from transformers import ResNetConfig, ResNetModel

    # An activation that may be below zero: with ReLU all embeddings lie in one corner and everybody resembles everybody.
    return ResNetModel(
        ResNetConfig(
            embedding_size=widths[0], hidden_sizes=list(widths), depths=[1, 1, 1], layer_type="basic", hidden_act="silu",
            downsample_in_first_stage=False,
        )
    )  # fmt: skip
