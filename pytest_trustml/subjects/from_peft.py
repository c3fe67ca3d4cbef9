"""LoRA adapters of the peft library on a base model: the only file that calls peft."""

from __future__ import annotations

import re
from typing import Any

from pytest_trustml.errors import SubjectError, UsageError
from pytest_trustml.subjects import from_transformers
from pytest_trustml.subjects.architectures import why_not
from pytest_trustml.subjects.files import Found
from pytest_trustml.subjects.fingerprint import combine, fingerprint_directory
from pytest_trustml.subjects.quiet import quiet
from pytest_trustml.subjects.residence import Loaded, Residence

# Starts that leave the base weights alone. All others (pissa, olora, corda, loftq, lora_ga, …) subtract from them, so that the
# base with the adapter switched off is a model that nobody ever released.
CLEAN_STARTS = (True, False, "gaussian", "eva", "orthogonal", "mica", None)
# Settings that a plain LoRA may have. Anything else that is switched on changes what the adapter computes.
PLAIN = {
    "task_type", "peft_type", "auto_mapping", "peft_version", "base_model_name_or_path", "base_model_class", "parent_library",
    "revision", "inference_mode", "r", "target_modules", "exclude_modules", "lora_alpha", "lora_dropout", "fan_in_fan_out",
    "use_rslora", "init_lora_weights", "layers_to_transform", "layers_pattern", "rank_pattern", "alpha_pattern",
    "megatron_core", "runtime_config", "qalora_group_size", "ensure_weight_tying", "eva_config", "use_dora", "lora_bias",
}  # fmt: skip
_REASONS = {
    "modules_to_save": "it carries whole modules (modules_to_save) beside the low-rank update",
    "trainable_token_indices": "it retrained token embeddings (trainable_token_indices) beside the low-rank update",
    "bias": "it retrained biases of the base (bias), which stay changed when the adapter is switched off",
    "layer_replication": "it repeats layers of the base (layer_replication), so base and adapter are different networks",
}


class PeftSource:
    """A directory written by ``save_pretrained`` of a LoRA adapter, together with the base model that was given for it."""

    kind = "peft"
    cacheable = True
    offers = ("text", "adapter", "encoder")

    def __init__(self, found: Found, base: Found) -> None:
        check_plain(found)
        self.found, self.base = found, from_transformers.TransformersSource(base)
        self.path = found.path
        self.checkpoint_dtype = base.dtype
        if self.base.role.word != "a language model":
            raise SubjectError(
                f"The base {base.path} is {self.base.role.word} ({base.architecture}); adapters are judged on language models "
                "(*ForCausalLM). Merge the adapter into its base (merge_and_unload) and give the merged model."
            )

    @property
    def description(self) -> str:
        return f"a LoRA adapter on {self.base.description}"

    def why_not(self, name: str) -> str | None:
        return why_not(name, self.description, self.offers)

    def fingerprint(self) -> str:
        return combine("adapter", fingerprint_directory(self.path), self.base.fingerprint())

    def load(self, device: str, dtype: str) -> Loaded:
        return attach(from_transformers.load(self.base.found, device, dtype), self.found)

    def capability(self, name: str, residence: Residence[Loaded]) -> Any:
        if name == "adapter":
            raise UsageError("The adapter capability is made by the subject, which owns the base arm.")
        return from_transformers.capability(name, residence, "text")


class BaseArmSource:
    """The base model of an adapter: the same weights in memory, with the adapter switched off."""

    kind = "transformers"
    cacheable = True

    def __init__(self, adapter: PeftSource) -> None:
        self.base = adapter.base
        self.path = self.base.path
        self.checkpoint_dtype = self.base.checkpoint_dtype
        self.offers = self.base.offers
        self.description = self.base.description

    def why_not(self, name: str) -> str | None:
        return self.base.why_not(name)

    def fingerprint(self) -> str:
        return self.base.fingerprint()

    def load(self, device: str, dtype: str) -> Loaded:
        raise UsageError("The base arm is loaded together with its adapter.")

    def capability(self, name: str, residence: Residence[Loaded]) -> Any:
        return from_transformers.capability(name, residence, "text", adapted=False)


def check_plain(found: Found) -> None:
    """Refuse what is no plain LoRA, that is, where switching the adapter off does not give the base back."""
    config, path = found.config, found.path
    kind = str(config.get("peft_type"))
    if kind.upper() != "LORA":
        raise SubjectError(
            f"The adapter {path} is {kind}, not LoRA. Merge it into its base (merge_and_unload) and give the merged model."
        )
    start = config.get("init_lora_weights", True)
    if not any(start is clean or (isinstance(start, str) and start == clean) for clean in CLEAN_STARTS):
        raise SubjectError(
            f"The adapter {path} was started with init_lora_weights={start!r}, which takes its start out of the base weights: "
            "switched off, it leaves a model that is not the base. Convert it to a plain LoRA "
            "(save_pretrained(path_initial_model_for_weight_conversion=…)) or merge it and give the merged model."
        )
    for name, value in sorted(config.items()):
        if name in PLAIN or not value or value == "none":
            continue
        reason = _REASONS.get(name, f"it uses {name}, which a plain LoRA does not have")
        raise SubjectError(
            f"The adapter {path} cannot be compared with its base: {reason}. Merge it (merge_and_unload) and give the merged "
            "model, with the base as reference."
        )


def attach(base: Loaded, found: Found) -> Loaded:
    """Put the adapter on a freshly loaded base; the path of the base that the adapter stores is never followed."""
    import peft
    import torch

    layers = dict(base.model.named_modules())
    with quiet():
        try:
            config = peft.LoraConfig.from_pretrained(str(found.path))
            config.base_model_name_or_path = None
            model = peft.PeftModel.from_pretrained(base.model, str(found.path), config=config, is_trainable=False)
        except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise SubjectError(_mismatch(found, base.name, error)) from error
        stored = {name for _, name in found.tensors}
        made = set(peft.get_peft_model_state_dict(model, save_embedding_layers=False))
    for name, module in model.get_base_model().named_modules():
        if hasattr(module, "lora_A") and not isinstance(layers.get(name), _linear_kinds()):
            kind = type(layers.get(name)).__name__
            raise SubjectError(f"The adapter {found.path} changes {name}, a {kind}; only linear layers are judged. Merge it.")
    if stored != made:
        odd = sorted(stored ^ made)[0]
        side = (
            "carries a tensor that the base has no place for"
            if odd in stored
            else "lacks a tensor that its configuration asks for"
        )
        raise SubjectError(f"The adapter {found.path} {side}: {odd!r}. Was it trained on another base than {base.name}?")
    from_transformers.prepare(model, base.device, str(found.path))
    return Loaded(
        model.get_base_model(),
        base.device,
        base.tokenizer,
        base.processor,
        str(found.path),
        without_adapter=model.disable_adapter,
    )


def _linear_kinds() -> tuple[type, ...]:
    import torch
    from transformers.pytorch_utils import Conv1D

    return (torch.nn.Linear, Conv1D)


def _mismatch(found: Found, base: str, error: BaseException) -> str:
    said = " ".join(str(error).split())
    shape = re.search(
        r"size mismatch for (\S+): copying a param with shape (.+?) from checkpoint.*?model is (.+?)\.(?:\s|$)", said
    )
    if shape:
        said = f"{shape[1]} is {shape[2]} in the adapter and {shape[3]} on this base"
    return f"The adapter {found.path} does not fit the base {base}: {said[:400]}. Give the base that it was trained on."
