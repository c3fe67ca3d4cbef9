"""Which layers of an encoder are looked at: patterns over the names of its modules."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

import pytest_trustml as tm

PRESETS = (
    ("*.activation",),  # convolutional networks: behind each activation and each residual sum
    ("*.attention", "*.mlp"),  # vision transformers: attention and fully connected output of each block
    ("*.attention.output", "*.output.dense"),
)
"""Tried one after the other where nobody named layers; the first that finds any counts."""
_LEFT_OUT = ("*head*", "*classifier*", "*pooler*")
"""Projection heads, classifiers and poolers behave differently and are only looked at where they are asked for by name."""


def chosen_layers(names: Sequence[str], patterns: str) -> list[str]:
    """The layers that are looked at, in the order of the network.

    Parameters
    ----------
    names : sequence of str
        Names of all modules.
    patterns : str
        Shell patterns with commas between them, e.g. ``encoder.stages.*.activation``; empty for a choice that suits the
        architecture: `PRESETS`, without heads and poolers.

    Raises
    ------
    UsageError
        If a pattern names no module.

    Examples
    --------
    >>> chosen_layers(["layers.0.attention", "layers.0.attention.q_proj", "layers.0.mlp", "pooler"], "")
    ['layers.0.attention', 'layers.0.mlp']
    """
    wanted = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    if wanted:
        for pattern in wanted:
            if not fnmatch.filter(names, pattern):
                raise tm.UsageError(
                    f"The option layers of encoder_memorization names {pattern!r}, which fits no module. "
                    f"They are called {_examples(names)}: write patterns such as '*.{names[-1].rpartition('.')[2]}'."
                )
        return [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted)]
    allowed = [name for name in names if not any(fnmatch.fnmatchcase(name, pattern) for pattern in _LEFT_OUT)]
    for preset in PRESETS:
        found = [name for name in allowed if any(fnmatch.fnmatchcase(name, pattern) for pattern in preset)]
        if found:
            return found
    raise tm.UsageError(
        f"This encoder has no layers that the checks of encoder_memorization know by name. It has {_examples(names)}: name the "
        "layers in [options.encoder_memorization], e.g. layers = '*.mlp'."
    )


def _examples(names: Sequence[str]) -> str:
    spread = [names[round(i * (len(names) - 1) / 5)] for i in range(6)] if len(names) > 6 else list(names)
    return ", ".join(dict.fromkeys(spread))
