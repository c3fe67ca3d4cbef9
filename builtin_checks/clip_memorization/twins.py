"""Small CLIP models trained from scratch, two of them from one recipe: they differ in nothing but a part of their pairs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.clip_memorization.views import RATIOS

if TYPE_CHECKING:
    from pathlib import Path

    import torch

LONGEST = 32
"""Most tokens in a caption."""
_PAD, _UNKNOWN, _START, _END = range(4)
_SHARPEST = 4.6
"""Largest logarithm of the temperature's inverse: 100, as in CLIP."""


class Recipe(NamedTuple):
    """How a model is trained.

    ``smallest`` is the smallest share of a picture in a random crop, ``noise`` the standard deviation of noise on its pixels
    (which lie between -1 and 1), ``word_drop`` the share of words that are hidden each time a caption is read.
    """

    epochs: int
    smallest: float
    noise: float
    word_drop: float
    weight_decay: float
    batch: int = 128
    rate: float = 2e-3

    def steps(self, pairs: int) -> int:
        """How many steps the training takes."""
        return self.epochs * (pairs // self.batch)


def train(
    images: np.ndarray,
    captions: Sequence[str],
    tokenizer: Any,
    recipe: Recipe,
    *,
    seed: int,
    step: Callable[[int], object] = lambda done: None,
) -> Any:
    """A ``CLIPModel`` trained on the pairs.

    First weights, order of the pairs, crops, noise and hidden words depend on the seed and the number of pairs alone. Two
    sets of pairs that agree in most rows thus give two models that saw the same batches but for the rows that differ.

    Parameters
    ----------
    images : array of shape (N, side, side, 3), uint8
    captions : sequence of N str
    tokenizer : tokenizer of transformers
    recipe : Recipe
    seed : int
    step : callable
        Is told after every training step that one more is done.
    """
    import torch

    if len(images) != len(captions) or len(images) < recipe.batch:
        raise ValueError(f"{len(images)} images and {len(captions)} captions: equally many are needed, {recipe.batch} or more.")
    with tm.one_thread():
        model = _untrained(len(tokenizer), images.shape[1], seed).train()
        dice = torch.Generator().manual_seed(_number(seed, "training"))
        pixels = (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
        text = tokenizer(list(captions), padding=True, truncation=True, return_tensors="pt")
        optimizer, schedule = _optimizer(model, recipe, recipe.steps(len(images)))
        for batch in _batches(len(images), recipe, dice):
            views = _crops(pixels[batch], recipe.smallest, dice)
            views = views + recipe.noise * torch.randn(views.shape, generator=dice)
            words = _hidden(text["input_ids"][batch], recipe.word_drop, dice)
            logits = model(input_ids=words, attention_mask=text["attention_mask"][batch], pixel_values=views).logits_per_image
            target = torch.arange(len(batch))
            cross_entropy = torch.nn.functional.cross_entropy
            loss = (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                model.logit_scale.clamp_(max=_SHARPEST)
            step(1)
    return model.eval()


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write model (safetensors), tokenizer and image processor, as `transformers` reads them."""
    import transformers

    side = model.config.vision_config.image_size
    with tm.quiet():  # looking up the image processor already logs a line where there is no torchvision
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        transformers.CLIPImageProcessor(
            size={"shortest_edge": side}, crop_size={"height": side, "width": side}, image_mean=[0.5] * 3, image_std=[0.5] * 3
        ).save_pretrained(folder)


def _untrained(vocabulary: int, side: int, seed: int) -> Any:
    import torch
    from transformers import CLIPConfig, CLIPModel

    tower = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    words = {"vocab_size": vocabulary, "max_position_embeddings": LONGEST}
    marks = {"pad_token_id": _PAD, "bos_token_id": _START, "eos_token_id": _END}
    config = CLIPConfig(
        text_config={**tower, **words, **marks},
        vision_config={**tower, "image_size": side, "patch_size": 8},
        projection_dim=64,
        logit_scale_init_value=2.0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_number(seed, "weights"))
        return CLIPModel(config)


def _optimizer(model: Any, recipe: Recipe, steps: int) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    import torch

    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98))
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=steps, pct_start=0.2)


def _batches(pairs: int, recipe: Recipe, dice: torch.Generator) -> Iterator[torch.Tensor]:
    import torch

    for _ in range(recipe.epochs):
        order = torch.randperm(pairs, generator=dice)
        yield from order[: pairs // recipe.batch * recipe.batch].split(recipe.batch)


def _crops(pixels: torch.Tensor, smallest: float, dice: torch.Generator) -> torch.Tensor:
    """A random resized crop of every picture (B, 3, side, side): share of the area uniform, ratio of sides log-uniform."""
    import torch

    area, ratio, x, y = torch.rand(4, len(pixels), generator=dice)
    area = smallest + (1 - smallest) * area
    ratio = torch.exp(math.log(RATIOS[0]) + (math.log(RATIOS[1]) - math.log(RATIOS[0])) * ratio)
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    corners = torch.zeros(len(pixels), 2, 3)
    corners[:, 0, 0], corners[:, 1, 1] = width, height
    corners[:, 0, 2], corners[:, 1, 2] = (2 * x - 1) * (1 - width), (2 * y - 1) * (1 - height)
    grid = torch.nn.functional.affine_grid(corners, list(pixels.shape), align_corners=False)
    return torch.nn.functional.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)


def _hidden(words: torch.Tensor, share: float, dice: torch.Generator) -> torch.Tensor:
    """The captions with some words unknown; start, end and padding stay. Always takes as many random numbers for B captions."""
    import torch

    drawn = torch.rand(len(words), LONGEST, generator=dice)[:, : words.shape[1]]
    return torch.where((drawn < share) & (words > _END), _UNKNOWN, words)


def _number(seed: int, purpose: str) -> int:
    return int(tm.generator(seed, "clip_memorization.twins", purpose).integers(2**31))
