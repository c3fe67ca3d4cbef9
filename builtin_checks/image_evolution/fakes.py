"""Fakes and real pictures under a detector: which are kept for setting it up, which it is judged on."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

import pytest_trustml as tm
from builtin_checks.image_evolution.codec import Codec, recoded
from builtin_checks.image_evolution.heads import Head, open_heads

MOST_FALSE_ALARMS = 0.10


def open_detector(spec: str, model: tm.Subject, option: str) -> Head | None:
    """The one detector that an option names; None for an empty text."""
    heads = open_heads(spec, "detector", model)
    if len(heads) > 1:
        raise tm.UsageError(
            f"The option {option} names {len(heads)} detectors. Name one, such as {option}=forensics=DIRECTORY."
        )
    return heads[0] if heads else None


def fakeness_of_reals(trust: tm.Trust, head: Head, reals: tm.Dataset, codec: Codec) -> np.ndarray:
    """How fake a detector finds each real picture, encoded as the fakes are: (r,) float64."""
    return head.read(trust, recoded(reals, codec))[:, 0]


def divide(trust: tm.Trust, ids: Sequence[str], share: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows to set a detector up with and rows to judge it on: a random part, decided by ids and seed, whatever their order."""
    if not 0 < share < 1:
        raise tm.UsageError(
            f"The share of prompts and real pictures to set a detector up with is {share}. Choose one in 0 to 1."
        )
    order = np.array(sorted(range(len(ids)), key=lambda row: ids[row]), dtype=int)
    shuffled = trust.rng.permutation(order)
    first = round(share * len(order))
    return np.sort(shuffled[:first]), np.sort(shuffled[first:])


class Trial(msgspec.Struct, frozen=True, eq=False):
    """Fakes of one version and as many real pictures, and the clusters that they come in."""

    fakes: np.ndarray
    reals: np.ndarray
    clusters: list[str] | None

    def right(self, called: np.ndarray, alarms: np.ndarray) -> np.ndarray:
        """Which of the chosen pictures were told rightly, from what all fakes (N, m) and all real pictures (r,) were called."""
        return np.concatenate([called[self.fakes[:, 0], self.fakes[:, 1]], ~alarms[self.reals]])


def even_trial(
    trust: tm.Trust, usable: np.ndarray, prompts: tm.Dataset, rows: np.ndarray, reals: tm.Dataset, real_rows: np.ndarray
) -> Trial:
    """As many real pictures as fakes, so that calling everything the same gains nothing; who is left out is drawn by ids."""
    ids, names = prompts.ids, reals.ids
    places = [
        (int(row), int(j)) for row in sorted(rows.tolist(), key=lambda row: ids[row]) for j in np.flatnonzero(usable[row])
    ]
    kept = sorted(real_rows.tolist(), key=lambda row: names[row])
    n = min(len(places), len(kept))
    rng = trust.rng
    fakes = np.array([places[i] for i in np.sort(rng.permutation(len(places))[:n])], dtype=int).reshape(-1, 2)
    chosen = np.array([kept[i] for i in np.sort(rng.permutation(len(kept))[:n])], dtype=int)
    clusters = [f"fake {ids[row]}" for row in fakes[:, 0].tolist()] + [f"real {names[row]}" for row in chosen.tolist()]
    return Trial(fakes, chosen, clusters if len(set(clusters)) < len(clusters) else None)
