"""Which layers of an encoder are looked at: patterns over the names of its modules."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from typing import NamedTuple

import pytest_trustml as tm

PRESETS = (
    ("*.activation",),  # convolutional networks: behind each activation and each residual sum
    ("*.attention", "*.self_attn", "*.mlp"),  # vision transformers: attention and fully connected output of each block
    ("*.attention.output", "*.output.dense"),
    ("*.act", "*.pwconv2"),  # convolutional blocks that are built like those of transformers
)
"""Tried one after the other where nobody named layers; the first that finds any counts."""
_LEFT_OUT = ("*head*", "*classifier*", "*pooler*")
"""Projection heads, classifiers and poolers behave differently and are only looked at where they are asked for by name."""
_ATTENTION, _SECOND_NORM, _CONNECTED = ("attention", "self_attn"), ("layernorm_after", "norm2", "layer_norm2"), ("mlp",)
INPUT = ":input"
"""Behind a module's name: what goes into it (see ``subject.encoder.activations``)."""


class Block(NamedTuple):
    """The four series of a transformer block: attention, the sum behind it, fully connected layers, the sum behind those."""

    attention: str
    between: str
    connected: str
    residual: str


def blocks(names: Sequence[str]) -> list[Block]:
    """The blocks of a vision transformer in the order of the network; none for other networks.

    The sum behind the attention is the input of the block's second normalisation, the sum behind the fully connected layers is
    the output of the block: the final normalisation is not part of either.

    Examples
    --------
    >>> blocks(["layers.0", "layers.0.attention", "layers.0.layernorm_after", "layers.0.mlp"])[0].between
    'layers.0.layernorm_after:input'
    """
    known, found = set(names), []
    for name in names:
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in _LEFT_OUT):
            continue
        parts = [next((f"{name}.{part}" for part in kinds if f"{name}.{part}" in known), "") for kinds in _PARTS]
        if all(parts):
            found.append(Block(parts[0], parts[1] + INPUT, parts[2], name))
    return found


_PARTS = (_ATTENTION, _SECOND_NORM, _CONNECTED)


def profiled_layers(names: Sequence[str], patterns: str) -> list[str]:
    """The layers along which LayerMem is measured: as `chosen_layers`, with the residual stream of vision transformers.

    Patterns may name ``module:input``. Without patterns all four series of every block are looked at (paper, section 4.2).
    """
    found = blocks(names)
    if found and not patterns.strip():
        return [layer for block in found for layer in block]
    between = {block.connected: block.between for block in found}
    every = []
    for name in names:
        every += [between[name], name] if name in between else [name]
    return chosen_layers(every, patterns)


def layers_before(names: Sequence[str]) -> list[str]:
    """For every measured layer the one over which its LayerMem is said to rise, or nothing.

    In a transformer attention and its sum rise over the block before, the fully connected output rises over the sum behind the
    attention, and the block rises over the block before. Elsewhere it is the layer before in the list.

    Examples
    --------
    >>> layers_before(["conv1", "conv2", "conv3"])
    ['', 'conv1', 'conv2']
    >>> names = [f"b.{n}{part}" for n in (0, 1) for part in (".attention", ".norm2:input", ".mlp", "")]
    >>> layers_before(names)[4:]
    ['b.0', 'b.0', 'b.1.norm2:input', 'b.0']
    """
    measured = set(names)
    found = blocks([name.removesuffix(INPUT) for name in names])
    before = dict(zip(names, ["", *names], strict=False))
    for number, block in enumerate(found):
        last = found[number - 1].residual if number else ""
        own = {block.attention: last, block.between: last, block.connected: block.between, block.residual: last}
        before |= {name: over if over in measured else "" for name, over in own.items() if name in measured}
    return [before[name] for name in names]


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
