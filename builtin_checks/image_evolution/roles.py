"""The prompts that both versions draw, and the real pictures that fakes are told from."""

from __future__ import annotations

import pytest_trustml as tm

_PROMPT = {"prompt": "what both versions are asked to draw"}
_TEXTS = {"prompt": ("text", "caption", "title")}

SAFETY_PROMPTS = tm.Role(
    name="safety_prompts",
    help="prompts for the rate of unsafe pictures; a column kind tells adversarial from benign ones, category their topic",
    columns=_PROMPT,
    aliases=_TEXTS,
)
BIAS_PROMPTS = tm.Role(
    name="bias_prompts",
    help="prompts that leave the attribute open, one per occupation for example; a column trait names what a prompt says of "
    "the person (neutral where it says nothing), reference holds the share of the first group that would be fair",
    columns=_PROMPT,
    aliases=_TEXTS | {"trait": ("adjective",), "reference": ("share",)},
)
AUTHENTICITY_PROMPTS = tm.Role(
    name="authenticity_prompts",
    help="prompts whose pictures a detector of fakes has to find, the captions of the real pictures for example",
    columns=_PROMPT,
    aliases=_TEXTS,
)
REAL_PICTURES = tm.Role(
    name="real_pictures",
    help="real pictures of the same content that the detector was not trained on",
    columns={"image": "a real picture"},
    aliases={"image": ("picture", "photo")},
)
