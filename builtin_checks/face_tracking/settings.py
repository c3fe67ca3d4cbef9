"""The options that the checks of the family share; the checks' pages explain them."""

from __future__ import annotations

from typing import NamedTuple

import pytest_trustml as tm


class Settings(NamedTuple):
    """How the tracker works, and what is asked of the instrument."""

    anchors: int = 1
    top_k: int = 1
    margin: float = 0.0
    far: float = 0.0
    mirrors: bool = False
    jpeg_quality: int = 75
    scale: float = 1.0
    logistic: bool = False
    clean_ceiling: float = 0.9
    impostors: int = 100
    likeness: float = 0.3
    undetected: float = 0.1
    top: int = 12

    def validate(self) -> Settings:
        """The same settings, or a UsageError that names the option that cannot be meant."""
        for name, ok, right in (
            ("anchors", self.anchors >= 1, "a whole number from 1"),
            ("top_k", self.top_k >= 1, "a whole number from 1"),
            ("margin", 0 <= self.margin <= 2, "a difference of cosines from 0 to 2"),
            ("far", 0 <= self.far < 1, "a false acceptance rate from 0 (closed set) and below 1"),
            ("jpeg_quality", 0 <= self.jpeg_quality <= 95, "a quality from 1 to 95, or 0 for none"),
            ("scale", 0 < self.scale <= 1, "a share of each side above 0 and up to 1"),
            ("clean_ceiling", 0 < self.clean_ceiling <= 1, "a share above 0 and up to 1"),
            ("impostors", self.impostors >= 1, "a whole number from 1"),
            ("likeness", -1 <= self.likeness <= 1, "a structural similarity from -1 to 1"),
            ("undetected", 0 <= self.undetected <= 1, "a share from 0 to 1"),
            ("top", self.top >= 0, "a whole number from 0"),
        ):
            if not ok:
                raise tm.UsageError(
                    f"The option {name} of face_tracking is {getattr(self, name)!r}. It takes {right}: set it in [options] or "
                    "leave it out for the default."
                )
        return self
