"""An image classifier that an attacker trains: of the architecture of a given folder, or a small ResNet of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_trustml.errors import DataError, UsageError, unknown

if TYPE_CHECKING:
    import numpy as np

LOSSES = ("cross_entropy", "l1", "mse")
OPTIMIZERS = {"adamw": 2e-3, "sgd": 0.1}
"""Names, with the learning rate that each is used with by default."""
SIDE = 32
"""Pixels to which the small ResNet scales its pictures."""
_SCORED = 64
_KEPT_BYTES = 1 << 30
"""Prepared pictures are kept in memory up to this size; beyond it they are prepared anew for every batch."""


class ImageNetwork:
    """An image classifier with its preparation of pictures. Calling it gives logits: (B, C) float32.

    Make one with `train_image_network` or `open_image_network`.

    Parameters
    ----------
    loaded : Loaded
        Model, processor and device, as subjects hold them.
    """

    def __init__(self, loaded: Any) -> None:
        self.loaded = loaded

    @property
    def outputs(self) -> int:
        """Number of classes."""
        return int(self.loaded.model.config.num_labels)

    def prepared(self, images: Sequence[Any]) -> Any:
        """Pixel values as the model takes them: a tensor (B, C, H, W) on its device."""
        from pytest_trustml.subjects.pictures import pixels

        return pixels(self.loaded, list(images))

    def __call__(self, images: Sequence[Any]) -> np.ndarray:
        import numpy as np
        import torch

        found = [np.empty((0, self.outputs), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(images), _SCORED):
                part = self.prepared([images[row] for row in range(start, min(len(images), start + _SCORED))])
                found.append(self.loaded.model(pixel_values=part).logits.float().cpu().numpy())
        return np.concatenate(found)


def open_image_network(model: str | Path, *, device: str = "cpu") -> ImageNetwork:
    """The trained image classifier in a folder of the transformers library, for attacks that look inside.

    Raises
    ------
    UsageError
        If the folder holds something else.
    """
    from pytest_trustml.subjects.files import detect
    from pytest_trustml.subjects.from_transformers import TransformersSource

    loaded = TransformersSource(detect(Path(model))).load(device, "float32")
    if not type(loaded.model).__name__.endswith("ForImageClassification"):
        raise UsageError(
            f"{model} holds a {type(loaded.model).__name__}. This attack needs an image classifier of the transformers library "
            "(*ForImageClassification)."
        )
    return ImageNetwork(loaded)


def train_image_network(
    images: Sequence[Any],
    targets: np.ndarray,
    *,
    outputs: int,
    seed: int,
    loss: str = "cross_entropy",
    model: str | Path | None = None,
    epochs: int = 20,
    batch_size: int = 64,
    optimizer: str = "adamw",
    learning_rate: float = 0.0,
    device: str = "cpu",
    step: Callable[[int], Any] = lambda done: None,
) -> ImageNetwork:
    """Train an image classifier from random weights, the same one for the same seed.

    Parameters
    ----------
    images : sequence of PIL images or uint8 arrays (H, W) or (H, W, 3), length n
    targets : array
        (n,) int labels for ``cross_entropy``; (n, outputs) float logits to be met for ``l1`` and ``mse``.
    outputs : int
        Number of classes.
    seed : int
        Weights and the order of the batches. On a CPU it computes on one thread; torch then has its threads and its random
        numbers back.
    loss : {"cross_entropy", "l1", "mse"}
    model : path, optional
        A folder with an image classifier whose architecture and image processor are used, not its weights. Without it a ResNet
        of 84 thousand parameters that sees 32 x 32 pixels.
    epochs, batch_size : int
    optimizer : {"adamw", "sgd"}
        AdamW with a rise and a fall of the learning rate, or SGD with momentum 0.9 and a cosine, as published attacks use;
        weight decay 5e-4.
    learning_rate : float
        0 means that of the optimizer: 2e-3 for AdamW, 0.1 for SGD.
    step : callable
        Told after every batch that one more is done; there are `batches_of` of them.

    Raises
    ------
    UsageError, DataError
        For unknown words, and pictures and targets that do not fit together.
    """
    import numpy as np
    import torch

    from pytest_trustml.subjects.training import one_thread, own_randomness

    for word, value, known in (("loss", loss, LOSSES), ("optimizer", optimizer, OPTIMIZERS)):
        if value not in known:
            raise UsageError(unknown(word, str(value), known))
    targets = np.asarray(targets)
    shape = (len(images),) if loss == "cross_entropy" else (len(images), outputs)
    if targets.shape != shape or len(images) < 2:
        raise DataError(
            f"{len(images)} pictures came with targets of shape {targets.shape}. With the loss {loss} they must have the shape "
            f"{shape}, and there must be at least 2."
        )
    with one_thread(), own_randomness(seed):
        network = _fresh(outputs, model, device)
        wanted = torch.as_tensor(targets, dtype=torch.long if loss == "cross_entropy" else torch.float32, device=device)
        measure = {
            "cross_entropy": torch.nn.functional.cross_entropy,
            "l1": torch.nn.functional.l1_loss,
            "mse": torch.nn.functional.mse_loss,
        }[loss]
        inner = network.loaded.model.requires_grad_(True).train()
        total = batches_of(len(images), epochs, batch_size)
        rate = learning_rate or OPTIMIZERS[optimizer]
        if optimizer == "adamw":
            descent = torch.optim.AdamW(inner.parameters(), lr=rate, weight_decay=5e-4)
            schedule: Any = torch.optim.lr_scheduler.LambdaLR(descent, lambda at: one_cycle(at, total))
        else:
            descent = torch.optim.SGD(inner.parameters(), lr=rate, momentum=0.9, weight_decay=5e-4)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(descent, total)
        pictures = _Pictures(network, images)
        for rows in _batches(len(images), epochs, batch_size, np.random.default_rng(seed)):
            lost = measure(inner(pixel_values=pictures.of(rows)).logits, wanted[torch.as_tensor(rows, device=device)])
            descent.zero_grad()
            lost.backward()
            torch.nn.utils.clip_grad_norm_(inner.parameters(), 5.0)
            descent.step()
            schedule.step()
            step(1)
        inner.eval().requires_grad_(False)
    return network


def one_cycle(at: int, total: int, rise: float = 0.2) -> float:
    """Share of the learning rate at a step: a rise over the first part, then a cosine down to nearly 0.

    >>> [round(one_cycle(at, 10), 2) for at in range(10)]
    [0.5, 1.0, 1.0, 0.96, 0.85, 0.69, 0.5, 0.31, 0.15, 0.04]
    """
    first = max(1, int(rise * total))
    return (at + 1) / first if at < first else 0.5 * (1 + math.cos(math.pi * (at - first) / max(1, total - first)))


def batches_of(count: int, epochs: int, batch_size: int) -> int:
    """How many batches a training takes.

    >>> batches_of(100, 2, 64)
    4
    """
    if epochs < 1 or batch_size < 2:
        raise UsageError(f"epochs is {epochs} and batch_size {batch_size}. Take at least 1 epoch and 2 pictures per batch.")
    return epochs * -(-count // min(batch_size, count))


def _batches(count: int, epochs: int, batch_size: int, rng: np.random.Generator) -> Iterator[Any]:
    """Batches of one size: the last one of an epoch is filled up from its beginning, because normalisation needs several."""
    import numpy as np

    size = min(batch_size, count)
    for _ in range(epochs):
        order = rng.permutation(count)
        for start in range(0, count, size):
            rows = order[start : start + size]
            yield rows if len(rows) == size else np.concatenate([rows, order[: size - len(rows)]])


class _Pictures:
    """Prepared pictures, kept where they fit into memory."""

    def __init__(self, network: ImageNetwork, images: Sequence[Any]) -> None:
        import torch

        self._network, self._images = network, images
        first = network.prepared([images[0]])
        self._kept = None
        if first.numel() * 4 * len(images) <= _KEPT_BYTES:
            parts = [first]
            for start in range(1, len(images), _SCORED):
                parts.append(network.prepared([images[row] for row in range(start, min(len(images), start + _SCORED))]))
            self._kept = torch.cat(parts)

    def of(self, rows: np.ndarray) -> Any:
        if self._kept is not None:
            return self._kept[rows.tolist()]
        return self._network.prepared([self._images[int(row)] for row in rows])


def _fresh(outputs: int, model: str | Path | None, device: str) -> ImageNetwork:
    """Random weights, drawn from torch's current random numbers."""
    import copy

    import transformers

    from pytest_trustml.subjects.residence import Loaded

    names = {"id2label": {number: str(number) for number in range(outputs)}}
    if model is None:
        config = transformers.ResNetConfig(
            embedding_size=16, hidden_sizes=[16, 32, 64], depths=[1, 1, 1], layer_type="basic", image_size=SIDE, **names
        )
        return ImageNetwork(
            Loaded(transformers.ResNetForImageClassification(config).to(device), device, name="the small ResNet")
        )
    known = open_image_network(model, device=device).loaded
    config = copy.deepcopy(known.model.config)
    config.id2label, config.label2id = names["id2label"], {name: number for number, name in names["id2label"].items()}
    return ImageNetwork(Loaded(type(known.model)(config).to(device), device, processor=known.processor, name=str(model)))
