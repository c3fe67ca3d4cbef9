"""Training shadow models: in groups that are kept, so that a run that was killed goes on where it was."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pytest_trustml.data.dataset import Dataset
from pytest_trustml.errors import UsageError
from pytest_trustml.shadows import cost
from pytest_trustml.shadows.shadows import ABOUT, WEIGHTS, Shadows
from pytest_trustml.shadows.training import Training, steps_of
from pytest_trustml.subjects.device import choose_device
from pytest_trustml.subjects.fingerprint import fingerprint_directory
from pytest_trustml.work.builds import built_once
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.keys import digest_key
from pytest_trustml.work.progress import Progress
from pytest_trustml.work.sources import code_digest, engine


def train_shadows(
    training: Training,
    dataset: Dataset,
    members: Sequence[Any],
    *,
    seeds: Sequence[int],
    cache: Cache,
    progress: Progress | None = None,
    text: str = "text",
    label: str = "label",
    prompt: str = "prompt",
    group: int = 10,
    device: str | None = "auto",
) -> Shadows:
    """Train many models alike on different rows of one data set, and keep them.

    Parameters
    ----------
    training : Training
    dataset : Dataset
        Columns ``text`` (texts or pictures) and ``label``; of language models ``text`` and, if there is one, ``prompt``.
    members : sequence of K arrays
        Row numbers, or truth values, of each model's training set.
    seeds : sequence of K int
        Initial weights and order of the rows. A model depends on nothing but its training set and its seed.
    cache : Cache
    progress : Progress, optional
        Is told the cost before training begins, and every step.
    group : int
        Models that are trained side by side and kept together: what a killed run loses at most.
    device : str or None

    Returns
    -------
    Shadows

    Raises
    ------
    UsageError, DataError
        If the training cannot be meant, or rows, classes or seeds do not fit.

    Notes
    -----
    Models are trained in one vectorised pass where the architecture allows it and training draws no random numbers
    (dropout); otherwise one after the other, by the same rule and to the same numbers up to rounding. The note that
    ``progress`` shows, and `Shadows.how`, say which. Models of less than two million parameters are trained on one thread, on
    which they are fastest, larger ones on all.

    Examples
    --------
    >>> import tempfile
    >>> texts = ["good and fine", "bad and sad", "fine and good", "sad and bad"] * 3
    >>> data = Dataset({"text": texts, "label": ["pos", "neg"] * 6})
    >>> linear = Training(architecture="linear", labels=("neg", "pos"))
    >>> with Cache("unused", "off") as cache:
    ...     shadows = train_shadows(linear, data, [range(8), range(4, 12)], seeds=[0, 1], cache=cache)
    ...     shadows.logits(data.take([0, 1])).argmax(-1).tolist()
    [[1, 0], [1, 0]]
    """
    from pytest_trustml.shadows.material import check_members

    training = training.checked()
    if group < 1:
        raise UsageError(f"group is {group}. It counts models that are trained side by side, 1 at least.")
    rows = check_members(members, seeds, len(dataset))
    chosen = choose_device(device)
    store = cache.private() if cache.mode == "refresh" else cache
    names = dataset.keys
    start = "" if training.linear else fingerprint_directory(Path(training.start), weights=training.pretrained)
    columns = {"text": text, "label": label, "prompt": prompt if prompt in dataset.columns else ""}
    about = {
        "training": {**msgspec.to_builtins(training), "start": start}, "columns": columns, "device": chosen.partition(":")[0],
        "code": code_digest(sys.modules[__name__]), **engine(),
    }  # fmt: skip
    keys = [
        digest_key({**about, "seed": int(seed), "rows": [names[row] for row in own]})
        for own, seed in zip(rows, seeds, strict=True)
    ]
    home = store.folder / "shadows"
    work = _Work(training, dataset, rows, [int(seed) for seed in seeds], columns, chosen, progress or Progress())
    folders = []
    for first in range(0, len(rows), group):
        part = range(first, min(first + group, len(rows)))

        def build(folder: Path, part: range = part) -> None:
            work.train(folder, part)

        folders.append(built_once(home, "group", [keys[place] for place in part], build))
    return Shadows(training, folders, digest_key({"models": keys}), store, chosen)


class _Work:
    """What training needs, made when the first group is not there yet."""

    def __init__(
        self, training: Training, dataset: Dataset, rows: Sequence[np.ndarray], seeds: Sequence[int], columns: dict[str, str],
        device: str, progress: Progress,
    ) -> None:  # fmt: skip
        self.training, self.dataset, self.rows, self.seeds = training, dataset, rows, seeds
        self.columns, self.device, self.progress = columns, device, progress
        self.told = False
        self._made: tuple[Any, Any, Any] | None = None

    def train(self, folder: Path, part: range) -> None:
        """Train a group and write it."""
        if self.training.linear:
            self._linear(folder, part)
            return
        from safetensors.torch import save_file

        from pytest_trustml.shadows.stack import can_be_stacked, stack_of, train

        blueprint, material, features = self._materials()
        seeds, members = [self.seeds[place] for place in part], [self.rows[place] for place in part]
        if features is not None:
            from pytest_trustml.shadows.heads import heads_of

            stack, how, source, stacked = heads_of(blueprint, seeds), "heads", features, True
        else:
            stack, source = stack_of(blueprint, seeds), material
            stacked = can_be_stacked(stack, material, blueprint)
            how = "stacked" if stacked else "one by one"
        total = max(steps_of(self.training, len(own)) for own in members)
        label = f"training shadow models {part.start + 1} to {part.stop} of {len(self.rows)}"
        with stack.threads():
            self._tell(stack, source, members, blueprint, stacked, how)
            with self.progress(label, total) as step:
                train(stack, source, members, seeds, blueprint, stacked, step)
        prefix = f"{blueprint.head}." if features is not None else ""
        tensors = {f"{prefix}{name}": value.contiguous().cpu() for name, value in stack.trained.items()}
        tensors |= {
            name: value.contiguous().cpu()
            for name, value in stack.rest.items()
            if name in dict(stack.skeleton.named_buffers()) and value.is_floating_point() and value.ndim > 1
        }
        save_file(tensors, str(folder / WEIGHTS))
        _write(folder, {"models": len(part), "seeds": seeds, "how": how})

    def _materials(self) -> tuple[Any, Any, Any]:
        """Blueprint, encoded rows and, for a frozen encoder, what its head reads."""
        if self._made is None:
            from pytest_trustml.shadows.heads import encodings
            from pytest_trustml.shadows.material import Material, inputs_of, lessons_of, read_targets
            from pytest_trustml.shadows.networks import Blueprint

            blueprint = Blueprint(self.training, self.device)
            _ = blueprint.kind
            if self.training.labels:
                inputs, pad = inputs_of(blueprint, self.dataset, self.columns["text"])
                material = Material(inputs, read_targets(self.dataset, self.columns["label"], self.training.labels), pad)
            else:
                inputs, given, pad = lessons_of(
                    blueprint, self.dataset, self.columns["text"], self.columns["prompt"] or "prompt"
                )
                material = Material(inputs, given, pad)
            read = encodings(blueprint, material) if blueprint.head is not None else None
            features = None if read is None else Material(read, material.targets)
            self._made = blueprint, material, features
        return self._made

    def _tell(self, stack: Any, source: Any, members: Sequence[np.ndarray], blueprint: Any, stacked: bool, how: str) -> None:
        """The cost, once, from one timed step that changes nothing."""
        if self.told:
            return
        self.told = True
        from pytest_trustml.shadows.steps import Gradients
        from pytest_trustml.subjects.training import own_randomness

        picks = [own[: self.training.batch_size] for own in members]
        gradients = Gradients(stack.skeleton.train(), stack.task, stack.kind, stacked, blueprint.causal)
        rest = {name: value.clone() for name, value in stack.rest.items()}
        batch = source.batch(picks, self.device)
        with own_randomness(0):
            one = cost.timed(lambda: gradients(stack.trained, rest, batch))
        groups = -(-len(self.rows) // len(members))
        seconds = one * groups * max(steps_of(self.training, len(own)) for own in self.rows)
        words = cost.in_words(self.training, [len(own) for own in self.rows], seconds)
        self.progress.note(f"Training shadow models ({how}): {words}.")

    def _linear(self, folder: Path, part: range) -> None:
        from safetensors.numpy import save_file

        from pytest_trustml.shadows.linear import fit_linear
        from pytest_trustml.shadows.material import read_targets

        if not self.told:
            self.told = True
            words = cost.in_words(self.training, [len(own) for own in self.rows], None)
            self.progress.note(f"Training linear shadow models: {words}.")
        texts = self.dataset.column(self.columns["text"])
        targets = read_targets(self.dataset, self.columns["label"], self.training.labels)
        with self.progress(f"training shadow models {part.start + 1} to {part.stop} of {len(self.rows)}", len(part)) as step:
            for number, place in enumerate(part):
                own = self.rows[place]
                chosen = [str(texts[row]) for row in own]
                words, arrays = fit_linear(chosen, targets[own], len(self.training.labels), self.seeds[place])
                (folder / f"{number}.json").write_text(json.dumps(words), encoding="utf-8")
                save_file(
                    {name: np.ascontiguousarray(value) for name, value in arrays.items()}, folder / f"{number}.safetensors"
                )
                step(1)
        _write(folder, {"models": len(part), "seeds": [self.seeds[place] for place in part], "how": "linear"})


def _write(folder: Path, about: dict[str, Any]) -> None:
    (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")
