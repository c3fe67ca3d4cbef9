"""The sets of texts that the checks need, what their optional columns mean, and the options that all checks share."""

from __future__ import annotations

from typing import NamedTuple

import pytest_trustml as tm

_COLUMNS = {"text": "one text"}
_ALIASES = {"text": ("content", "body", "comment", "post", "document")}

HUMAN = tm.Role(
    name="human_text",
    help="texts known to be written by people, of the kind that the detector is to be used on",
    columns=_COLUMNS,
    aliases={"text": (*_ALIASES["text"], "human", "original")},
)
MACHINE = tm.Role(
    name="machine_text",
    help="texts known to be written by a machine, by the generators that the detector is to find",
    columns=_COLUMNS,
    aliases={"text": (*_ALIASES["text"], "machine", "generated", "sampled")},
)
CORPUS = tm.Role(
    name="corpus",
    help="the texts whose share of machine-written ones is asked for",
    columns=_COLUMNS,
    aliases=_ALIASES,
)
DIVIDED = tm.Role(
    name="divided_corpus",
    help="the corpus with a column that divides it, such as month (YYYY-MM) or source; may be the same file",
    columns=_COLUMNS,
    aliases=_ALIASES,
)


class Settings(NamedTuple):
    """The options that all checks share; see the page of ``generated_text.detector_quality``."""

    score: str
    machine_label: str
    max_tokens: int
    min_tokens: int
    bos: bool
    calibration_share: float
    fpr: float

    def checked(self) -> Settings:
        """The settings themselves, if they can be meant."""
        if not 2 <= self.min_tokens <= self.max_tokens:
            raise tm.UsageError(
                f"min_tokens is {self.min_tokens} and max_tokens {self.max_tokens}. Shorter texts than min_tokens are not "
                "judged and longer ones than max_tokens are cut, so 2 <= min_tokens <= max_tokens."
            )
        for name, value in (("calibration_share", self.calibration_share), ("fpr", self.fpr)):
            if not 0 < value < 1:
                raise tm.UsageError(f"{name} is {value}. It is a share between 0 and 1, such as 0.4 or 0.05.")
        return self
