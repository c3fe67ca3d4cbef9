"""Encoders of the transformers library: embeddings, and the activations of any module inside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch

from pytest_trustml.errors import DataError, SubjectError, Unsupported, UsageError, unknown
from pytest_trustml.subjects.hooks import INPUT, calls_of, first_tensor
from pytest_trustml.subjects.pictures import pixels
from pytest_trustml.subjects.residence import Loaded, Residence
from pytest_trustml.subjects.tokens import check_texts

_CONTAINERS = (torch.nn.ModuleList, torch.nn.ModuleDict, torch.nn.Identity, torch.nn.Dropout)


class TransformersEncoder:
    """``subject.encoder``.

    An embedding is, in this order: the projected embedding of a model with a joint space; for images the model's own pooled
    output if the checkpoint has trained weights for it; otherwise the mean of the last hidden layer over its positions
    (text: over the real tokens). Texts longer than the model's context are cut, as they are in use. Masked autoencoders see all
    patches, in order.
    """

    def __init__(self, residence: Residence[Loaded], input: str, adapted: bool = True) -> None:
        self._residence = residence
        self._adapted = adapted
        self.input = input

    @contextmanager
    def _open(self) -> Iterator[Loaded]:
        loaded = self._residence.get()
        with torch.inference_mode(), (nullcontext if self._adapted else loaded.without_adapter)():
            yield loaded

    def embed(self, inputs: Sequence[Any]) -> np.ndarray:
        """One embedding per text or image: (B, d) float32."""
        with self._open() as loaded:
            batch = encoded(loaded, inputs, self.input)
            if hasattr(loaded.model, "get_image_features"):
                return rows(loaded.model.get_image_features(pixel_values=batch["pixel_values"]))
            output = body(loaded.model)(**batch)
            for name in ("image_embeds", "text_embeds"):
                if getattr(output, name, None) is not None:
                    return rows(output[name])
            pooled = getattr(output, "pooler_output", None)
            if self.input == "image" and pooled is not None and getattr(loaded.model, "has_pooler", True):
                return rows(pooled)
            return rows(_pooled(first_tensor(output), batch.get("attention_mask")))

    def token_vectors(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The last hidden layer at every token of each text but the special ones: B float32 arrays of (tokens, d)."""
        if self.input != "text":
            raise Unsupported("The encoder reads images, which have no tokens. Give one of texts.")
        with self._open() as loaded:
            states = first_tensor(body(loaded.model)(**encoded(loaded, texts, "text"))).float().cpu().numpy()
            read = [_read(loaded, text, return_special_tokens_mask=True) for text in texts]
        kept = [~np.asarray(one["special_tokens_mask"], dtype=bool) for one in read]
        return [row[: len(mask)][mask] for row, mask in zip(states, kept, strict=True)]

    def layers(self) -> list[str]:
        """Names of the modules whose activations can be asked for, in the order of the network."""
        return list(self._modules(self._residence.get()))

    def activations(self, inputs: Sequence[Any], layers: Sequence[str], *, pooled: bool = True) -> dict[str, np.ndarray]:
        """Activations of the named modules: (B, units) float32 each.

        ``pooled`` averages over positions: convolution maps over height and width, tokens over the real ones. Otherwise the
        whole output is flattened, which is possible for images only. ``name:input`` asks for what goes into a module: the
        residual stream between attention and MLP of a transformer is the input of the second normalisation and no output.
        """
        if not pooled and self.input == "text":
            raise Unsupported("Texts have different lengths, so their activations cannot be flattened. Ask with pooled=True.")
        found = self._listen(inputs, layers, lambda value, mask: _pooled(value, mask) if pooled else _copied(value))
        return {name: rows(calls[-1]) for name, calls in found.items()}

    def listen(
        self, inputs: Sequence[Any], layers: Sequence[str], reduce: Callable[[torch.Tensor], torch.Tensor]
    ) -> dict[str, np.ndarray]:
        """What ``reduce`` makes of the outputs of the named modules, while the model runs.

        ``reduce`` gets an output on its device, one row per input, and returns a new tensor with one row per input or less;
        nothing else is kept, so that memory does not grow with the number of modules. A module that runs several times in a
        pass appears as ``name``, ``name#2``, ….
        """
        found = self._listen(inputs, layers, lambda value, _: reduce(value))
        return {
            name if call == 1 else f"{name}#{call}": value.float().cpu().numpy()
            for name, calls in found.items()
            for call, value in enumerate(calls, 1)
        }

    def _listen(self, inputs: Sequence[Any], layers: Sequence[str], keep: Callable[..., torch.Tensor]) -> dict[str, list[Any]]:
        with self._open() as loaded:
            if loaded.model.training:
                raise SubjectError(
                    "The model is in training mode: its batch normalisation would mix the inputs of a batch. Call model.eval()."
                )
            modules = self._modules(loaded)
            for name in layers:
                if name.removesuffix(INPUT) not in modules:
                    raise UsageError(unknown("layer", name, modules))
            batch = encoded(loaded, inputs, self.input)
            mask = batch.get("attention_mask")

            def kept(value: torch.Tensor) -> torch.Tensor:
                if value.shape[0] != len(inputs):
                    raise Unsupported("The output of a layer has no row per input, so it is no activation of the inputs.")
                return keep(value, mask)

            with calls_of({name: modules[name.removesuffix(INPUT)] for name in layers}, kept) as found:
                if hasattr(loaded.model, "get_image_features"):
                    loaded.model.get_image_features(pixel_values=batch["pixel_values"])
                else:
                    loaded.model(**batch)
        silent = [name for name in layers if name not in found]
        if silent:
            raise UsageError(f"The layer {silent[0]!r} takes no part when the model reads {self.input}s. Ask for another.")
        return {name: found[name] for name in layers}

    def _modules(self, loaded: Loaded) -> dict[str, Any]:
        towers = ("text_model", "text_projection") if hasattr(loaded.model, "get_image_features") else ()
        return {
            name: module
            for name, module in loaded.model.named_modules()
            if name and not isinstance(module, _CONTAINERS) and not name.startswith(towers)
        }


def encoded(loaded: Loaded, inputs: Sequence[Any], input: str) -> dict[str, torch.Tensor]:
    """The arguments of the model for texts or images."""
    if hasattr(inputs, "__len__") and not len(inputs):
        raise DataError(f"A model needs at least one {input}, found an empty batch.")
    if input == "image":
        return {"pixel_values": (values := pixels(loaded, inputs)), **_unmasked(loaded, values)}
    check_texts(inputs, "text")
    tokenizer = loaded.tokenizer
    rows_ = [list(_read(loaded, text)["input_ids"]) for text in inputs]
    width = max([1, *map(len, rows_)])
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id or 0
    ids = torch.full((len(rows_), width), pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows_):
        ids[i, : len(row)] = torch.tensor(row, dtype=torch.long)
        mask[i, : max(1, len(row))] = 1
    return {"input_ids": ids.to(loaded.device), "attention_mask": mask.to(loaded.device)}


def _read(loaded: Loaded, text: str, **how: Any) -> Any:
    """The tokens of a text, as many as the model takes."""
    tokenizer = loaded.tokenizer
    limit = loaded.model.config.get_text_config().__dict__.get("max_position_embeddings")
    limit = min(x for x in (limit, tokenizer.model_max_length, 10**6) if x)
    return tokenizer(text, truncation=True, max_length=limit, **how)


def _unmasked(loaded: Loaded, values: torch.Tensor) -> dict[str, torch.Tensor]:
    """What keeps a masked autoencoder from hiding and shuffling patches: as it comes it gives another answer at every call."""
    config = loaded.model.config
    if getattr(config, "model_type", "") != "vit_mae":
        return {}
    config.mask_ratio = 0.0
    patches = (values.shape[2] // config.patch_size) * (values.shape[3] // config.patch_size)
    return {"noise": torch.arange(patches, dtype=torch.float32, device=values.device).expand(len(values), -1)}


def body(model: Any) -> Any:
    """The network without its head."""
    inner = getattr(model, "base_model", model)
    return model if inner is None or hasattr(model, "visual_projection") or hasattr(model, "text_projection") else inner


def rows(value: Any) -> np.ndarray:
    """A float32 matrix with one row per input."""
    tensor = value if isinstance(value, torch.Tensor) else value.pooler_output
    return tensor.flatten(1).float().cpu().numpy()


def _pooled(value: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    if value.ndim == 4:
        return value.float().mean((2, 3))
    if value.ndim == 3:
        if mask is None or mask.shape != value.shape[:2]:
            return value.float().mean(1)
        weights = mask[..., None].float()
        return (value.float() * weights).sum(1) / weights.sum(1)
    return _copied(value)


def _copied(value: torch.Tensor) -> torch.Tensor:
    """A matrix of its own: what comes next in the network may overwrite the output in place."""
    return value.flatten(1).clone()
