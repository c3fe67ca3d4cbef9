"""Trained shadow models: what they say, and how one of them becomes a model of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_trustml.data.dataset import Dataset
from pytest_trustml.errors import Unsupported, UsageError
from pytest_trustml.shadows.training import Training
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.keys import digest_key

if TYPE_CHECKING:
    import torch

    from pytest_trustml.shadows.networks import Blueprint
    from pytest_trustml.shadows.stack import Stack

_BATCH = 64
WEIGHTS, ABOUT = "weights.safetensors", "about.json"


class Shadows:
    """K models that were trained alike on different data.

    Made by `train_shadows`. Nothing is in memory until it is asked.

    Parameters
    ----------
    folders : sequence of Path
        One per group of models.
    """

    def __init__(self, training: Training, folders: Sequence[Path], fingerprint: str, cache: Cache, device: str) -> None:
        self.training = training
        self.fingerprint = fingerprint
        self.device = device
        self._folders = list(folders)
        self._about = [json.loads((folder / ABOUT).read_text(encoding="utf-8")) for folder in folders]
        self._cache = cache
        self._known: Blueprint | None = None

    def __len__(self) -> int:
        return sum(about["models"] for about in self._about)

    @property
    def labels(self) -> tuple[str, ...]:
        """Classes, in the order of the columns."""
        return self.training.labels

    @property
    def how(self) -> str:
        """``stacked``, ``one by one``, ``heads`` or ``linear``."""
        return str(self._about[0]["how"])

    def logits(self, dataset: Dataset, *, column: str = "text") -> np.ndarray:
        """What every model says about every row: (K, N, C) float32. Asked once; later runs find it."""
        if not self.labels:
            raise Unsupported("Shadow language models have no classes. Ask them to generate.")
        key = digest_key({"shadows": self.fingerprint, "rows": dataset.fingerprint, "column": column, "asked": 1})
        found = self._cache.get(key)
        if found is None:
            found = np.concatenate([self._asked(place, dataset, column) for place in range(len(self._folders))])
            self._cache.put(key, found)
        assert isinstance(found, np.ndarray)
        return found

    def _asked(self, place: int, dataset: Dataset, column: str) -> np.ndarray:
        from safetensors.numpy import load_file

        folder = self._folders[place]
        if self.training.linear:
            from pytest_trustml.shadows.linear import linear_logits

            rows = []
            for number in range(self._about[place]["models"]):
                words = json.loads((folder / f"{number}.json").read_text(encoding="utf-8"))
                rows.append(linear_logits(dataset.column(column), words, load_file(folder / f"{number}.safetensors")))
            return np.stack(rows)
        from pytest_trustml.shadows.answers import stacked_logits

        stacked = self._about[place]["how"] == "stacked"
        return stacked_logits(self._blueprint, self._stack(place), dataset, column, stacked)

    def soft_logits(self, embeddings: torch.Tensor) -> torch.Tensor:
        """What every model says about made-up input embeddings (Q, T, d): (K, Q, C), differentiable in the embeddings.

        Models are in eval mode and their weights fixed; there are no special tokens and no mask.
        """
        import torch

        from pytest_trustml.shadows.answers import soft_logits

        if self.training.linear or not self.labels:
            raise Unsupported("Only classifiers of transformers read embeddings.")
        return torch.cat([soft_logits(self._blueprint, stack, embeddings) for stack in self._stacks()])

    def generate(self, dataset: Dataset, *, column: str = "prompt", max_new_tokens: int = 64) -> list[list[str]]:
        """Greedy answers of every language model to every prompt: K lists of N texts. Asked once; later runs find them."""
        if self.labels:
            raise Unsupported("These shadow models are classifiers. Ask them for logits.")
        from pytest_trustml.shadows.answers import answers

        parts = {"shadows": self.fingerprint, "rows": dataset.fingerprint, "column": column, "tokens": max_new_tokens}
        found = []
        for number, state in enumerate(self._states()):
            key = digest_key({**parts, "model": number})
            said = self._cache.get(key)
            if said is None:
                said = answers(self._blueprint, state, dataset.column(column), max_new_tokens)
                self._cache.put(key, said)
            found.append(list(said))
        return found

    def export(self, k: int, folder: Path) -> None:
        """Write model ``k`` with its tokenizer or image processor, as transformers reads it."""
        if not 0 <= k < len(self):
            raise UsageError(f"There is no model {k}; they count from 0 to {len(self) - 1}.")
        if self.training.linear:
            raise Unsupported("A linear model has no form in which transformers could read it.")
        from pytest_trustml.subjects.training import save_model

        model = self._blueprint.make(0)
        state = next(state for number, state in enumerate(self._states()) if number == k)
        model.load_state_dict(state, strict=False)
        loaded = self._blueprint.loaded
        save_model(folder, model, *[part for part in (loaded.tokenizer, loaded.processor) if part is not None])

    @property
    def _blueprint(self) -> Blueprint:
        if self._known is None:
            from pytest_trustml.shadows.networks import Blueprint

            self._known = Blueprint(self.training, self.device)
        return self._known

    def _stacks(self) -> Iterator[Stack]:
        return (self._stack(place) for place in range(len(self._folders)))

    def _stack(self, place: int) -> Stack:
        """The models of a group with all their parameters."""
        from safetensors.torch import load_file

        from pytest_trustml.shadows.stack import stack_of

        about = self._about[place]
        stack = stack_of(self._blueprint, about["seeds"])
        saved = load_file(str(self._folders[place] / WEIGHTS), device=self.device)
        for tree in (stack.trained, stack.rest):
            tree.update({name: saved[name] for name in tree if name in saved})
        stack.skeleton.eval()
        return stack

    def _states(self) -> Iterator[dict[str, Any]]:
        for stack in self._stacks():
            for number in range(len(stack)):
                yield {name: value[number] for name, value in {**stack.trained, **stack.rest}.items()}
