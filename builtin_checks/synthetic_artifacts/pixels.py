"""A small vision encoder that learns from reference plots to tell real from synthetic, from pixels alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import pytest_trustml as tm

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE, CHANNELS = 64, 2
EPOCHS = 25
BATCH = 16
RATE = 2e-3


def ink(picture: Image) -> np.ndarray:
    """A picture as the encoder sees it, cropped to what is drawn: (2, 64, 64) float32 in [0, 1].

    The first channel is how far a pixel is from the ground, which is the commonest colour of the outermost pixels. The second
    is how mixed the colours of the marks around it are, relative to the whole plot: what crisp classes look like whatever the
    palette is, and 0 in a plot of one colour. Grey alone, as in the paper, loses classes whose colours are equally dark. A
    blank picture gives zeros.
    """
    from PIL import Image
    from scipy.ndimage import uniform_filter

    pixels = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255
    codes = (pixels * 255).astype(np.int64) @ np.array([65536, 256, 1])
    values, counts = np.unique(np.concatenate([codes[[0, -1]].ravel(), codes[:, [0, -1]].ravel()]), return_counts=True)
    commonest = int(values[counts.argmax()])
    ground = np.array([commonest >> 16, commonest >> 8 & 255, commonest & 255], np.float32) / 255
    drawn = np.abs(pixels - ground).max(axis=2)
    marks = drawn > 0.06
    if not marks.any():
        return np.zeros((CHANNELS, SIDE, SIDE), np.float32)
    rows, columns = np.flatnonzero(marks.any(axis=1)), np.flatnonzero(marks.any(axis=0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    weight, colour = marks[window].astype(np.float32), pixels[window]
    around = max(3, round(max(weight.shape) / 14))
    mass = uniform_filter(weight, around, mode="constant")
    first = np.stack([uniform_filter(colour[..., k] * weight, around, mode="constant") for k in range(3)])
    second = sum(uniform_filter(np.square(colour[..., k]) * weight, around, mode="constant") for k in range(3))
    filled = np.maximum(mass, 1e-6)
    local = second / filled - np.square(first / filled).sum(axis=0)
    whole = float(colour[marks[window]].var(axis=0).sum())
    mixed = weight * np.clip(local, 0, None) / max(whole, 1e-4)
    channels = [drawn[window] / drawn.max(), np.clip(mixed / 2, 0, 1)]  # how dark the colours are is style
    small = [Image.fromarray(channel.astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BOX) for channel in channels]
    return np.clip(np.stack([np.asarray(one, dtype=np.float32) for one in small]), 0, 1)


def train_encoder(
    pictures: np.ndarray,
    synthetic: np.ndarray,
    *,
    seed: int,
    turned: bool = False,
    step: Callable[[int], None] = lambda done: None,
) -> Any:
    """A small ResNet, trained for a number of epochs that is fixed in advance; in evaluation mode.

    Parameters
    ----------
    pictures : float32 (n, 2, 64, 64)
        From `ink`.
    synthetic : bool (n,)
    seed : int
    turned : bool
        Turn and mirror training pictures at random: right for a t-SNE map, whose directions mean nothing, and for no other
        chart.
    step : callable
        Told 1 after each of ``EPOCHS`` epochs.

    Notes
    -----
    Differs from Wu et al. 2025: a tiny ResNet from random weights instead of an ImageNet ResNet-18, no epoch chosen on what is
    audited (their code keeps the best epoch on the targets), cross entropy on logits, a channel for mixed colours beside the
    grey.
    """
    import torch
    from transformers import ResNetConfig, ResNetForImageClassification

    config = ResNetConfig(
        num_channels=CHANNELS, embedding_size=12, hidden_sizes=[16, 32, 64], depths=[1, 1, 1], layer_type="basic", num_labels=2
    )
    values, targets = torch.from_numpy(pictures), torch.from_numpy(synthetic.astype(np.int64))
    rng = np.random.default_rng([seed, 5])
    with tm.one_thread(), tm.own_randomness(seed), tm.quiet():
        model = ResNetForImageClassification(config).train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
        total = EPOCHS * -(-len(values) // BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=total, pct_start=0.2)
        for _ in range(EPOCHS):
            order = rng.permutation(len(values))
            for start in range(0, len(order), BATCH):
                rows = torch.from_numpy(order[start : start + BATCH])
                seen = values[rows]
                if turned:
                    seen = torch.stack([_turned(one, int(rng.integers(8))) for one in seen])
                loss = torch.nn.functional.cross_entropy(model(pixel_values=seen).logits, targets[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
            step(1)
    return model.eval()


def _turned(picture: Any, way: int) -> Any:
    """One of the eight ways to lay a square: quarter turns, mirrored from 4 on."""
    turned = picture.rot90(way % 4, (1, 2))
    return turned.flip(2) if way >= 4 else turned


def log_odds(model: Any, pictures: np.ndarray) -> np.ndarray:
    """Natural log of the odds of synthetic against real, larger for more synthetic: (n,) float64."""
    import torch

    with tm.one_thread(), torch.inference_mode():
        logits = model(pixel_values=torch.from_numpy(np.ascontiguousarray(pictures))).logits.double().numpy()
    return logits[:, 1] - logits[:, 0]


def strangeness(pictures: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each picture, and of each known one, to the nearest other known picture: (m,) and (k,).

    Of coarse pictures (8 x 8 means) together with how much neighbouring pixels differ there, each scaled by its spread among
    the known. What is far from every reference is no chart of their kind.
    """
    from scipy.spatial.distance import cdist

    coarse = [_coarse(part) for part in (pictures, known)]
    spread = coarse[1].std(axis=0) + 0.02
    far = cdist(coarse[0] / spread, coarse[1] / spread)
    among = cdist(coarse[1] / spread, coarse[1] / spread)
    np.fill_diagonal(among, np.inf)
    return far.min(axis=1), among.min(axis=1)


def nearest(pictures: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Which known picture is nearest to each, by the same distance: (m,) int."""
    from scipy.spatial.distance import cdist

    coarse = [_coarse(part) for part in (pictures, known)]
    spread = coarse[1].std(axis=0) + 0.02
    return cdist(coarse[0] / spread, coarse[1] / spread).argmin(axis=1)


def _coarse(pictures: np.ndarray) -> np.ndarray:
    grey = pictures[:, 0]
    down = np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    across = np.abs(np.diff(grey, axis=2, append=grey[:, :, -1:]))
    blocks = [part.reshape(len(part), 8, SIDE // 8, 8, SIDE // 8).mean(axis=(2, 4)) for part in (grey, down, across)]
    return np.stack(blocks, axis=1).reshape(len(grey), -1)


def stacked(pictures: Sequence[Image]) -> np.ndarray:
    """Pictures as `ink` sees them: (n, 2, 64, 64) float32."""
    return np.stack([ink(picture) for picture in pictures])
