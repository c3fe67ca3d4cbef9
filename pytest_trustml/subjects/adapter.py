"""A LoRA adapter taken apart: its factors, the base weights under them, and the inputs that its layers see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_trustml.errors import SubjectError, UsageError, unknown
from pytest_trustml.subjects.residence import Loaded, Residence

if TYPE_CHECKING:
    import torch

    from pytest_trustml.subjects.subject import Subject

MOST_TOKENS = 2**14
"""Tokens that run through the model at once while moments are taken."""


class LoraAdapter:
    """``subject.adapter``: an adapted layer computes y = W x + s L R x."""

    def __init__(self, residence: Residence[Loaded], base: Subject) -> None:
        self._residence = residence
        self.base = base

    def layers(self) -> list[str]:
        """Names of the adapted linear layers, in the order of the network."""
        return list(self._modules())

    def weight(self, layer: str) -> np.ndarray:
        """The base weight W (d_out, d_in), float64."""
        return _matrix(self._module(layer).get_base_layer())

    def factors(self, layer: str) -> tuple[np.ndarray, np.ndarray, float]:
        """L (d_out, r), R (r, d_in) and the scale s of the layer, with its own rank and alpha: the update is s L R. float64.

        Raises
        ------
        SubjectError
            If the update of the layer is more than s L R (DoRA, a bias of its own).
        """
        module = self._module(layer)
        (name,) = module.lora_A.keys()
        if module.use_dora.get(name):
            raise SubjectError(
                f"The adapter layer {layer!r} is DoRA: it also rescales the base weight, so its update is not a product of "
                "two factors. Ask its text, or merge it and compare the merged model."
            )
        if module.lora_bias.get(name):
            raise SubjectError(f"The adapter layer {layer!r} has a bias of its own (lora_bias) beside its two factors.")
        left, right = module.lora_B[name].weight, module.lora_A[name].weight
        return _float64(left), _float64(right), float(module.scaling[name])

    def input_moments(
        self, prompts: Sequence[str], answers: Sequence[str] | None = None, *, chat: bool = False, system: str | None = None
    ) -> dict[str, tuple[np.ndarray, int]]:
        """Per adapted layer X X^T (d_in, d_in) float64 of its inputs in the BASE model, and the number of tokens.

        With ``answers`` the tokens of the answers count, without them all tokens of the prompts; padding never does. With
        ``chat`` the prompts go through the chat template. All layers are taken in one pass.
        """
        import torch

        from pytest_trustml.subjects.hooks import inputs_of
        from pytest_trustml.subjects.tokens import Tokens

        loaded, modules = self._residence.get(), self._modules()
        tokens = Tokens(loaded)
        texts = [""] * len(prompts) if answers is None else answers
        pairs = tokens.continued_ids(prompts, texts, chat, system)
        sums: dict[str, torch.Tensor] = {}
        # float64 does not exist on mps; there each batch is summed on the CPU.
        place = "cpu" if loaded.device == "mps" else loaded.device
        counted = torch.empty(0)

        def add(name: str, value: torch.Tensor) -> None:
            rows = value[counted].to(place).double()
            sums[name] = sums[name] + rows.T @ rows if name in sums else rows.T @ rows

        total = sum(len(head) if answers is None else len(tail) for head, tail in pairs)
        with torch.inference_mode(), loaded.without_adapter(), inputs_of(modules, add):
            for part in _batches(pairs):
                ids, mask = tokens.pad_rows([head + tail for head, tail in part])
                counted = mask.bool()
                if answers is not None:
                    for i, (head, _) in enumerate(part):
                        counted[i, : len(head)] = False
                loaded.model.base_model(input_ids=ids, attention_mask=mask, use_cache=False)
        widths = {name: module.in_features for name, module in modules.items()}
        return {name: (sums[name].cpu().numpy() if name in sums else np.zeros((d, d)), total) for name, d in widths.items()}

    def _modules(self) -> dict[str, Any]:
        return {name: part for name, part in self._residence.get().model.named_modules() if hasattr(part, "lora_A")}

    def _module(self, layer: str) -> Any:
        modules = self._modules()
        if layer not in modules:
            raise UsageError(unknown("adapted layer", layer, modules))
        return modules[layer]


def _batches(pairs: Sequence[tuple[list[int], list[int]]]) -> list[list[tuple[list[int], list[int]]]]:
    """Groups of rows of similar length with at most MOST_TOKENS tokens."""
    found: list[list[tuple[list[int], list[int]]]] = []
    for pair in sorted(pairs, key=lambda one: len(one[0]) + len(one[1])):
        width = len(pair[0]) + len(pair[1])
        if found and (len(found[-1]) + 1) * width <= MOST_TOKENS:
            found[-1].append(pair)
        else:
            found.append([pair])
    return found


def _matrix(layer: Any) -> np.ndarray:
    import torch

    weight = _float64(layer.weight)
    return weight if isinstance(layer, torch.nn.Linear) else weight.T  # GPT-2's Conv1D keeps its matrix transposed


def _float64(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()
