"""Pairs that stand in two sets at once: they would make memorization look small, or appear where there is none."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.clip_memorization.views import caption_views, pictures

if TYPE_CHECKING:
    from PIL.Image import Image

GRID = 16
MOST_BITS = 10
"""How many of the 256 bits may differ between pictures of one kind."""
MOST_COLOUR = 8
"""How far their mean colours may lie apart, of 255."""
MOST_FOUND = 1000
"""After so many overlaps the sets are hopeless and the search for more of them ends."""
_CHUNK = 512


class Overlap(NamedTuple):
    """One pair found in two sets: what is the same, and where the two stand."""

    same: str
    first_set: str
    first_id: str
    second_set: str
    second_id: str


def digests(subject: tm.Subject, batch: tm.Dataset) -> dict[str, list[str] | np.ndarray]:
    """What a pair is recognised by: the digest of its pixels, the look of its image (B, 35) uint8, its bare caption.

    Takes no model; it is an observation so that it is made once per data set.
    """
    import hashlib

    pixels, looks = [], []
    for image in pictures(batch):
        pixels.append(hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest())
        looks.append(look(image))
    captions = [bare(views[0]) for views in caption_views(batch)]
    return {"pixels": pixels, "look": np.stack(looks), "caption": captions}


def look(image: Image) -> np.ndarray:
    """Average hash: which of 16 x 16 fields are brighter than their mean (32 bytes), then the mean colour (3 bytes)."""
    from PIL import Image as pil

    small = np.asarray(image.resize((GRID, GRID), pil.Resampling.BOX), dtype=np.float64)
    grey = small.mean(axis=2)
    return np.concatenate([np.packbits(grey > grey.mean()), small.mean(axis=(0, 1)).round().astype(np.uint8)])


def bare(caption: str) -> str:
    """A caption without what copies tend to change: case, punctuation, spaces.

    >>> bare("  A Dog, running. ")
    'a dog running'
    """
    import unicodedata

    text = unicodedata.normalize("NFKC", caption).casefold()
    words = "".join(letter if letter.isalnum() else " " for letter in text).split()
    return " ".join(words) or text.strip()


Digests = Mapping[str, list[str] | np.ndarray]


def overlaps(sets: Mapping[str, tuple[list[str], Digests]]) -> list[Overlap]:
    """All pairs that stand in two different sets; the search ends early where there are very many.

    The same id or picture is the same pair whatever its captions, because a picture with several captions belongs to one
    set. A picture that only looks the same (scaled, compressed anew) counts if its caption is the same too.

    Parameters
    ----------
    sets : mapping of name to (ids, digests)
    """
    found: dict[tuple[str, str, str, str], str] = {}
    by_caption: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for same in ("id", "picture"):
        seen: dict[str, tuple[str, str]] = {}
        for name, (ids, digest) in sets.items():
            for own, key in zip(ids, ids if same == "id" else digest["pixels"], strict=True):
                other, other_id = seen.setdefault(key, (name, own))
                if other != name:
                    found.setdefault((other, other_id, name, own), same)
    for name, (_, digest) in sets.items():
        for row, caption in enumerate(digest["caption"]):
            by_caption[caption][name].append(row)
    for groups in by_caption.values():
        for first, second in itertools.combinations(groups, 2):
            if len(found) >= MOST_FOUND:
                break
            for a, b in _alike(sets[first][1]["look"][groups[first]], sets[second][1]["look"][groups[second]]):
                where = (first, sets[first][0][groups[first][a]], second, sets[second][0][groups[second][b]])
                found.setdefault(where, "look and caption")
    return [Overlap(same, *where) for where, same in found.items()]


def _alike(first: np.ndarray, second: np.ndarray) -> list[tuple[int, int]]:
    """Rows of two arrays of looks that are nearly the same, a chunk at a time."""
    (bits, colour), (other_bits, other_colour) = _words(first), _words(second)
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(first), _CHUNK):
        for begin in range(0, len(second), _CHUNK):
            if len(pairs) >= MOST_FOUND:
                return pairs
            a, b = slice(start, start + _CHUNK), slice(begin, begin + _CHUNK)
            differing = np.bitwise_count(bits[a, None] ^ other_bits[None, b]).sum(axis=-1, dtype=np.int64)
            apart = np.abs(colour[a, None] - other_colour[None, b]).max(axis=-1)
            alike = np.argwhere((differing <= MOST_BITS) & (apart <= MOST_COLOUR))
            pairs += [(start + int(i), begin + int(j)) for i, j in alike]
    return pairs


def _words(looks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bits as four words of 64, and the colours as numbers that may be subtracted."""
    return np.ascontiguousarray(looks[:, :32]).view(np.uint64), looks[:, 32:].astype(np.int16)
