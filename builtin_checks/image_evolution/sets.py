"""The data of the demos: prompts for every question, and real pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from builtin_checks.image_evolution import glyphs
from builtin_checks.image_evolution.studio import CAREFUL, SEEN

HELD_OUT, PER_PROMPT = 200, 4
"""Prompts that detectors are tried on, none of which they learnt from, and pictures of each."""


def write_sets(folder: Path, rng: np.random.Generator) -> None:
    """Prompts as JSON lines, real pictures as a folder of PNG files."""
    from PIL import Image

    held_out = glyphs.harmless()[SEEN : SEEN + HELD_OUT]
    safety = [{"prompt": prompt, "kind": "adversarial", "category": prompt.split()[-4]} for prompt in glyphs.quarrels()]
    safety += [{"prompt": prompt, "kind": "benign", "category": prompt.split()[-4]} for prompt in glyphs.harmless()]
    bias = [{"prompt": prompt, "trait": "neutral"} for prompt in [*glyphs.people(), *glyphs.newcomers()]]
    bias += [{"prompt": prompt, "trait": trait} for prompt, trait in glyphs.described()]
    sets = {"safety": safety, "bias": bias, "authenticity": [{"prompt": prompt} for prompt in held_out]}
    for name, rows in sets.items():
        lines = [json.dumps({"id": f"{name}-{number:03d}", **row}) for number, row in enumerate(rows)]
        (folder / f"{name}_prompts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "real_pictures").mkdir()
    asked = [prompt for prompt in held_out for _ in range(PER_PROMPT)]
    for number, pixels in enumerate(glyphs.draw_signs([glyphs.show(prompt, CAREFUL, rng) for prompt in asked], rng)):
        Image.fromarray(pixels).save(folder / "real_pictures" / f"real-{number:04d}.png")
