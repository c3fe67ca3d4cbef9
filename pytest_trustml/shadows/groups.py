"""One group of shadow models after the other: what their training needs, what it costs, and their files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pytest_trustml.shadows import cost
from pytest_trustml.shadows.shadows import ABOUT, WEIGHTS
from pytest_trustml.shadows.training import Training, steps_of
from pytest_trustml.work.progress import Progress


class Source(NamedTuple):
    """What models learn from: of networks the blueprint and encoded rows (``features``: what a head reads of them), of linear
    models texts and the numbers of their classes."""

    blueprint: Any = None
    material: Any = None
    features: Any = None
    texts: list[str] | None = None
    targets: np.ndarray | None = None


class Groups:
    """Trains groups of models. ``source`` is called when the first one is trained or told."""

    def __init__(
        self, training: Training, rows: Sequence[np.ndarray], seeds: Sequence[int], device: str, progress: Progress,
        source: Callable[[], Source],
    ) -> None:  # fmt: skip
        self.training, self.rows, self.seeds = training, rows, seeds
        self.device, self.progress = device, progress
        self._open = source
        self._source: Source | None = None

    @property
    def source(self) -> Source:
        """What models learn from, made on first use."""
        if self._source is None:
            self._source = self._open()
        return self._source

    def steps(self, part: range) -> int:
        """What progress counts: gradient steps of the group, or linear models."""
        return len(part) if self.training.linear else max(steps_of(self.training, len(self.rows[place])) for place in part)

    def train(self, folder: Path, part: range) -> None:
        """Train a group and write it."""
        if self.training.linear:
            self._linear(folder, part)
            return
        from safetensors.torch import save_file

        from pytest_trustml.shadows.stack import train

        source, seeds, members = self.source, [self.seeds[place] for place in part], [self.rows[place] for place in part]
        stack, how, stacked, lessons = self._stack(part)
        with stack.threads(), self.progress(self._label(part), self.steps(part)) as step:
            train(stack, lessons, members, seeds, source.blueprint, stacked, step)
        prefix = f"{source.blueprint.head}." if source.features is not None else ""
        tensors = {f"{prefix}{name}": value.contiguous().cpu() for name, value in stack.trained.items()}
        tensors |= {
            name: value.contiguous().cpu()
            for name, value in stack.rest.items()
            if name in dict(stack.skeleton.named_buffers()) and value.is_floating_point() and value.ndim > 1
        }
        save_file(tensors, str(folder / WEIGHTS))
        _write(folder, {"models": len(part), "seeds": seeds, "how": how})

    def _stack(self, part: range) -> tuple[Any, str, bool, Any]:
        """Untrained models of a group, how they are trained, whether in one vectorised pass, and the rows that they read."""
        from pytest_trustml.shadows.stack import can_be_stacked, stack_of

        source, seeds = self.source, [self.seeds[place] for place in part]
        if source.features is not None:
            from pytest_trustml.shadows.heads import heads_of

            return heads_of(source.blueprint, seeds), "heads", True, source.features
        stack = stack_of(source.blueprint, seeds)
        stacked = can_be_stacked(stack, source.material, source.blueprint)
        return stack, "stacked" if stacked else "one by one", stacked, source.material

    def cost(self, parts: Sequence[range]) -> tuple[float, str, bool]:
        """Seconds that these groups take in this process, how they are trained, and whether on one thread.

        From one timed step, or one linear model, that changes nothing.
        """
        if self.training.linear:
            from pytest_trustml.shadows.linear import fit_linear

            assert self.source.texts is not None and self.source.targets is not None
            own = self.rows[parts[0][0]]
            chosen = [self.source.texts[row] for row in own]
            started = time.perf_counter()
            fit_linear(chosen, self.source.targets[own], len(self.training.labels), self.seeds[parts[0][0]])
            return (time.perf_counter() - started) * sum(map(len, parts)), "linear", True
        from pytest_trustml.shadows.steps import Gradients
        from pytest_trustml.subjects.training import own_randomness

        stack, how, stacked, lessons = self._stack(parts[0])
        picks = [self.rows[place][: self.training.batch_size] for place in parts[0]]
        gradients = Gradients(stack.skeleton.train(), stack.task, stack.kind, stacked, self.source.blueprint.causal)
        rest = {name: value.clone() for name, value in stack.rest.items()}
        batch = lessons.batch(picks, self.device)
        with stack.threads(), own_randomness(0):
            one = cost.timed(lambda: gradients(stack.trained, rest, batch))
        return one * sum(self.steps(part) for part in parts), how, stack.small

    def _label(self, part: range) -> str:
        return f"training shadow models {part.start + 1} to {part.stop} of {len(self.rows)}"

    def _linear(self, folder: Path, part: range) -> None:
        from safetensors.numpy import save_file

        from pytest_trustml.shadows.linear import fit_linear

        texts, targets = self.source.texts, self.source.targets
        assert texts is not None and targets is not None
        with self.progress(self._label(part), self.steps(part)) as step:
            for number, place in enumerate(part):
                own = self.rows[place]
                chosen = [texts[row] for row in own]
                words, arrays = fit_linear(chosen, targets[own], len(self.training.labels), self.seeds[place])
                (folder / f"{number}.json").write_text(json.dumps(words), encoding="utf-8")
                save_file(
                    {name: np.ascontiguousarray(value) for name, value in arrays.items()}, folder / f"{number}.safetensors"
                )
                step(1)
        _write(folder, {"models": len(part), "seeds": [self.seeds[place] for place in part], "how": "linear"})


def _write(folder: Path, about: dict[str, Any]) -> None:
    (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")
