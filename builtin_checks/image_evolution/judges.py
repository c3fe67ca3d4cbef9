"""Small judges of drawn signs, trained for the demos: an image-text model, head files on it, and whole classifiers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import pytest_trustml as tm
from builtin_checks.image_evolution.codec import Codec, recode
from builtin_checks.image_evolution.glyphs import SIDE
from builtin_checks.image_evolution.training import LONGEST, pixels_of

if TYPE_CHECKING:
    from pathlib import Path

CLIP_STEPS, HEAD_STEPS, CLASSIFIER_STEPS = 250, 300, 200
_BATCH, _NOISE = 96, 0.05


def train_clip(images: np.ndarray, captions: Sequence[str], tokenizer: Any, *, seed: int, step: Callable[[int], object]) -> Any:
    """A ``CLIPModel`` trained on pictures (N, 16, 16, 3) uint8 and captions in `CLIP_STEPS` steps."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    tower = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2}
    words = {"vocab_size": len(tokenizer), "max_position_embeddings": LONGEST}
    marks = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    config = CLIPConfig(
        text_config={**tower, **words, **marks}, vision_config={**tower, "image_size": SIDE, "patch_size": 4}, projection_dim=48
    )
    with tm.one_thread(), tm.own_randomness(seed):
        model = CLIPModel(config).train()
        pixels = pixels_of(images)
        text = tokenizer(list(captions), padding=True, truncation=True, return_tensors="pt")
        optimizer, schedule = _optimizer(model, 2e-3, CLIP_STEPS)
        for _ in range(CLIP_STEPS):
            rows = torch.randint(len(pixels), (_BATCH,))
            seen = pixels[rows] + _NOISE * torch.randn(_BATCH, 3, SIDE, SIDE)
            logits = model(
                input_ids=text["input_ids"][rows], attention_mask=text["attention_mask"][rows], pixel_values=seen
            ).logits_per_image
            target, entropy = torch.arange(_BATCH), torch.nn.functional.cross_entropy
            _descend(entropy(logits, target) + entropy(logits.T, target), optimizer, schedule)
            step(1)
    return model.eval().requires_grad_(False)


def save_clip(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write model, tokenizer and image processor as `transformers` reads them."""
    tm.save_model(folder, model, tokenizer, _processor())


def embeddings(model: Any, images: np.ndarray) -> Any:
    """Image embeddings (N, 48) of a `CLIPModel`, not normalised: a torch tensor."""
    import torch

    with tm.one_thread(), torch.no_grad():
        parts = [model.get_image_features(pixel_values=part) for part in pixels_of(images).split(256)]
    return torch.cat([getattr(part, "pooler_output", part) for part in parts])


def train_multi_headed(
    features: Any, truth: dict[str, np.ndarray], file: Path, *, seed: int, step: Callable[[int], object]
) -> None:
    """A head file of the multi-headed layout: Linear, ReLU, Dropout, BatchNorm, Linear per category of ``truth`` (N,) bool."""
    import torch
    from safetensors.torch import save_file
    from torch import nn

    tensors = {}
    with tm.one_thread(), tm.own_randomness(seed):
        for category, labels in truth.items():
            width = features.shape[1]
            head = nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Dropout(0.5), nn.BatchNorm1d(32), nn.Linear(32, 1))
            target = torch.from_numpy(labels.astype(np.float32))
            weight = torch.where(target > 0, 0.5 / target.mean(), 0.5 / (1 - target.mean()))  # both classes count alike
            optimizer, schedule = _optimizer(head, 1e-2, HEAD_STEPS)
            for _ in range(HEAD_STEPS):
                rows = torch.randint(len(features), (256,))
                loss = nn.functional.binary_cross_entropy_with_logits(head(features[rows])[:, 0], target[rows], weight[rows])
                _descend(loss, optimizer, schedule)
                step(1)
            tensors |= {f"{category}.{key}": value.contiguous() for key, value in head.state_dict().items()}
    save_file({key: value for key, value in tensors.items() if value.is_floating_point()}, file)


def train_prompts(
    features: Any, truth: np.ndarray, labels: Sequence[str], file: Path, *, seed: int, step: Callable[[int], object]
) -> None:
    """A head file of learnt prompts, one per label, told apart by 100 times the cosine; ``truth`` (N,) int."""
    import torch
    from safetensors.torch import save_file

    with tm.one_thread(), tm.own_randomness(seed):
        unit, target = torch.nn.functional.normalize(features, dim=1), torch.from_numpy(truth.astype(np.int64))
        prompts = torch.nn.Parameter(torch.stack([unit[target == number].mean(0) for number in range(len(labels))]))
        optimizer, schedule = _optimizer(prompts, 3e-2, HEAD_STEPS)
        for _ in range(HEAD_STEPS):
            rows = torch.randint(len(unit), (256,))
            logits = 100 * unit[rows] @ torch.nn.functional.normalize(prompts, dim=1).T
            _descend(torch.nn.functional.cross_entropy(logits, target[rows]), optimizer, schedule)
            step(1)
    save_file({"prompts": prompts.detach().contiguous()}, file, {"labels": json.dumps(list(labels))})


def train_classifier(
    images: np.ndarray, truth: np.ndarray, labels: Sequence[str], folder: Path, *, seed: int, step: Callable[[int], object],
    noise: float = _NOISE,
) -> None:  # fmt: skip
    """A small ``ResNetForImageClassification`` that is written to a folder; ``truth`` (N,) int."""
    import torch
    from transformers import ResNetConfig, ResNetForImageClassification

    config = ResNetConfig(
        embedding_size=16, hidden_sizes=[16, 32], depths=[1, 1], layer_type="basic", downsample_in_first_stage=False,
        id2label=dict(enumerate(labels)), label2id={label: number for number, label in enumerate(labels)},
    )  # fmt: skip
    with tm.one_thread(), tm.own_randomness(seed):
        model = ResNetForImageClassification(config).train()
        pixels, target = pixels_of(images), torch.from_numpy(truth.astype(np.int64))
        weight = len(target) / torch.bincount(target, minlength=len(labels)).clamp(min=1) / len(labels)
        optimizer, schedule = _optimizer(model, 5e-3, CLASSIFIER_STEPS)
        for _ in range(CLASSIFIER_STEPS):
            rows = torch.randint(len(pixels), (64,))
            seen = pixels[rows] + noise * torch.randn(64, 3, SIDE, SIDE)
            logits = model(pixel_values=seen).logits
            _descend(torch.nn.functional.cross_entropy(logits, target[rows], weight), optimizer, schedule)
            step(1)
    tm.save_model(folder, model.eval(), _processor())


def _processor() -> Any:
    import transformers

    half = [0.5] * 3
    with tm.quiet():  # looking it up already logs a line where there is no torchvision
        return transformers.CLIPImageProcessor(
            size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}, image_mean=half, image_std=half
        )


def _optimizer(module: Any, rate: float, steps: int) -> tuple[Any, Any]:
    import torch

    weights = [module] if isinstance(module, torch.nn.Parameter) else list(module.parameters())
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=1e-3)
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)


def _descend(loss: Any, optimizer: Any, schedule: Any) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    schedule.step()


def through_codec(pipeline: Any, images: np.ndarray) -> np.ndarray:
    """The pictures as the autoencoder of a pipeline gives them back, from latents with a little noise: uint8."""
    import torch

    with tm.one_thread(), tm.own_randomness(0), torch.no_grad():
        latents = [pipeline.vae.encode(part).latent_dist.sample() for part in pixels_of(images).split(256)]
        parts = [pipeline.vae.decode(part).sample for part in latents]
    return _bytes(torch.cat(parts))


def sample(
    pipeline: Any, prompts: Sequence[str], *, steps: int, guidance: float, seed: int, step: Callable[[int], object],
    batch: int = 64,
) -> np.ndarray:  # fmt: skip
    """Pictures (N, 16, 16, 3) uint8 that a pipeline draws, one per prompt, each from a random generator of its own."""
    import torch

    drawn = []
    with tm.one_thread(), torch.inference_mode(), tm.quiet():
        for start in range(0, len(prompts), batch):
            part = list(prompts[start : start + batch])
            dice = [torch.Generator().manual_seed(seed * 1_000_003 + start + i) for i in range(len(part))]
            found = pipeline(prompt=part, generator=dice, num_inference_steps=steps, guidance_scale=guidance)
            drawn += [np.asarray(picture, np.uint8) for picture in found.images]
            step(len(part))
    return np.stack(drawn)


def as_jpeg(images: np.ndarray) -> np.ndarray:
    """The pictures as the checks hand them to a detector."""
    return np.stack([recode(image, Codec(side=SIDE)) for image in images])


def _bytes(pixels: Any) -> np.ndarray:
    return ((pixels.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
