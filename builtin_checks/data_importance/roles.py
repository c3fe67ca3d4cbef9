"""The records that the checks need, and the options that both share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest_trustml as tm

MEMBERS, NONMEMBERS, POPULATION = tm.MEMBERS, tm.NONMEMBERS, tm.POPULATION
ROLES = {"members": MEMBERS, "nonmembers": NONMEMBERS, "population": POPULATION}

FEATURES = ("auto", "encoder", "content")
DISTANCES = ("cosine", "euclidean")
SIGNALS = ("loss", "confidence", "scaled_logit", "entropy", "modified_entropy", "correctness")
_INPUTS = ("image", "text")


class Valuation(NamedTuple):
    """How importance is found; see the page of ``data_importance.exposure_gap``."""

    features: str
    distance: str
    neighbours: int
    utility: str
    validation_share: float

    def checked(self) -> Valuation:
        """The settings themselves, if they can be meant."""
        one_of("features", self.features, FEATURES)
        one_of("distance", self.distance, DISTANCES)
        one_of("utility", self.utility, ("hard", "soft"))
        if self.neighbours < 1:
            raise tm.UsageError(f"neighbours is {self.neighbours}. It must be at least 1, 10 as a rule.")
        if not 0 < self.validation_share < 1:
            raise tm.UsageError(f"validation_share is {self.validation_share}. It is a share between 0 and 1, such as 0.5.")
        return self


def one_of(name: str, value: str, known: Sequence[str]) -> None:
    """An error that shows what there is, for an option that is no word of these."""
    if value not in known:
        raise tm.UsageError(f"{name} is {value!r}. It is one of {', '.join(known)}.")


def check_rate(fpr: float) -> None:
    """An error for a false positive rate that is none."""
    if not 0 < fpr < 1:
        raise tm.UsageError(f"fpr is {fpr}. It is a rate between 0 and 1, such as 0.01.")


def input_column(data: tm.Dataset) -> str:
    """The column that the classifier reads: ``image`` or ``text``.

    >>> input_column(tm.Dataset({"text": ["a"], "label": [0]}))
    'text'
    """
    found = [name for name in _INPUTS if name in data.columns]
    if len(found) != 1:
        raise tm.DataError(
            f"{data.spec} has the columns {', '.join(data.columns)}. Exactly one of them must be called image or text: rename "
            "it in the data spec, as in ?text=COLUMN."
        )
    if found == ["image"] and isinstance(data.column("image"), list):
        raise tm.DataError(
            f"The column image of {data.spec} holds {type(data.column('image')[0]).__name__}. It must hold pictures: give a "
            "folder of pictures or an array of 8-bit pixels (rows, height, width, 3)."
        )
    return found[0]


class Pictures(Sequence[Any]):
    """The pictures of a data set as PIL images, each opened when it is looked at."""

    def __init__(self, data: tm.Dataset, rows: Sequence[int] | None = None) -> None:
        self._column = data.column("image")
        self._rows = range(len(data)) if rows is None else [int(row) for row in rows]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        cell = self._column[self._rows[index]]
        if hasattr(cell, "convert"):
            return cell.convert("RGB")
        from PIL import Image

        return Image.fromarray(cell).convert("RGB")
