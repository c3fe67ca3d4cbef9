"""Plain LoRA adapters on disk, as peft writes and reads them, and the base models that they belong to."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest_trustml as tm
from builtin_checks.lora_safety.subspace import Undefined, safety_directions

if TYPE_CHECKING:
    import numpy as np

PREFIX = "base_model.model."
_WEIGHTS = "adapter_model.safetensors"
_MORE_THAN_FACTORS = (
    "use_dora",
    "lora_bias",
    "modules_to_save",
    "trainable_token_indices",
    "target_parameters",
    "layer_replication",
)
_LEAVE_THE_BASE_ALONE = (True, False, "gaussian", "orthogonal", "eva")


def scale(config: Any) -> float:
    """s in dW = s L R."""
    return config.lora_alpha / (config.r**0.5 if config.use_rslora else config.r)


def read_adapter(folder: Path | str) -> tuple[Any, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """The configuration of a plain LoRA adapter, and the factors L and R of every layer in float64.

    Raises
    ------
    SubjectError
        There is no adapter in safetensors here.
    Unsupported
        The adapter changes the model in other ways than by L and R.
    """
    import peft
    from safetensors.torch import load_file

    folder = Path(folder)
    if not (folder / _WEIGHTS).is_file() or not (folder / "adapter_config.json").is_file():
        raise tm.SubjectError(
            f"{folder} holds no adapter: it needs adapter_config.json and {_WEIGHTS}. Name the adapter's folder."
        )
    config = peft.PeftConfig.from_pretrained(str(folder))
    if str(getattr(config.peft_type, "value", config.peft_type)) != "LORA":
        raise tm.Unsupported(
            f"{folder} is an adapter of type {config.peft_type}. Only LoRA has the factors that are needed here."
        )
    more = [name for name in _MORE_THAN_FACTORS if getattr(config, name, None)]
    if more or config.init_lora_weights not in _LEAVE_THE_BASE_ALONE:
        found = ", ".join(more) or f"init_lora_weights={config.init_lora_weights!r}, which changes the base weights"
        raise tm.Unsupported(f"{folder} has {found}: its factors are not the whole story. Give a plain LoRA adapter.")
    tensors = {key: array(value) for key, value in load_file(folder / _WEIGHTS).items()}
    lefts = {key: key.removesuffix(".lora_B.weight") for key in tensors if key.endswith(".lora_B.weight")}
    factors = {
        name.removeprefix(PREFIX): (tensors[key], tensors[f"{name}.lora_A.weight"])
        for key, name in lefts.items()
        if f"{name}.lora_A.weight" in tensors
    }
    if 2 * len(factors) != len(tensors) or not factors:
        raise tm.Unsupported(
            f"{folder} has {len(tensors)} tensors but {len(factors)} pairs of factors. Give a plain LoRA adapter."
        )
    return config, factors


def write_adapter(
    folder: Path, config: Any, factors: dict[str, tuple[np.ndarray, np.ndarray]], rank: int, alpha: float
) -> None:
    """Write factors as a plain adapter in float32, with a configuration that makes no loader touch the base."""
    import numpy as np
    import torch
    from safetensors.torch import save_file

    config = copy.deepcopy(config)
    config.r, config.lora_alpha = rank, alpha
    config.init_lora_weights, config.inference_mode = True, True
    tensors = {}
    for name, (left, right) in factors.items():
        tensors[f"{PREFIX}{name}.lora_A.weight"] = torch.from_numpy(np.ascontiguousarray(right, dtype=np.float32))
        tensors[f"{PREFIX}{name}.lora_B.weight"] = torch.from_numpy(np.ascontiguousarray(left, dtype=np.float32))
    config.save_pretrained(str(folder))
    save_file(tensors, folder / _WEIGHTS, metadata={"format": "pt"})


def new_folder(folder: Path | str) -> Path:
    """The folder, made if need be; refuses one with files in it."""
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise tm.UsageError(f"{folder} exists and is not empty. Name a new folder, so that nothing is overwritten.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def load_base(folder: Path | str) -> tuple[Any, Any]:
    """A causal language model in float32, and its tokenizer, from a local folder."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    if not (Path(folder) / "config.json").is_file():
        raise tm.SubjectError(f"{folder} holds no model: it has no config.json. Name the folder of the base model.")
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        options = {"local_files_only": True, "trust_remote_code": False}
        model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32, use_safetensors=True, **options)
        return model.eval(), AutoTokenizer.from_pretrained(str(folder), **options)
    finally:
        if shown:
            logging.enable_progress_bar()


def array(tensor: Any) -> np.ndarray:
    """A tensor as float64 array."""
    return tensor.detach().double().cpu().numpy()


def directions_of(layer: str, weight: np.ndarray, moment: np.ndarray, rank: int) -> np.ndarray:
    """U_c of a layer, with errors that name it."""
    if not 1 <= rank <= len(weight) // 2:
        raise tm.UsageError(
            f"The safety rank is {rank}, but {layer} has only {len(weight)} outputs: 1 to {len(weight) // 2} leave room "
            "to learn. Choose a smaller safety rank or leave the layer out."
        )
    try:
        return safety_directions(weight, moment, rank)[0]
    except Undefined as reason:
        raise tm.SubjectError(f"The layer {layer} has no safety directions: {reason}. Leave it out of the targets.") from None
