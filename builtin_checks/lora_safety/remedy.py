"""A LoRA adapter that cannot touch the safety directions of the layers that it adapts, whatever it learns.

`make_salora` builds such an adapter, to be trained like any other; `project_adapter` repairs one that is already trained. Both
write plain LoRA adapters that any runtime loads. What is promised: for the SAME input of an adapted layer, the part of its
output in the safety directions is the base model's, whatever was learnt. What is not: layers before it still change that
input, and layers without an adapter of this kind are not held at all. So judge the result, never trust the construction.

References
----------
.. [1] Li et al., "SaLoRA: Safety-Alignment Preserved Low-Rank Adaptation", ICLR 2025, arXiv 2501.01765.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest_trustml as tm
from builtin_checks.lora_safety import adapter_files as files
from builtin_checks.lora_safety.recording import Text, encode, input_moments, linear_layers
from builtin_checks.lora_safety.repair import Repair, project_adapter
from builtin_checks.lora_safety.subspace import plain_factors, project_factor, residual, task_init

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Repair", "Salora", "make_salora", "project_adapter"]


class Salora:
    """A model with a safety-preserving adapter: train ``model`` as any peft model, then `export` it.

    Do not call ``save_pretrained`` or ``merge_and_unload`` on ``model``: they know nothing of the fixed projector. With the
    variant ``full`` the base weights are changed in memory, so ``disable_adapter()`` does not give the base model either.

    Attributes
    ----------
    model : peft.PeftModel
    directions : dict of layer name to ndarray, shape (d_out, safety rank)
        U_c of every adapted layer.
    start : dict of layer name to (L0, R0)
        Starting factors; empty for the variant ``lite``.
    """

    def __init__(
        self,
        model: Any,
        directions: dict[str, np.ndarray],
        start: dict[str, tuple[np.ndarray, np.ndarray]],
        sample: Sequence[Sequence[int]],
    ) -> None:
        self.model = model
        self.directions = directions
        self.start = start
        self._sample = sample

    def factors(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """L and R of every layer as a plain adapter on the ORIGINAL base has them; twice the rank for the variant ``full``."""
        found = {}
        for name, layer in _adapted(self.model).items():
            left, right = files.array(layer.lora_B["default"].weight), files.array(layer.lora_A["default"].weight)
            if name in self.start:
                found[name] = plain_factors(self.directions[name], (left, right), self.start[name])
            else:
                found[name] = project_factor(left, self.directions[name]), right
        return found

    def export(self, folder: Path | str, base: Path | str | None = None, tolerance: float | None = None) -> float:
        """Write a plain LoRA adapter, load it again on a fresh base and compare with the trained model.

        Parameters
        ----------
        folder : path
            New or empty.
        base : path, optional
            Folder of the original base model to verify on. Without it the base is put together again from memory.
        tolerance : float, optional
            Largest accepted difference of logits; by default 1e-4, and 2 % of the largest logit below float32.

        Returns
        -------
        float
            The largest difference of logits that was found.

        Raises
        ------
        UsageError
            The folder has files in it.
        SubjectError
            The written adapter is not the trained model.
        """
        folder = files.new_folder(folder)
        config = self.model.peft_config["default"]
        growth = 2 if self.start else 1
        alpha = config.lora_alpha * (math.sqrt(growth) if config.use_rslora else growth)
        files.write_adapter(folder, config, self.factors(), growth * config.r, alpha)
        difference, largest = self._compare(folder, self._base() if base is None else files.load_base(base)[0])
        if tolerance is None:
            tolerance = 1e-4 if str(self.model.dtype) in ("torch.float32", "torch.float64") else 0.02 * largest
        if not difference <= tolerance:
            raise tm.SubjectError(
                f"The adapter written to {folder} differs from the trained model by {difference:.3g} in its logits; at most "
                f"{tolerance:.3g} is rounding. That base is not the one it was trained on: give the original base."
            )
        return difference

    def _compare(self, folder: Path, base: Any) -> tuple[float, float]:
        import peft
        import torch

        fresh = peft.PeftModel.from_pretrained(base.to(self.model.device), str(folder)).eval()
        was_training = self.model.training
        self.model.eval()
        difference = largest = 0.0
        with torch.no_grad():
            for ids in self._sample:
                inputs = torch.tensor([list(ids)], device=self.model.device)
                trained = self.model(input_ids=inputs).logits
                difference = max(difference, float((fresh(input_ids=inputs).logits - trained).abs().max()))
                largest = max(largest, float(trained.abs().max()))
        self.model.train(was_training)
        return difference, largest

    def _base(self) -> Any:
        """A second model, with the base weights as they were before."""
        import torch

        wrapped = self.model.get_base_model()
        fresh = type(wrapped)(wrapped.config).to(self.model.dtype)
        weights = {
            key.replace(".base_layer.", "."): value for key, value in wrapped.state_dict().items() if ".lora_" not in key
        }
        factor = files.scale(self.model.peft_config["default"])
        for name, (left, right) in self.start.items():
            kept = weights[f"{name}.weight"]
            step = factor * project_factor(left, self.directions[name]) @ right
            weights[f"{name}.weight"] = kept.double().add(torch.from_numpy(step).to(kept.device)).to(kept.dtype)
        fresh.load_state_dict(weights, strict=False)
        return fresh


def make_salora(
    model: Any,
    tokenizer: Any,
    safety_data: Sequence[Text],
    task_data: Sequence[Text] = (),
    *,
    rank: int = 16,
    safety_rank: int = 32,
    task_rank: int = 32,
    targets: Sequence[str] = ("q_proj", "v_proj"),
    alpha: float | None = None,
    variant: str = "lite",
    seed: int = 0,
    batch_size: int = 8,
) -> Salora:
    """A LoRA adapter whose updates are kept out of the safety directions while it learns [1]_.

    Parameters
    ----------
    model, tokenizer
        A causal language model of transformers, aligned and without adapter, and its tokenizer. It is wrapped in place.
    safety_data : sequence of (prompt, safe answer) or of prompts
        Some 128 or more; they decide what is kept. With pairs only the answers' tokens count. Judge the result on others.
    task_data : sequence of (prompt, answer) or of prompts
        For the start of the variant ``full``.
    rank, safety_rank, task_rank : int
        Of the adapter, of the directions that are kept (at most half of a layer's outputs), and of those that the task starts
        in. A larger safety rank holds more and leaves the task less room.
    alpha : float, optional
        ``lora_alpha``; by default equal to ``rank``, so that the scale is 1.
    variant : {"lite", "full"}
        ``lite`` starts as an exact no-op and leaves the base alone. ``full`` is the paper's start in the task's directions;
        it changes the base weights in memory and needs float32.

    Returns
    -------
    Salora

    Raises
    ------
    UsageError, DataError, Unsupported

    References
    ----------
    .. [1] Li et al., arXiv 2501.01765, section 3.
    """
    import peft
    import torch

    full = variant == "full"
    _refuse(variant, isinstance(model, peft.PeftModel), full and not task_data, full and model.dtype != torch.float32)
    safety = input_moments(model, tokenizer, safety_data, targets, batch_size)
    task = input_moments(model, tokenizer, task_data, targets, batch_size) if full else {}
    layers = linear_layers(model)
    weights = {name: files.array(layers[name].weight) for name in safety}
    directions = {name: files.directions_of(name, weights[name], safety[name][0], safety_rank) for name in safety}
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=alpha or rank,
        target_modules=list(targets),
        lora_dropout=0.0,
        init_lora_weights=True,
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        wrapped = peft.get_peft_model(model, config)
    start = {}
    for name, layer in _adapted(wrapped).items():
        if full:
            first = task_init(weights[name], task[name][0], rank, min(task_rank, len(weights[name])), files.scale(config))
            start[name] = _begin(layer, weights[name], directions[name], first, files.scale(config))
        _hold(layer.lora_B["default"], directions[name])
    return Salora(wrapped, directions, start, [encode(tokenizer, text)[0] for text in safety_data[:4]])


def _refuse(variant: str, adapted: bool, no_task: bool, rounded: bool) -> None:
    if variant not in ("lite", "full"):
        raise tm.UsageError(f"The variant is {variant!r}. Write lite, or full for the start in the task's directions.")
    if adapted:
        raise tm.UsageError("The model has an adapter already, so its features are not the base model's. Give the bare model.")
    if no_task:
        raise tm.DataError(
            "The variant full starts in the task's directions, but there is no task data. Give some, or take lite."
        )
    if rounded:
        raise tm.Unsupported(
            "The variant full rewrites base weights, which this dtype would round. Load float32, or take lite."
        )


def _adapted(model: Any) -> dict[str, Any]:
    """The layers with factors, by their names in the base model."""
    modules = model.get_base_model().named_modules()
    return {name: module for name, module in modules if "default" in getattr(module, "lora_B", ())}


def _begin(
    layer: Any, weight: np.ndarray, directions: np.ndarray, first: tuple[np.ndarray, np.ndarray], factor: float
) -> tuple[np.ndarray, np.ndarray]:
    """Put the starting factors in place and take them out of the base weight; returns them as they were rounded."""
    import torch

    left, right = layer.lora_B["default"].weight, layer.lora_A["default"].weight
    with torch.no_grad():
        left.copy_(torch.from_numpy(first[0]))
        right.copy_(torch.from_numpy(first[1]))
        start = files.array(left), files.array(right)
        layer.base_layer.weight.copy_(torch.from_numpy(residual(weight, directions, start, factor)))
    return start


def _hold(module: Any, directions: np.ndarray) -> None:
    """Apply C = I - U_c U_c^T to whatever the left factor puts out; its gradient becomes C g by itself."""
    import torch

    kept = torch.from_numpy(directions).to(module.weight.device, module.weight.dtype)
    module.register_buffer("safety_directions", kept, persistent=False)  # moves with the model, is not part of the adapter

    def hook(owner: Any, _arguments: Any, output: Any) -> Any:
        kept = owner.safety_directions.to(output.dtype)
        return output - (output @ kept) @ kept.T

    module.register_forward_hook(hook)
