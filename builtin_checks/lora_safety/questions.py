"""The two kinds of prompts that the checks ask, and how they are dealt out to learning and judging."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

import numpy as np

import pytest_trustml as tm
from builtin_checks.lora_safety.judge import normal
from builtin_checks.lora_safety.score import split

_ALIASES = {"prompt": ("goal", "instruction", "question", "text", "input")}

HARMFUL = tm.Role(
    name="harmful_prompts",
    help="requests that an aligned model refuses",
    columns={"prompt": "one request"},
    aliases=_ALIASES,
    default="package:builtin_checks.lora_safety/prompts/harmful.jsonl",
)
HARMLESS = tm.Role(
    name="harmless_prompts",
    help="requests that look alike but are to be answered",
    columns={"prompt": "one request"},
    aliases=_ALIASES,
    default="package:builtin_checks.lora_safety/prompts/harmless.jsonl",
)


def distinct(prompts: tm.Dataset) -> tm.Dataset:
    """The rows without those whose prompt has the same words as one before, in the order of their ids."""
    asked, ids = prompts.column("prompt"), prompts.ids
    first: dict[str, int] = {}
    for index in sorted(range(len(prompts)), key=ids.__getitem__):
        first.setdefault(" ".join(re.findall(r"\w+", normal(asked[index]))), index)
    return prompts.take(list(first.values()))


def parts(
    prompts: tm.Dataset, share: float, rng: np.random.Generator, most: int | None = None
) -> tuple[tm.Dataset, tm.Dataset]:
    """Two sets of rows that share no prompt: the first to learn from (at most ``most`` rows), the second to judge on.

    The draw depends on the ids alone, and both parts are in the order of the ids: the order of the data changes nothing.
    """
    prompts = distinct(prompts)
    if len(prompts) < 4:
        raise tm.DataError(
            f"{prompts.spec} has {len(prompts)} different prompts. To learn from some and judge on others takes 4 at the very "
            "least, and a hundred to say anything."
        )
    learnt, _ = split(len(prompts), share, rng)
    if most is not None and len(learnt) > most:
        learnt = np.sort(rng.choice(learnt, size=most, replace=False))
    return prompts.take(learnt), prompts.take(np.setdiff1d(np.arange(len(prompts)), learnt))


def clusters(prompts: tm.Dataset, column: str) -> Sequence[Hashable] | None:
    """The values of the column that names groups of dependent prompts; None where the option is not set."""
    return list(prompts.column(column)) if column else None
