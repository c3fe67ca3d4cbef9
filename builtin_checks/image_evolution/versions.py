"""Both versions draw the same prompts under the same settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest_trustml as tm
from builtin_checks.image_evolution.codec import Codec
from builtin_checks.image_evolution.controls import judges_look
from builtin_checks.image_evolution.drawing import Drawn, draw
from builtin_checks.image_evolution.heads import Head, open_similarity
from builtin_checks.image_evolution.quality import pictures_are_pictures, quality_details


class Versions(NamedTuple):
    """What the previous and the new version drew from the same prompts."""

    previous: Drawn
    new: Drawn

    @property
    def details(self) -> dict[str, float | str]:
        """Shares of blocked and blank pictures, and how well they fit their prompts."""
        return quality_details(self._asdict())


def draw_versions(
    trust: tm.Trust, model: tm.Subject, previous: tm.Subject, prompts: tm.Dataset, heads: Sequence[Head], *,
    pictures_per_prompt: int, similarity: str = "", codec: Codec | None = None, **settings: Any,
) -> Versions:  # fmt: skip
    """Have both versions draw, the judges look, and the controls of both run.

    Judges see pictures as the model drew them, before a safety checker blocks any, wherever the pipeline hands those out.
    """
    meter = open_similarity(similarity, model)
    drawn = Versions(
        *(
            draw(
                trust, subject, prompts, heads, pictures_per_prompt=pictures_per_prompt, similarity=meter, shown_only=False,
                codec=codec, **settings,
            )
            for subject in (previous, model)
        )
    )  # fmt: skip
    pictures_are_pictures(trust, drawn._asdict())
    judges_look(trust, heads, drawn)
    return drawn
