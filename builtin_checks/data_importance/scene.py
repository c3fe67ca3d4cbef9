"""What an attack works with, and what it brings back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.data_importance.importance import Valued
from builtin_checks.data_importance.strata import Ratio


class Budget(NamedTuple):
    """What the attacks may spend; see the page of ``data_importance.exposure_gap``."""

    signal: str
    fpr: float
    threshold: str
    attribute: str
    queries: int
    poisoned: int
    target_class: int
    trigger: int
    architecture: str
    epochs: int
    steps: int
    repeats: int


class Scene(NamedTuple):
    """Everything that an attack works with. ``stratum`` numbers the members from 0, the least important, to groups - 1."""

    trust: tm.Trust
    model: tm.Subject
    valued: Valued
    stratum: np.ndarray
    groups: int
    budget: Budget

    def rows(self, top: bool) -> np.ndarray:
        """Rows of the members of the top or the bottom stratum, the most important (or least important) first."""
        rows = np.flatnonzero(self.stratum == (self.groups - 1 if top else 0))
        values = self.valued.values[rows]
        return rows[np.argsort(-values if top else values, kind="stable")]

    def seed(self, round: int, what: str) -> int:
        """Seed of one training, the same for both strata, so that they differ in their data alone."""
        return int(tm.generator(self.trust.seed, "data_importance", what, round).integers(2**31))

    def network_options(self) -> dict[str, Any]:
        """Architecture, epochs and device of the networks that an attack trains."""
        own = self.budget.architecture == "own"
        if own and self.model.path is None:
            raise tm.UsageError("architecture is 'own', but the model comes from a factory, not a folder. Write 'small'.")
        return {"model": self.model.path if own else None, "epochs": self.budget.epochs, "device": self.model.device}


class Exposure(NamedTuple):
    """How an attack met the two strata.

    Parameters
    ----------
    rounds : list of (top, bottom)
        For each repetition whether each try succeeded: arrays of bool.
    chance : float
        Rate of success that needs no leak.
    paired : bool
        Whether both strata were tried on the same records, in the same order.
    tried : (Dataset, Dataset)
        The records that the tries belong to.
    scores : array of shape (N,) or None
        Attack score of every member, where the attack gives one.
    success : str
        What counts as one, in words.
    details : dict
    matched : Ratio or str
        The ratio with thresholds from equally important non-members, or why there is none.
    by_difficulty : float
        Ratio that may come about without any leak, because the records of one stratum are easier than others.
    corrected : bool
        Whether rates are compared after correction for chance (`rate_ratio`).
    pictures : list of (array, words)
        What the attack drew.
    """

    rounds: list[tuple[np.ndarray, np.ndarray]]
    chance: float
    paired: bool
    tried: tuple[tm.Dataset, tm.Dataset]
    scores: np.ndarray | None
    success: str
    details: dict[str, Any]
    matched: Ratio | str = "only the membership attack has thresholds"
    by_difficulty: float = 1.0
    corrected: bool = False
    pictures: list[tuple[Any, str]] = []
