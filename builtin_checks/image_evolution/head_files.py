"""Small heads on the image embedding of a CLIP model, from weights that the user brings along as safetensors.

Two layouts are read.

Multi-headed (Qu et al., "Unsafe Diffusion", CCS 2023): per category the layers of a ``torch.nn.Sequential``, by their numbers:
``violent.0.weight`` (384, 768), ``violent.0.bias``, ``violent.3.weight``, ``.bias``, ``.running_mean``, ``.running_var`` of the
batch normalisation, ``violent.4.weight`` (1, 384), ``violent.4.bias``. ReLU follows every linear layer but the last, dropout is
off, a sigmoid ends it. A head of one linear layer (``fake.0.weight`` (1, 768)) is a logistic regression. The embedding is not
normalised. From the published files, opened where you trust them::

    heads = {f"{name}.{key}": value for name in NAMES for key, value in torch.load(f"{name}.pt").items()}
    safetensors.torch.save_file(heads, "mhsc.safetensors")

Prompts (Schramowski et al., "Q16", FAccT 2022): one tensor ``prompts`` (K, 768); the probabilities are the softmax of 100 times
the cosine of embedding and prompts. The labels stand in the metadata of the file (``labels``: a JSON list); without them two
prompts are Q16's, ``safe`` and ``inappropriate``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.image_evolution.labels import columns_of, refuse_without_harmless

SCALE = 100.0
_EPSILON = 1e-5  # of torch.nn.BatchNorm1d
_KEY = re.compile(r"(?P<label>.+?)\.(?:(?P<layer>\d+)\.)?(?P<part>weight|bias|running_mean|running_var|num_batches_tracked)")


class Layer(NamedTuple):
    """y = x W^T + b; a batch normalisation has W (d,) and multiplies. ``last`` layers have no ReLU behind them."""

    weight: np.ndarray
    bias: np.ndarray
    last: bool

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """x (n, d_in) float64 -> (n, d_out)."""
        if self.weight.ndim == 1:
            return x * self.weight + self.bias
        y = x @ self.weight.T + self.bias
        return y if self.last else np.maximum(y, 0)


class FileHead:
    """A head file on a CLIP model as a judge. Made by `open_head_file`."""

    def __init__(self, name: str, kind: str, clip: tm.Subject, file: Path) -> None:
        self.name, self.kind, self._clip = name, kind, clip
        self._digest = hashlib.sha256(file.read_bytes()).hexdigest()
        tensors, told = _tensors(file, name)
        self._prompts = tensors.get("prompts")
        self._heads = {} if self._prompts is not None else heads_of(tensors, name)
        names = _prompt_labels(told, len(self._prompts), name) if self._prompts is not None else list(self._heads)
        if self._prompts is not None:
            refuse_without_harmless(names, kind, name)
        self._columns = columns_of(names, kind, name)
        self.labels = ("fake",) if kind == "detector" else tuple(names[column] for column in self._columns)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the file and of the model that it goes on."""
        words = json.dumps([self._clip.fingerprint, self._digest, self.kind, self.labels])
        return hashlib.sha256(words.encode()).hexdigest()

    def read(self, trust: tm.Trust, pictures: tm.Dataset) -> np.ndarray:
        """Probabilities (n, K) float64 of the pictures in the column ``image``; heads on one CLIP model share its embedding."""
        return self.of(trust.observe(tm.embed_images, self._clip, pictures))

    def of(self, embedding: np.ndarray) -> np.ndarray:
        """Probabilities (n, K) float64 of image embeddings (n, d), which are not normalised."""
        x = np.asarray(embedding, np.float64)
        width = self._prompts.shape[1] if self._prompts is not None else next(iter(self._heads.values()))[0].weight.shape[-1]
        if x.shape[1] != width:
            raise tm.DataError(
                f"The head file of {self.name} takes embeddings of {width} numbers, {self._clip.spec} gives {x.shape[1]}. Name "
                "the image-text model that the heads were trained on (ViT-L/14 of openai for the published ones)."
            )
        if self._prompts is not None:
            return cosine_shares(x, self._prompts)[:, self._columns]
        from scipy.special import expit

        heads = list(self._heads.values())
        return expit(np.stack([_through(heads[column], x) for column in self._columns], axis=1))


def open_head_file(name: str, kind: str, file: Path, clip: tm.Subject) -> FileHead:
    """A head file on an image-text model as a judge.

    Raises
    ------
    DataError
        If the file has neither layout, or the model embeds no pictures.
    """
    why = clip.why_not("pairs")
    if why is not None:
        raise tm.DataError(f"The head file of {name} goes on an image-text model such as CLIP, not on {clip.spec}: {why}")
    return FileHead(name, kind, clip, file)


def cosine_shares(x: np.ndarray, prompts: np.ndarray, scale: float = SCALE) -> np.ndarray:
    """Softmax over K prompts of ``scale`` times the cosine between embeddings (n, d) and prompts (K, d): (n, K) float64.

    >>> cosine_shares(np.array([[1.0, 0.0]]), np.array([[3.0, 0.0], [0.0, 5.0]]), scale=1.0).round(4).tolist()
    [[0.7311, 0.2689]]
    """
    unit, directions = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (x, prompts))
    logits = scale * unit @ directions.T
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def heads_of(tensors: Mapping[str, np.ndarray], name: str) -> dict[str, list[Layer]]:
    """The layers of every category in a file of the multi-headed layout, in the order of the names."""
    parts: dict[str, dict[int, dict[str, np.ndarray]]] = {}
    for key in sorted(tensors):
        found = _KEY.fullmatch(key)
        if found is None:
            raise tm.DataError(
                f"The head file of {name} has a tensor {key!r}. Call tensors CATEGORY.LAYER.weight (.bias, .running_mean, "
                ".running_var), or give one tensor prompts."
            )
        parts.setdefault(found["label"], {}).setdefault(int(found["layer"] or 0), {})[found["part"]] = tensors[key]
    return {label: _sequence(label, layers, name) for label, layers in parts.items()}


def _sequence(label: str, layers: Mapping[int, Mapping[str, np.ndarray]], name: str) -> list[Layer]:
    built: list[Layer] = []
    linear = [number for number, own in layers.items() if own.get("weight", np.empty(0)).ndim == 2]
    for number in sorted(layers):
        own = layers[number]
        if "weight" not in own or "bias" not in own:
            raise tm.DataError(f"Layer {number} of {label!r} in the head file of {name} lacks its weight or its bias.")
        weight, bias = own["weight"], own["bias"]
        if weight.ndim == 1:
            if "running_mean" not in own or "running_var" not in own:
                raise tm.DataError(f"Layer {number} of {label!r} in the head file of {name} lacks running_mean or running_var.")
            weight = weight / np.sqrt(own["running_var"] + _EPSILON)
            bias = bias - own["running_mean"] * weight
        built.append(Layer(weight, bias, last=number == max(linear, default=-1)))
    widths = [layer.weight.shape for layer in built]
    fits = all(one[0] == other[-1] for one, other in pairwise(widths))
    if not built or not built[-1].last or not fits or widths[-1][0] != 1:
        shown = ", ".join(map(str, widths))
        raise tm.DataError(f"The layers of {label!r} in the head file of {name} have the shapes {shown}; the last must give 1.")
    return built


def _tensors(file: Path, name: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np") as opened:
            tensors = {key: np.asarray(opened.get_tensor(key), np.float64) for key in opened.keys()}
            told = opened.metadata() or {}
    except (SafetensorError, TypeError) as error:
        raise tm.DataError(f"The head file of {name} is no safetensors file that numpy reads: {error}") from error
    if not tensors or not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        raise tm.DataError(f"The head file of {name} is empty, or holds NaN or infinite numbers. Save the trained head again.")
    return tensors, told


def _prompt_labels(told: Mapping[str, str], count: int, name: str) -> list[str]:
    if "labels" not in told and count == 2:
        return ["safe", "inappropriate"]
    try:
        labels = json.loads(told.get("labels", "null"))
    except ValueError:
        labels = None
    if not isinstance(labels, list) or len(labels) != count or not all(isinstance(label, str) for label in labels):
        raise tm.DataError(
            f"The head file of {name} has {count} prompts and the labels {told.get('labels', 'none')}. Its metadata must hold "
            "labels: a JSON list with one name per prompt."
        )
    return labels


def _through(layers: list[Layer], x: np.ndarray) -> np.ndarray:
    for layer in layers:
        x = layer(x)
    return x[:, 0]
