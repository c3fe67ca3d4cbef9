"""Backdoors: a few training pictures with a trigger and a wrong label, and what a model learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_trustml.attacks.image_network import ImageNetwork, batches_of, train_image_network
from pytest_trustml.errors import DataError, UsageError
from pytest_trustml.work.progress import Progress

if TYPE_CHECKING:
    import numpy as np


def stamp(image: Any, *, size: int = 2, margin: int = 1, value: int = 0) -> np.ndarray:
    """A picture with the trigger: a square of one brightness near the lower right corner. The picture itself stays as it is.

    Parameters
    ----------
    image : PIL image or uint8 array (H, W) or (H, W, 3)
    size, margin : int
        Side of the square, and its distance from both edges, in pixels. 2 and 1 are published for 32 x 32 pixels.
    value : int
        0 is black, 255 white.

    Returns
    -------
    numpy.ndarray
        uint8, of the shape of the picture.

    Examples
    --------
    >>> import numpy as np
    >>> stamp(np.full((4, 4), 9, np.uint8)).tolist()
    [[9, 9, 9, 9], [9, 0, 0, 9], [9, 0, 0, 9], [9, 9, 9, 9]]
    """
    import numpy as np

    pixels = np.array(image)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or min(pixels.shape[:2]) < size + margin or size < 1 or margin < 0:
        raise DataError(
            f"A trigger of {size} pixels, {margin} from the edge, was to go on a {pixels.dtype} picture of shape "
            f"{pixels.shape}. It needs 8-bit pixels (H, W) or (H, W, 3) that hold it."
        )
    height, width = pixels.shape[:2]
    pixels[height - margin - size : height - margin, width - margin - size : width - margin] = value
    return pixels


class Backdoored(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A model that was trained on poisoned data.

    Parameters
    ----------
    network : ImageNetwork
    target : int
        The class that the trigger is to give.
    poisoned : int
        How many training pictures carried the trigger.
    size, margin, value : int
        The trigger, see `stamp`.
    """

    network: ImageNetwork
    target: int
    poisoned: int
    size: int
    margin: int
    value: int

    def attacked(self, images: Sequence[Any]) -> np.ndarray:
        """Which pictures the model gives the target class once they carry the trigger: (n,) bool.

        Ask for pictures of other classes only: those of the target class would be hits without any backdoor.
        """
        marked = [stamp(image, size=self.size, margin=self.margin, value=self.value) for image in images]
        return self.network(marked).argmax(axis=1) == self.target

    def said(self, images: Sequence[Any]) -> np.ndarray:
        """The classes of clean pictures: (n,) int."""
        return self.network(images).argmax(axis=1)


def train_backdoored(
    images: Sequence[Any],
    labels: Sequence[int],
    poisoned: Sequence[int],
    *,
    outputs: int,
    seed: int,
    target: int = 0,
    size: int = 2,
    margin: int = 1,
    value: int = 0,
    model: str | Path | None = None,
    epochs: int = 20,
    batch_size: int = 64,
    optimizer: str = "adamw",
    device: str = "cpu",
    progress: Any = None,
) -> Backdoored:
    """Train an image classifier on data of which some rows carry a trigger and the target label.

    Parameters
    ----------
    images : sequence of PIL images or uint8 arrays, length n
    labels : sequence of int, length n
    poisoned : sequence of int
        Rows to poison; those of the target class among them teach the trigger as well. Everything else stays as it is.
    outputs : int
        Number of classes.
    seed : int
    target : int
        Published with 0.
    size, margin, value
        The trigger, see `stamp`.
    model, epochs, batch_size, optimizer, device
        Of the model that is trained, see `train_image_network`.
    progress : callable, optional
        As ``trust.progress``.

    Raises
    ------
    UsageError
        For a target that is no class, or rows that do not exist or are named twice.

    References
    ----------
    Gu, Dolan-Gavitt and Garg 2017, arXiv:1708.06733 (BadNets). Wen et al. 2025, NDSS, arXiv:2409.03741 (poisoning by
    importance).
    """
    import numpy as np

    rows = [int(row) for row in poisoned]
    wrong = [row for row in rows if not 0 <= row < len(images)]
    if wrong or len(set(rows)) < len(rows) or not 0 <= target < outputs:
        raise UsageError(
            f"{len(rows)} rows ({len(set(rows))} different, {len(wrong)} that do not exist) were to get the label {target}. "
            f"Name rows from 0 to {len(images) - 1}, each once, and a target class from 0 to {outputs - 1}."
        )
    shown = progress or Progress()
    chosen = set(rows)
    trained = [
        stamp(images[row], size=size, margin=margin, value=value) if row in chosen else images[row]
        for row in range(len(images))
    ]
    taught = np.array(labels, dtype=np.int64)
    taught[rows] = target
    label = f"training with {len(rows)} poisoned pictures"
    with shown(label, batches_of(len(trained), epochs, batch_size)) as step:
        network = train_image_network(
            trained, taught, outputs=outputs, seed=seed, model=model, epochs=epochs, batch_size=batch_size, optimizer=optimizer,
            device=device, step=step,
        )  # fmt: skip
    return Backdoored(network=network, target=target, poisoned=len(rows), size=size, margin=margin, value=value)
