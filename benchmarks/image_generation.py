"""How much longer drawing through a check takes than the bare pipeline: it should be at most 1.05 times as long.

    python benchmarks/image_generation.py --pictures 64 --steps 20

Both sides draw the same prompts from the same generators in batches of 32; the check's side also runs its cache, digests and
the look at each picture. Rounds alternate, the medians are compared, and the pictures are checked to be the same.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

import pytest_trustml as tm
from builtin_checks.image_evolution import glyphs
from builtin_checks.image_evolution.drawing import Drawn, draw, seed_of
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.observe import BATCH_SIZE
from pytest_trustml.work.progress import Progress


def build(folder: Path, side: int) -> None:
    """A Stable-Diffusion-shaped pipeline with random weights: what it draws means nothing, how long it takes does."""
    import diffusers
    import torch
    from transformers import CLIPTextConfig, CLIPTextModel

    from builtin_checks.image_evolution.training import LONGEST

    torch.manual_seed(0)
    tokenizer = tm.word_tokenizer(glyphs.harmless(), context=LONGEST)
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=LONGEST, pad_token_id=0, bos_token_id=2, eos_token_id=3,
        )
    )  # fmt: skip
    vae = diffusers.AutoencoderKL(
        block_out_channels=(16, 32, 32), norm_num_groups=8, latent_channels=4, sample_size=side,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
    )  # fmt: skip
    unet = diffusers.UNet2DConditionModel(
        sample_size=side // 4, block_out_channels=(32, 64), norm_num_groups=8, layers_per_block=1, cross_attention_dim=64,
        attention_head_dim=8, down_block_types=("CrossAttnDownBlock2D",) * 2, up_block_types=("CrossAttnUpBlock2D",) * 2,
    )  # fmt: skip
    with tm.quiet():
        diffusers.StableDiffusionPipeline(
            vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, safety_checker=None, feature_extractor=None,
            scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False), requires_safety_checker=False,
        ).save_pretrained(folder)  # fmt: skip


def bare(pipeline, prompts: tm.Dataset, steps: int) -> np.ndarray:
    """The pictures without this package: (N, height, width, 3) uint8."""
    import torch

    texts, ids, drawn = prompts.column("prompt"), prompts.ids, []
    with torch.inference_mode():
        for start in range(0, len(texts), BATCH_SIZE):
            rows = slice(start, start + BATCH_SIZE)
            dice = [torch.Generator().manual_seed(seed_of(0, name, 0)) for name in ids[rows]]
            drawn += pipeline(prompt=texts[rows], generator=dice, num_inference_steps=steps).images
    return np.stack([np.asarray(picture) for picture in drawn])


def through_check(subject: tm.Subject, prompts: tm.Dataset, steps: int, folder: Path) -> Drawn:
    """The same pictures by the drawing of the checks, with nothing kept from before."""
    trust = tm.Trust(
        name="benchmark.drawing", seed=0, level=0.95, cache=Cache(folder), store=EvidenceStore(folder), progress=Progress()
    )
    return draw(trust, subject, prompts, [], pictures_per_prompt=1, num_inference_steps=steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=64, help="a multiple of 32 compares equal batches")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    prompts = tm.Dataset({"prompt": glyphs.harmless()[: given.pictures]})
    with tempfile.TemporaryDirectory() as place:
        build(Path(place) / "pipeline", given.side)
        subject = tm.open_subject(str(Path(place) / "pipeline"), device=given.device, dtype="float32")
        images = subject.load().images
        pipeline = images._residence.get().model  # the very same weights: nothing is read twice
        times: dict[str, list[float]] = {"bare pipeline": [], "through the check": []}
        for number in range(given.rounds + 1):
            started = time.perf_counter()
            plain = bare(pipeline, prompts, given.steps)
            middle = time.perf_counter()
            drawn = through_check(subject, prompts, given.steps, Path(place) / f"round-{number}")
            done = time.perf_counter()
            if number == 0:  # the first round warms up, and shows that both draw the same
                same = all(
                    np.abs(np.asarray(drawn.pictures(row, 0), int) - plain[row]).max() <= 1 for row in range(given.pictures)
                )
                print(f"same pictures: {same}")
                continue
            times["bare pipeline"].append(middle - started)
            times["through the check"].append(done - middle)
    for name, seconds in times.items():
        span = f"{min(seconds):.3f} to {max(seconds):.3f}"
        print(f"{name}: median {statistics.median(seconds):.3f} s of {len(seconds)} rounds, {span}")
    ratios = sorted(one / other for one, other in zip(times["through the check"], times["bare pipeline"], strict=True))
    print(
        f"{given.pictures} pictures of {given.side} x {given.side}, {given.steps} steps, {subject.device}: "
        f"median ratio {statistics.median(ratios):.3f} (target 1.05)"
    )


if __name__ == "__main__":
    main()
