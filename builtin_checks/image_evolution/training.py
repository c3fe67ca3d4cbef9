"""Small Stable-Diffusion-shaped pipelines, trained on drawn signs in half a minute; and a second version of one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.image_evolution.glyphs import SIDE, World, draw_signs, show

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = 12
"""Most tokens in a prompt."""
_PAD, _UNKNOWN, _START, _END = range(4)


class Budget(NamedTuple):
    """How long the parts of a pipeline are trained: steps of the picture codec, of the drawer, and of a new version."""

    codec: int = 250
    drawer: int = 450
    version: int = 120
    batch: int = 64


class Pairs(NamedTuple):
    """Pictures (N, 16, 16, 3) uint8 and their prompts."""

    images: np.ndarray
    prompts: list[str]


def make_pairs(prompts: Sequence[str], world: World, rng: np.random.Generator) -> Pairs:
    """One picture per prompt, as this world has it."""
    return Pairs(draw_signs([show(prompt, world, rng) for prompt in prompts], rng), list(prompts))


def pixels_of(images: np.ndarray) -> Any:
    """Pictures (N, side, side, 3) uint8 as a torch tensor (N, 3, side, side) from -1 to 1."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def train_pipeline(pairs: Pairs, tokenizer: Any, budget: Budget, *, seed: int, step: Callable[[int], object]) -> Any:
    """A ``StableDiffusionPipeline`` without a safety checker that draws these pairs; ``step`` hears of every training step."""
    import diffusers
    from transformers import CLIPTextConfig, CLIPTextModel

    with tm.one_thread(), tm.own_randomness(seed):
        vae = _train_codec(pairs.images, budget, step)
        text = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=1, num_attention_heads=2,
                max_position_embeddings=LONGEST, pad_token_id=_PAD, bos_token_id=_START, eos_token_id=_END,
            )
        )  # fmt: skip
        unet = diffusers.UNet2DConditionModel(
            sample_size=SIDE // 4, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(32, 32),
            norm_num_groups=8, cross_attention_dim=64, attention_head_dim=8,
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        )  # fmt: skip
        scheduler = diffusers.DDIMScheduler(
            beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction", clip_sample=False, set_alpha_to_one=False,
            steps_offset=1,
        )  # fmt: skip
        with tm.quiet():
            pipeline = diffusers.StableDiffusionPipeline(
                vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, scheduler=scheduler, safety_checker=None,
                feature_extractor=None, requires_safety_checker=False,
            )  # fmt: skip
        pipeline.set_progress_bar_config(disable=True)
        _train_drawer(pipeline, pairs, budget.drawer, budget.batch, 3e-3, step)
    return pipeline


def next_version(pipeline: Any, pairs: Pairs, budget: Budget, *, seed: int, step: Callable[[int], object]) -> Any:
    """A second version: the drawer of the first, trained on from other pairs. The first stays as it is."""
    import diffusers

    with tm.one_thread(), tm.own_randomness(seed + 1), tm.quiet():
        parts = {name: copy.deepcopy(pipeline.components[name]) for name in ("unet", "text_encoder")}
        second = diffusers.StableDiffusionPipeline(**{**pipeline.components, **parts}, requires_safety_checker=False)
        second.set_progress_bar_config(disable=True)
        _train_drawer(second, pairs, budget.version, budget.batch, 1e-3, step)
    return second


def save_pipeline(pipeline: Any, folder: Path) -> None:
    """Write a pipeline as `diffusers` reads it."""
    with tm.quiet():
        pipeline.save_pretrained(folder)


def _train_codec(images: np.ndarray, budget: Budget, step: Callable[[int], object]) -> Any:
    """An autoencoder to latents of 4 x 4 x 4 with deviation 1."""
    import diffusers
    import torch

    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 16, 32), norm_num_groups=8, latent_channels=4, sample_size=SIDE, layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
    )  # fmt: skip
    pixels = pixels_of(images)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=3e-3, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=budget.codec)
    for _ in range(budget.codec):
        batch = pixels[torch.randint(len(pixels), (budget.batch // 2,))]
        posterior = vae.encode(batch).latent_dist
        loss = torch.nn.functional.mse_loss(vae.decode(posterior.sample()).sample, batch) + 1e-4 * posterior.kl().mean() / 64
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        step(1)
    vae.eval().requires_grad_(False)
    with torch.no_grad():
        spread = vae.encode(pixels[:512]).latent_dist.mean.std().item()
    vae.register_to_config(scaling_factor=1 / spread)
    return vae


def _train_drawer(pipeline: Any, pairs: Pairs, steps: int, batch: int, rate: float, step: Callable[[int], object]) -> None:
    """Train text encoder and UNet to predict the velocity of noisy latents; one prompt in ten is left out."""
    import torch

    unet, text, vae, scheduler = pipeline.unet, pipeline.text_encoder, pipeline.vae, pipeline.scheduler
    with torch.no_grad():
        latents = torch.cat([vae.encode(part).latent_dist.mean for part in pixels_of(pairs.images).split(256)])
    latents = latents * vae.config.scaling_factor
    words = pipeline.tokenizer(
        ["", *pairs.prompts], padding="max_length", max_length=LONGEST, truncation=True, return_tensors="pt"
    ).input_ids
    unet.train().requires_grad_(True)
    text.train().requires_grad_(True)
    weights = [*unet.parameters(), *text.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for _ in range(steps):
        rows = torch.randint(len(latents), (batch,))
        noise, times = torch.randn(batch, *latents.shape[1:]), torch.randint(scheduler.config.num_train_timesteps, (batch,))
        asked = torch.where(torch.rand(batch) < 0.1, 0, rows + 1)
        noisy = scheduler.add_noise(latents[rows], noise, times)
        found = unet(noisy, times, encoder_hidden_states=text(words[asked])[0]).sample
        loss = torch.nn.functional.mse_loss(found, scheduler.get_velocity(latents[rows], noise, times))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        step(1)
    unet.eval().requires_grad_(False)
    text.eval().requires_grad_(False)
