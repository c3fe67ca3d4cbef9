"""Reconstruction: pictures that a model takes for its classes, kept natural by what it remembers of its training data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_trustml.attacks.image_network import ImageNetwork, one_cycle
from pytest_trustml.errors import DataError, UsageError
from pytest_trustml.work.progress import Progress

if TYPE_CHECKING:
    import numpy as np


class Reconstruction(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Pictures drawn out of a model.

    Parameters
    ----------
    pictures : array of float32, shape (n, C, H, W)
        From 0 to 1, of the size that the model sees.
    labels : array of int64, shape (n,)
        The class that each was drawn for.
    recognised : float
        Share of them that the model gives this class.
    normalisations : int
        Batch normalisations whose running statistics were used. Without any (transformers) only the class and the priors guide.
    """

    pictures: Any
    labels: Any
    recognised: float
    normalisations: int


def reconstruct(
    network: ImageNetwork,
    labels: Sequence[int],
    *,
    seed: int,
    size: tuple[int, int] | None = None,
    steps: int = 300,
    batch_size: int = 200,
    learning_rate: float = 0.2,
    statistics_weight: float = 0.05,
    first_weight: float = 10.0,
    variation_weight: float = 1e-4,
    norm_weight: float = 1e-5,
    shift: int = 2,
    progress: Any = None,
) -> Reconstruction:
    """Draw training-like pictures out of an image classifier by optimising pixels (DeepInversion).

    The loss is the cross-entropy of the wanted class, plus how far means and variances before every batch normalisation lie
    from the running ones, plus the total variation and the norm of the picture. Each step sees the pictures shifted by a few
    pixels.

    Parameters
    ----------
    network : ImageNetwork
        `open_image_network` of a folder, or one that was trained here.
    labels : sequence of int
        The class of each picture to draw.
    seed : int
    size : (height, width), optional
        Of the pictures; by default what the configuration names, else 32 x 32.
    steps, batch_size : int
        1000 steps are published; the batch shares its statistics, so it should hold all classes.
    learning_rate, statistics_weight, first_weight, variation_weight, norm_weight, shift
        As published for CIFAR-10; the first normalisation counts ``first_weight`` times.
    progress : callable, optional
        As ``trust.progress``.

    Raises
    ------
    UsageError, DataError
        For budgets below 1, labels that are no classes.

    Notes
    -----
    The study also draws pictures through a generator (a GAN). That needs one that was trained on pictures of the same kind,
    which only the owner of the data has, and is not part of this function.

    References
    ----------
    Yin et al. 2020, Dreaming to Distill, CVPR, arXiv:1912.08795 (equations 2-6). Weights as in
    Wen et al. 2025, arXiv:2409.03741.
    """
    import numpy as np
    import torch

    from pytest_trustml.subjects.pictures import image_size
    from pytest_trustml.subjects.training import one_thread, own_randomness

    wanted = np.asarray(labels, dtype=np.int64)
    if steps < 1 or batch_size < 1:
        raise UsageError(f"steps is {steps} and batch_size {batch_size}. Both must be at least 1.")
    if not len(wanted) or wanted.min() < 0 or wanted.max() >= network.outputs:
        raise DataError(f"Labels of pictures to draw must be classes from 0 to {network.outputs - 1}, and at least one.")
    model, device = network.loaded.model, network.loaded.device
    side = image_size(model.config) or 32
    height, width = size or (side, side)
    low, high = ends(network, height, width)
    shown, found = progress or Progress(), []
    with one_thread(), own_randomness(seed), _Statistics(model, first_weight) as statistics:
        shifts = np.random.default_rng(seed)
        with shown("reconstructing pictures", steps * math.ceil(len(wanted) / batch_size)) as step:
            for start in range(0, len(wanted), batch_size):
                classes = torch.as_tensor(wanted[start : start + batch_size], device=device)
                pictures = torch.randn(len(classes), low.shape[1], height, width, device=device).requires_grad_()
                descent = torch.optim.Adam([pictures], lr=learning_rate, betas=(0.5, 0.9))
                schedule = torch.optim.lr_scheduler.LambdaLR(descent, lambda at: one_cycle(at, steps, rise=0.1))
                for _ in range(steps):
                    down, right = (int(each) for each in shifts.integers(-shift, shift + 1, size=2))
                    seen = torch.roll(pictures, shifts=(down, right), dims=(2, 3))
                    loss = torch.nn.functional.cross_entropy(model(pixel_values=seen).logits, classes)
                    loss = loss + variation_weight * _variation(seen) + norm_weight * seen.flatten(1).norm(dim=1).mean()
                    if statistics.count:
                        loss = loss + statistics_weight * statistics.distance()
                    descent.zero_grad()
                    loss.backward()
                    descent.step()
                    schedule.step()
                    with torch.no_grad():
                        pictures.copy_(torch.minimum(torch.maximum(pictures, low), high))
                    step(1)
                with torch.no_grad():
                    hit = model(pixel_values=pictures).logits.argmax(1) == classes
                found.append((((pictures.detach() - low) / (high - low)).cpu().numpy(), hit.cpu().numpy()))
        count = statistics.count
    return Reconstruction(
        pictures=np.concatenate([each[0] for each in found]).astype(np.float32),
        labels=wanted,
        recognised=float(np.concatenate([each[1] for each in found]).mean()),
        normalisations=count,
    )


def as_drawn(network: ImageNetwork, images: Sequence[Any]) -> np.ndarray:
    """Real pictures on the scale of reconstructed ones, as the model sees them: (N, C, H, W) float32 from 0 to 1."""
    import numpy as np

    parts = []
    for start in range(0, len(images), 64):
        seen = network.prepared([images[row] for row in range(start, min(len(images), start + 64))])
        low, high = ends(network, *seen.shape[2:])
        parts.append(((seen - low) / (high - low)).clamp(0, 1).float().cpu().numpy())
    return np.concatenate(parts)


def ends(network: ImageNetwork, height: int, width: int) -> tuple[Any, Any]:
    """What black and white become on the way into the model: (1, C, 1, 1) each."""
    import numpy as np

    ends = [network.prepared([np.full((height, width, 3), value, np.uint8)]) for value in (0, 255)]
    return tuple(each.amin((2, 3), keepdim=True) if i == 0 else each.amax((2, 3), keepdim=True) for i, each in enumerate(ends))


def _variation(seen: Any) -> Any:
    """Norms of the differences to the neighbours right, below and on both diagonals (equation 3)."""
    across, down = seen[:, :, :, :-1] - seen[:, :, :, 1:], seen[:, :, :-1, :] - seen[:, :, 1:, :]
    falling, rising = seen[:, :, :-1, :-1] - seen[:, :, 1:, 1:], seen[:, :, 1:, :-1] - seen[:, :, :-1, 1:]
    return across.norm() + down.norm() + falling.norm() + rising.norm()


class _Statistics:
    """How far means and variances before every batch normalisation lie from the running ones (equation 4)."""

    def __init__(self, model: Any, first_weight: float) -> None:
        import torch

        self._layers = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d) and m.running_mean is not None]
        self.count = len(self._layers)
        self._first = first_weight
        self._found: list[Any] = []

    def __enter__(self) -> _Statistics:
        self._handles = [layer.register_forward_hook(self._hear) for layer in self._layers]
        return self

    def __exit__(self, *problem: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _hear(self, layer: Any, inputs: tuple[Any, ...], output: Any) -> None:
        seen = inputs[0]
        mean, variance = seen.mean((0, 2, 3)), seen.var((0, 2, 3), unbiased=False)
        self._found.append((layer.running_var - variance).norm() + (layer.running_mean - mean).norm())

    def distance(self) -> Any:
        """The sum over the layers of the last pass; the first one counts more."""
        heard = self._found[-self.count :]
        self._found = []
        return self._first * heard[0] + sum(heard[1:])
