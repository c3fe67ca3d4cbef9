"""Copying an image classifier from its answers: a surrogate that learns to give the same logits."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_trustml.attacks.image_network import ImageNetwork, batches_of, train_image_network
from pytest_trustml.errors import DataError, SubjectError
from pytest_trustml.work.progress import Progress

if TYPE_CHECKING:
    import numpy as np


class ImageCopy(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A copy of an image classifier, made from its answers. Calling it gives logits: (B, C) float32.

    Parameters
    ----------
    network : ImageNetwork
    scale : float
        What the network's outputs are multiplied by to be as large as the victim's.
    queries : int
        Pictures that the victim was asked: what it cost.
    training_seconds : float
    """

    network: ImageNetwork
    scale: float
    queries: int
    training_seconds: float

    def __call__(self, images: Sequence[Any]) -> np.ndarray:
        return self.network(images) * self.scale


def steal_images(
    predict: Callable[[list[Any]], Any],
    queries: Sequence[Any],
    *,
    seed: int,
    loss: str = "l1",
    model: str | Path | None = None,
    epochs: int = 20,
    batch_size: int = 64,
    optimizer: str = "adamw",
    device: str = "cpu",
    asked_at_once: int = 64,
    progress: Any = None,
) -> ImageCopy:
    """Train a copy of an image classifier on its answers to a set of pictures: how well does a small budget extract it?

    Parameters
    ----------
    predict : callable
        The victim: a list of pictures to logits (B, C), such as ``subject.classifier.logits``. Log-probabilities will do.
    queries : sequence of PIL images or uint8 arrays
        Each is asked once.
    seed : int
    loss : {"l1", "mse"}
        How far the copy's logits may be from the victim's; both are published, L1 is the default.
    model, epochs, batch_size, optimizer, device
        Of the copy, see `train_image_network`. The architecture is the attacker's guess.
    progress : callable, optional
        As ``trust.progress``.

    Returns
    -------
    ImageCopy

    Notes
    -----
    Logits are learnt up to a constant per picture, which no probability depends on, and on the scale of their spread; published
    code matches them as they are, which takes a copy long where they lie far from 0.

    Raises
    ------
    SubjectError
        If the victim gives anything but finite logits of at least two classes.

    References
    ----------
    Wen et al. 2025, NDSS, arXiv:2409.03741 (model stealing with queries by importance). Orekondy et al. 2019, arXiv:1812.02766.
    """
    import numpy as np

    if loss == "cross_entropy":
        raise DataError("A copy learns logits, so its loss is 'l1' or 'mse'. Labels alone are learnt by train_image_network.")
    shown = progress or Progress()
    answers: list[np.ndarray] = []
    with shown("asking the victim", len(queries)) as step:
        for start in range(0, len(queries), asked_at_once):
            batch = [queries[row] for row in range(start, min(len(queries), start + asked_at_once))]
            said = np.asarray(predict(batch), dtype=np.float32)
            if said.ndim != 2 or len(said) != len(batch) or said.shape[1] < 2 or not np.isfinite(said).all():
                raise SubjectError(
                    f"The victim gave an array of shape {said.shape} for {len(batch)} pictures, or numbers that are not "
                    "finite. It must give logits of two or more classes for each."
                )
            answers.append(said)
            step(len(batch))
    if not answers:
        raise DataError("There are no queries. A copy needs at least two pictures to ask.")
    wanted = np.concatenate(answers)
    wanted -= wanted.mean(axis=1, keepdims=True)
    scale = float(wanted.std()) or 1.0
    started = time.perf_counter()
    with shown(f"training a copy on {len(wanted)} answers", batches_of(len(wanted), epochs, batch_size)) as step:
        network = train_image_network(
            queries, wanted / scale, outputs=wanted.shape[1], seed=seed, loss=loss, model=model, epochs=epochs,
            batch_size=batch_size, optimizer=optimizer, device=device, step=step,
        )  # fmt: skip
    return ImageCopy(network=network, scale=scale, queries=len(wanted), training_seconds=time.perf_counter() - started)
