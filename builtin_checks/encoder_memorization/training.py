"""A small image encoder learns without labels, either what views of a picture have in common or to know each picture again.

SimCLR: Chen, Kornblith, Norouzi, Hinton, "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020.
Instances as classes: Dosovitskiy et al., "Discriminative Unsupervised Feature Learning with Exemplar CNNs", 2014.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.encoder_memorization.views import AUGMENTATIONS, view_of

MEAN = DEVIATION = 0.5
"""Of the normalisation: values from -1 to 1, which is also what is done where a checkpoint has no image processor."""


class Recipe(NamedTuple):
    """How an encoder is trained.

    ``task``: ``simclr`` (views of one picture belong together, views of others apart) or ``instances`` (every picture has a
    unit of the last layer for its own, which has to fire for it alone). ``widths`` of the three stages; for instances the last
    one is at least the number of pictures.
    """

    epochs: int
    augmentation: str
    task: str = "simclr"
    temperature: float = 0.2
    weight_decay: float = 0.0
    learning_rate: float = 3e-3
    batch_size: int = 128
    widths: tuple[int, int, int] = (16, 32, 64)

    def steps(self, pictures: int) -> int:
        """How many batches there are."""
        return self.epochs * max(1, pictures // self.batch_size)


def train(images: np.ndarray, recipe: Recipe, *, seed: int, step: Callable[[int], None] = lambda done: None) -> Any:
    """An encoder that learnt from pictures.

    Parameters
    ----------
    images : array of shape (N >= 2, side, side, 3), uint8
    recipe : Recipe
    seed : int
        Decides weights, order and views.
    step : callable
        Told of every batch.

    Returns
    -------
    transformers.ResNetModel
        In eval mode, without the projection head.
    """
    import torch

    if len(images) < 2:
        raise ValueError(f"Views of one picture are told from those of others: give 2 pictures or more, found {len(images)}.")
    if recipe.task == "instances" and recipe.widths[-1] < len(images):
        raise ValueError(f"The last layer has {recipe.widths[-1]} units for {len(images)} pictures. Give it one for each.")
    rng = tm.generator(seed, "encoder_memorization.training")
    size = min(recipe.batch_size, len(images))
    with tm.one_thread(), tm.own_randomness(seed), tm.quiet():
        model = _network(recipe.widths)
        width = recipe.widths[-1]
        head = torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Linear(width, 32))
        parameters = [*model.parameters(), *head.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=recipe.steps(len(images)))
        model.train()
        for _ in range(recipe.epochs):
            order = rng.permutation(len(images))
            for start in range(0, max(1, len(images) // recipe.batch_size) * size, size):
                rows = order[start : start + size]
                both = torch.cat([_pixels(_views(images[rows], recipe.augmentation, rng)) for _ in range(2)])
                codes = model(pixel_values=both).pooler_output.flatten(1)
                loss = (
                    contrastive(head(codes), recipe.temperature)
                    if recipe.task == "simclr"
                    else torch.nn.functional.cross_entropy(codes / recipe.temperature, torch.from_numpy(rows).repeat(2))
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                step(1)
    return model.eval()


def contrastive(codes: Any, temperature: float) -> Any:
    """NT-Xent: how hard it is to find the other view of each picture among all others (SimCLR, equation 1).

    ``codes`` (2 B, d): the first views of B pictures, then the second ones in the same order. One number, nat.
    """
    import torch

    unit = torch.nn.functional.normalize(codes, dim=1)
    count = len(codes) // 2
    similar = (unit @ unit.T / temperature).fill_diagonal_(-torch.inf)
    return torch.nn.functional.cross_entropy(similar, torch.arange(2 * count).roll(count))


def _network(widths: tuple[int, int, int]) -> Any:
    from transformers import ResNetConfig, ResNetModel

    return ResNetModel(
        ResNetConfig(
            embedding_size=widths[0],
            hidden_sizes=list(widths),
            depths=[1, 1, 1],
            layer_type="basic",
            downsample_in_first_stage=False,
        )
    )


def _views(images: np.ndarray, augmentation: str, rng: np.random.Generator) -> np.ndarray:
    from PIL import Image

    recipe = AUGMENTATIONS[augmentation]
    return np.stack([np.asarray(view_of(Image.fromarray(image), recipe, rng)) for image in images])


def _pixels(images: np.ndarray) -> Any:
    import torch

    return (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - MEAN) / DEVIATION
