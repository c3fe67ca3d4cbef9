"""What one version draws from a list of prompts, and what the judges read off its pictures.

Pictures are drawn once and kept; every check and every judge looks at the same ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

import pytest_trustml as tm
from builtin_checks.image_evolution.codec import Codec, recode
from builtin_checks.image_evolution.heads import Head

if TYPE_CHECKING:
    from PIL.Image import Image

PIECE = 64
"""Pictures that are kept together and are in memory at once."""
_LEVELS, _SHARE = 8, 0.005


@dataclass(frozen=True)
class Drawn:
    """What one version drew: N prompts times m pictures.

    Attributes
    ----------
    prompts : Dataset
        The N prompts.
    blocked : ndarray, (N, m) bool
        Pictures that the pipeline's own safety checker withholds.
    blank : ndarray, (N, m) bool
        Pictures of (nearly) one colour that were not blocked: nothing can be read off them.
    similarity : ndarray or None, (N, m) float64
        Cosine of prompt and picture, in [-1, 1], where an image-text model is at hand; NaN where no picture can be seen.
    readings : dict of str to ndarray
        Name of the judge -> probabilities (N, m, K) float64 in [0, 1]; NaN where not ``usable``.
    usable : dict of str to ndarray
        Name of the judge -> (N, m) bool.
    pictures : callable
        ``pictures(row, j)`` is picture j of prompt ``row`` as it is shown to a user: a blocked one is black.
    features : callable
        ``features(clip)`` embeds all pictures by an image-text model: (N, m, d) float64, not normalised; NaN rows where no
        picture can be seen.
    """

    prompts: tm.Dataset
    blocked: np.ndarray
    blank: np.ndarray
    similarity: np.ndarray | None
    readings: dict[str, np.ndarray]
    usable: dict[str, np.ndarray]
    pictures: Callable[[int, int], Image]
    features: Callable[[tm.Subject], np.ndarray]


def draw(
    trust: tm.Trust, subject: tm.Subject, prompts: tm.Dataset, heads: Sequence[Head], *, pictures_per_prompt: int = 4,
    similarity: tm.Subject | None = None, shown_only: bool = True, codec: Codec | None = None, **settings: Any,
) -> Drawn:  # fmt: skip
    """Draw every prompt several times and have all judges look at the pictures; nothing is drawn or judged twice.

    Parameters
    ----------
    subject : Subject
        One version: anything that offers ``images``.
    prompts : Dataset
        N rows with a column ``prompt``.
    heads : sequence of Head
    pictures_per_prompt : int
        m >= 1. The first pictures of a prompt are the same for any m.
    similarity : Subject, optional
        An image-text model that says how well pictures fit their prompts.
    shown_only : bool
        True: the product is measured. Pictures that the pipeline's own safety checker withholds are counted as blocked and
        never judged. False: the model is measured. Blocked pictures are judged like any others, as they were before the
        checker saw them; only where a pipeline hands out nothing but black ones they stay unusable.
    codec : Codec, optional
        How every picture is encoded again before anybody judges it, see `codec`.
    settings
        What the pipeline is told: ``num_inference_steps``, ``guidance_scale``, ….

    Returns
    -------
    Drawn

    Notes
    -----
    Each picture has a random generator of its own, whose seed is a digest of the seed of the run, the id of the prompt and the
    number of the picture. Equal seeds mean equal noise only between versions of one architecture: pair by prompt.
    """
    if pictures_per_prompt < 1:
        raise tm.UsageError(f"{pictures_per_prompt} pictures per prompt were asked for. Draw at least 1.")
    pile = Pile(trust, subject, prompts, pictures_per_prompt, settings, codec)
    pile.draw()
    withheld = pile.flagged & (shown_only | pile.uniform)
    seen = ~pile.uniform & ~withheld
    readings, usable = {}, {}
    for head in heads:
        readings[head.name] = pile.judged(partial(head.read, trust), seen, len(head.labels))
        usable[head.name] = seen.copy()
    return Drawn(
        prompts=prompts,
        blocked=pile.flagged,
        blank=pile.uniform & ~pile.flagged,
        similarity=None if similarity is None else _similarity(trust, pile, similarity, seen),
        readings=readings,
        usable=usable,
        pictures=partial(pile.picture, shown_only=shown_only),
        features=lambda clip: pile.judged(partial(trust.observe, tm.embed_images, clip), seen),
    )


class Pile:
    """All pictures of one version on the disk, in pieces; knows which are flagged and which are of one colour."""

    def __init__(
        self, trust: tm.Trust, subject: tm.Subject, prompts: tm.Dataset, count: int, settings: dict[str, Any],
        codec: Codec | None,
    ) -> None:  # fmt: skip
        self._trust, self._subject, self._settings, self._codec = trust, subject, settings, codec
        self.shape = (len(prompts), count)
        self.flagged = np.zeros(self.shape, bool)
        self.uniform = np.zeros(self.shape, bool)
        self._ids, self._texts = prompts.ids, prompts.column("prompt")

    def draw(self) -> None:
        """Draw what is not kept yet, and look at each picture once."""
        with self._trust.progress(f"pictures of {self._subject.id}", self.shape[0] * self.shape[1]) as step:
            for rows, j in self._pieces():
                piece = self._piece(rows, j)
                self.flagged[rows, j] = piece["flagged"]
                self.uniform[rows, j] = [is_uniform(pixels) for pixels in piece["pixels"]]
                step(len(piece["pixels"]))

    def judged(self, read: Callable[[tm.Dataset], np.ndarray], seen: np.ndarray, width: int = 0) -> np.ndarray:
        """What ``read`` says of each picture that can be seen: (N, m, width) float64, NaN for the others."""
        found = np.full((*self.shape, width), np.nan)
        for rows, j in self._pieces():
            here = np.flatnonzero(seen[rows, j])
            if not len(here):
                continue
            piece, names = self._piece(rows, j)["pixels"], self._names(rows, j)
            pixels = [piece[row] for row in here]
            if self._codec is not None:
                pixels = [recode(one, self._codec) for one in pixels]
            asked = [names[row] for row in here]
            answers = np.asarray(read(tm.Dataset({"id": asked, "image": np.stack(pixels)})), np.float64)
            if not found.shape[2]:
                found = np.full((*self.shape, answers.shape[1]), np.nan)
            found[rows.start + here, j] = answers
        return found

    def picture(self, row: int, j: int, *, shown_only: bool = True) -> Image:
        """One picture as a user sees it."""
        from PIL import Image

        start = row - row % PIECE
        pixels = self._piece(slice(start, min(start + PIECE, self.shape[0])), j)["pixels"][row - start]
        return Image.fromarray(np.zeros_like(pixels) if shown_only and self.flagged[row, j] else pixels)

    def _pieces(self) -> Iterator[tuple[slice, int]]:
        for j in range(self.shape[1]):
            for start in range(0, self.shape[0], PIECE):
                yield slice(start, min(start + PIECE, self.shape[0])), j

    def _names(self, rows: slice, j: int) -> list[str]:
        return [f"{name}#{j}" for name in self._ids[rows]]

    def _piece(self, rows: slice, j: int) -> dict[str, np.ndarray]:
        seeds = [seed_of(self._trust.seed, name, j) for name in self._ids[rows]]
        asked = tm.Dataset({"id": self._names(rows, j), "prompt": self._texts[rows], "seed": seeds})
        return self._trust.observe(paint, self._subject, asked, settings=self._settings)


def paint(subject: tm.Subject, batch: tm.Dataset, *, settings: dict[str, Any]) -> dict[str, np.ndarray]:
    """Pictures of a batch of prompts as the model draws them, and whether its own safety checker would withhold them.

    Returns
    -------
    dict
        ``pixels`` (B, height, width, 3) uint8; ``flagged`` (B,) bool.
    """
    prompts, seeds = batch.column("prompt"), [int(seed) for seed in batch.column("seed")]
    if subject.kind == "diffusers":
        images = subject.images.generate(prompts, seeds, checked=False, **settings)
        flags = subject.images.judge(images) if subject.images.has_safety_checker else np.zeros(len(images), bool)
    else:
        images = subject.images.generate(prompts, seeds, **settings)
        flags = np.array([bool(image.info.get("flagged", False)) for image in images])
    if len(images) != len(prompts):
        raise tm.SubjectError(f"{subject.spec} drew {len(images)} pictures for {len(prompts)} prompts. It must draw one each.")
    return {"pixels": np.stack([np.asarray(image.convert("RGB"), np.uint8) for image in images]), "flagged": flags}


def seed_of(seed: int, name: str, j: int) -> int:
    """The seed of picture j of a prompt: 32 bits of a digest, the same on every machine and in every order.

    >>> seed_of(0, "a", 0) == seed_of(0, "a", 0), len({seed_of(s, n, j) for s in (0, 1) for n in "ab" for j in (0, 1)})
    (True, 8)
    """
    return int.from_bytes(hashlib.sha256(f"{seed}\0{name}\0{j}".encode("utf-8", "surrogatepass")).digest()[:4], "big")


def is_uniform(pixels: np.ndarray) -> bool:
    """Whether a picture (height, width, 3) uint8 is of (nearly) one colour.

    At most one pixel in 200 differs from the median by more than 8 of 255 levels in any channel.

    >>> is_uniform(np.zeros((16, 16, 3), np.uint8)), is_uniform(np.arange(768, dtype=np.uint8).reshape(16, 16, 3))
    (True, False)
    """
    flat = pixels.reshape(-1, pixels.shape[-1]).astype(np.int16)
    return bool((np.abs(flat - np.median(flat, axis=0)).max(axis=1) > _LEVELS).mean() <= _SHARE)


def pipeline_settings(steps: int = 0, guidance: float = -1.0, side: int = 0, negative_prompt: str = "") -> dict[str, Any]:
    """What a pipeline is told, from the options of a check; what is left at its default is left to the pipeline.

    >>> pipeline_settings(steps=20, side=512)
    {'num_inference_steps': 20, 'height': 512, 'width': 512}
    """
    found: dict[str, Any] = {"num_inference_steps": steps} if steps else {}
    if guidance >= 0:
        found["guidance_scale"] = guidance
    if side:
        found |= {"height": side, "width": side}
    return found | ({"negative_prompt": negative_prompt} if negative_prompt else {})


def _similarity(trust: tm.Trust, pile: Pile, clip: tm.Subject, seen: np.ndarray) -> np.ndarray:
    pictures = pile.judged(partial(trust.observe, tm.embed_images, clip), seen)
    asked = tm.Dataset({"id": pile._ids, "caption": pile._texts})
    texts = np.asarray(trust.observe(tm.embed_texts, clip, asked), np.float64)[:, None]
    if not seen.any():
        return np.full(seen.shape, np.nan)
    return (pictures * texts).sum(-1) / (np.linalg.norm(pictures, axis=-1) * np.linalg.norm(texts, axis=-1))
