"""How far a picture lies from the nearest other class of an image classifier, as an attacker who knows the weights finds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_trustml.attacks.image_network import ImageNetwork
from pytest_trustml.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np

_ASKED = 64


class Boundary(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """For every picture how far it was moved.

    Parameters
    ----------
    distance : array of float64, shape (N,)
        Euclidean, over all pixels and channels, from 0 to 1 each. Where the class did not change this is only a lower bound of
        the length of the way.
    changed : array of bool, shape (N,)
        Whether the class changed within the steps; False is a distance that is censored on the right.
    steps : array of int64, shape (N,)
        Steps that were made.
    """

    distance: Any
    changed: Any
    steps: Any

    def median(self) -> float | str:
        """The median distance, or the word why there is none: more than half of the pictures never changed their class."""
        import numpy as np

        known = np.sort(np.where(self.changed, self.distance, np.inf))
        middle = float((known[(len(known) - 1) // 2] + known[len(known) // 2]) / 2)
        return middle if np.isfinite(middle) else f"{int((~self.changed).sum())} of {len(known)} never changed their class"


def boundary_distance(
    network: ImageNetwork,
    images: Sequence[Any],
    *,
    step_size: float = 0.1 / 255,
    steps: int = 100,
    step: Callable[[int], Any] = lambda done: None,
) -> Boundary:
    """How far pictures are from being another class: steps along the signs of the gradient, until the class changes.

    Parameters
    ----------
    network : ImageNetwork
        `open_image_network` of a folder, or one that was trained here.
    images : sequence of PIL images or uint8 arrays (H, W) or (H, W, 3), length N
    step_size : float above 0
        By how much every pixel changes in a step, on the scale from 0 to 1; 0.1 / 255 is published.
    steps : int
        At most. 100 published steps move a pixel by no more than 10 / 255: pictures that lie further from the boundary are
        censored, see `Boundary`.
    step : callable
        Told how many pictures were done.

    Returns
    -------
    Boundary
        The same for any size of the batches up to float rounding: the pictures do not know of each other.

    Raises
    ------
    DataError, UsageError
        Without pictures, for a step size or a number of steps that moves nothing.

    References
    ----------
    Wen et al. 2025, NDSS, arXiv:2409.03741 (its explanatory measurement). The loss is that of the class that the model gives
    the picture, not of its label. The published code does not record which pictures never changed.
    """
    import numpy as np

    if not len(images):
        raise DataError("No pictures were given. A distance needs at least one.")
    if steps < 1 or not step_size > 0:
        raise UsageError(f"steps is {steps} and step_size {step_size}. Take at least one step, and a size above 0.")
    found = []
    for start in range(0, len(images), _ASKED):
        part = [images[row] for row in range(start, min(len(images), start + _ASKED))]
        found.append(_moved(network, part, step_size, steps))
        step(len(part))
    distance, changed, made = (np.concatenate(each) for each in zip(*found, strict=True))
    return Boundary(distance=distance, changed=changed, steps=made)


def _moved(network: ImageNetwork, images: list[Any], size: float, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    import torch

    from pytest_trustml.attacks.inversion.deep_inversion import ends

    model = network.loaded.model
    start = network.prepared(images)
    low, high = ends(network, *start.shape[2:])
    scale = high - low
    with torch.no_grad():
        own = model(pixel_values=start).logits.argmax(1)
    at = start.clone()
    changed = torch.zeros(len(start), dtype=torch.bool, device=start.device)
    made = torch.zeros(len(start), dtype=torch.long, device=start.device)
    for _ in range(steps):
        rows = torch.nonzero(~changed)[:, 0]
        if not len(rows):
            break
        moving = at[rows].detach().requires_grad_()
        loss = torch.nn.functional.cross_entropy(model(pixel_values=moving).logits, own[rows], reduction="sum")
        (gradient,) = torch.autograd.grad(loss, moving)
        with torch.no_grad():
            stepped = torch.minimum(torch.maximum(moving + size * scale * gradient.sign(), low), high)
            at[rows], made[rows] = stepped, made[rows] + 1
            changed[rows] = model(pixel_values=stepped).logits.argmax(1) != own[rows]
    distance = ((at - start) / scale).flatten(1).double().norm(dim=1)
    return distance.cpu().numpy(), changed.cpu().numpy(), made.cpu().numpy()
