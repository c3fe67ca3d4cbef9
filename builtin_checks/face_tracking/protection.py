"""Protect pictures of faces against recognition: small changes of the pixels that lead a recogniser elsewhere.

The losses are those of DivTrackee (Fan et al., CCS 2025), on pixels within a budget instead of a generator's latent: away from
the own source, towards somebody else, and apart from the pictures that were protected before. Without the last two every
picture ends up in the same place, and a tracker that knows one of them knows all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.face_tracking.training import pixels


class Protection(NamedTuple):
    """How pictures are protected.

    ``budget``: largest change of a pixel, 0 to 255. ``steps`` of gradient descent on the sign. ``dissimilarity``, ``guide`` and
    ``diversity``: weights of the three terms; with a negative diversity pictures are drawn together, which is what adding the
    published queue term to a loss that is minimised does. ``guides``: one guide of a person's own for each ``picture``, or the
    same for all pictures of a ``person``. ``queue``: how many finished pictures of the person count. ``slack``: how near to the
    guide is near enough (1 - cosine). ``masks``: a change of its own for each ``picture``, or one for a ``person`` that is
    learnt from the first ``learnt_from`` pictures and laid over all (0: from all of them); that one has no queue.
    """

    budget: float
    steps: int
    dissimilarity: float = 1.0
    guide: float = 0.6
    diversity: float = 1.2
    guides: str = "picture"
    queue: int = 10
    slack: float = 0.2
    masks: str = "picture"
    learnt_from: int = 0


def protect(
    model: Any, images: np.ndarray, who: np.ndarray, others: np.ndarray, how: Protection, rng: np.random.Generator,
    step: Callable[[int], None] = lambda done: None,
) -> np.ndarray:  # fmt: skip
    """Pictures that look alike to people and are someone else to the recogniser.

    The pictures of one person are protected one after the other, those of different people side by side.

    Parameters
    ----------
    model : transformers model with a pooled output
        The recogniser that is misled.
    images : array of shape (N, H, W, 3), uint8
    who : array of int, shape (N,)
        The person on each picture.
    others : array of shape (M, H, W, 3), uint8
        Pictures of other people, to be taken as guides.
    how : Protection
    rng : numpy.random.Generator
        Draws the guides.
    step : callable
        Told how many pictures are finished.

    Returns
    -------
    array of shape (N, H, W, 3), uint8
        No pixel changed by more than ``how.budget``.
    """
    import torch

    for name in ("guides", "masks"):
        if getattr(how, name) not in ("picture", "person"):
            raise ValueError(f"{name} is {getattr(how, name)!r}. It is 'picture' (for each its own) or 'person' (one for all).")
    if not len(others):
        raise ValueError("There are no pictures of other people. Give at least one as a guide.")
    people, codes = np.unique(who, return_inverse=True)
    chosen = rng.integers(len(others), size=len(images))
    if how.guides == "person":
        chosen = rng.integers(len(others), size=len(people))[codes]
    turns = _turns(codes, len(people))
    found = np.array(images)
    finished = [torch.empty(0, 0)] * len(people)
    with tm.one_thread():
        guides = _embed(model, pixels(others[chosen])).detach()
        if how.masks == "person":
            for code in range(len(people)):
                rows = np.flatnonzero(codes == code)
                taught = rows[: how.learnt_from or len(rows)]
                found[rows] = _laid_over(
                    images[rows], _change(model, images[taught], guides[taught], [], how, shared=True), how
                )
                step(len(rows))
            return found
        for turn in turns:
            queue = [finished[person][-how.queue :] if how.queue else finished[person][:0] for person in codes[turn]]
            found[turn] = _laid_over(images[turn], _change(model, images[turn], guides[turn], queue, how), how)
            for person, code in zip(codes[turn], _embed(model, pixels(found[turn])).detach(), strict=True):
                finished[person] = torch.cat([finished[person].reshape(-1, len(code)), code[None]])
            step(len(turn))
    return found


def _turns(codes: np.ndarray, people: int) -> list[np.ndarray]:
    """Rows of the first picture of each person, of the second, and so on."""
    seen = np.zeros(people, int)
    place = np.empty(len(codes), int)
    for row, code in enumerate(codes):
        place[row], seen[code] = seen[code], seen[code] + 1
    return [np.flatnonzero(place == turn) for turn in range(int(seen.max(initial=0)))]


def _change(
    model: Any, images: np.ndarray, guides: Any, queue: list[Any], how: Protection, *, shared: bool = False
) -> np.ndarray:
    """Signed gradient descent of the loss within the budget: the change of each picture, or one for all, in pixel values."""
    import torch

    start = pixels(images)
    budget, pace = how.budget / 127.5, 2.5 * how.budget / 127.5 / how.steps
    source = _embed(model, start).detach()
    queue = queue or [source[:0]] * len(source)
    change = torch.zeros_like(start[:1] if shared else start)
    for _ in range(how.steps):
        change.requires_grad_(True)
        loss = protection_loss(_embed(model, (start + change).clamp(-1, 1)), source, guides, queue, how).sum()
        (slope,) = torch.autograd.grad(loss, change)
        with torch.no_grad():
            change = (change - pace * slope.sign()).clamp(-budget, budget)
    return (change * 127.5).permute(0, 2, 3, 1).numpy()


def _laid_over(images: np.ndarray, change: np.ndarray, how: Protection) -> np.ndarray:
    """The pictures with the change, in whole pixel values as files hold them, still within the budget."""
    whole = np.clip(np.round(change), -np.floor(how.budget), np.floor(how.budget))
    return (images + whole).clip(0, 255).astype(np.uint8)


def protection_loss(codes: Any, source: Any, guides: Any, queue: list[Any], how: Protection) -> Any:
    """What is minimised for each picture: near to the guide, far from the source, apart from the queue. (B,)

    The published code adds the queue term, which pulls pictures together; here it is subtracted (section 5 of the method).

    Parameters
    ----------
    codes, source, guides : tensors of shape (B, d), unit length
    queue : list of B tensors of shape (q_i, d), unit length
        May be empty.
    """
    dissimilar = 1 - (codes * source).sum(dim=1)
    guide = (1 - (codes * guides).sum(dim=1) - how.slack).clamp(min=0)
    import torch

    apart = [(1 - old @ code).mean() if len(old) else code.sum() * 0 for old, code in zip(queue, codes, strict=True)]
    return how.guide * guide - how.dissimilarity * dissimilar - how.diversity * torch.stack(apart)


def _embed(model: Any, values: Any) -> Any:
    """Unit embeddings (N, d)."""
    import torch

    return torch.nn.functional.normalize(model(pixel_values=values).pooler_output.flatten(1), dim=1)
