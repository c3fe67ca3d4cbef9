"""The unit check on an encoder of the size of ViT-B and 50,000 pictures, on a GPU in half precision.

Run: python benchmarks/gpu_encoder.py, or on a CPU something small: python benchmarks/gpu_encoder.py --device cpu --images 64
--side 32 --width 48 --blocks 2 --dtype float32. With --workers 2 the pictures are divided over as many processes, whose sums
are merged; their start is timed too. Prints seconds, pictures per second, the ratio to bare forward passes on the same pictures
and the peak of GPU and of host memory of this process. The weights are random: speed does not depend on what they are.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import ViTConfig, ViTModel

import pytest_trustml as tm
from builtin_checks.encoder_memorization.layers import chosen_layers
from builtin_checks.encoder_memorization.observations import layers_of, merge_units, unit_summary
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.summarise import summarise

PART, GRAIN = 2048, 14
"""Pictures are made in parts of 2048, so that 50,000 of them never lie in memory together."""


def pictures(start: int, count: int, side: int) -> tm.Dataset:
    """Random pictures with the places ``start`` to ``start + count``; picture k is the same in every division."""
    coarse = np.stack(
        [np.random.default_rng(k).integers(0, 256, (GRAIN, GRAIN, 3), dtype=np.uint8) for k in _span(start, count)]
    )
    at = np.arange(side) * GRAIN // side
    places = np.arange(start, start + count)
    return tm.Dataset({"image": coarse[:, at][:, :, at], "place": places, "id": [f"p{k}" for k in places]})


def _span(start: int, count: int) -> range:
    return range(start, start + count)


def save_encoder(folder: Path, given: argparse.Namespace) -> None:
    """A vision transformer with random weights."""
    torch.manual_seed(0)
    heads = max(1, given.width // 64)
    config = ViTConfig(
        hidden_size=given.width, intermediate_size=4 * given.width, num_hidden_layers=given.blocks, num_attention_heads=heads,
        image_size=given.side, patch_size=16,
    )  # fmt: skip
    tm.save_model(folder, ViTModel(config))


def summed(folder: str, given: argparse.Namespace, first: int, count: int) -> tuple[dict[str, np.ndarray], float]:
    """The summary of a run of pictures, and how long it took without making them."""
    subject = tm.open_subject(folder, device=given.device, dtype=given.dtype).load()
    layers = chosen_layers(subject.encoder.layers(), "")
    taken, found = 0.0, None
    with Cache("unused", "off") as cache:
        for start in range(first, first + count, PART):
            part = pictures(start, min(PART, first + count - start), given.side)
            started = time.perf_counter()
            summary = summarise(
                unit_summary, subject, part, merge=merge_units, cache=cache, batch_size=given.batch, layers=layers, views=1,
                augmentation="none", sign="relu", seed=0, points=given.images, permutations=199,
            )  # fmt: skip
            found = summary if found is None else merge_units(found, summary)
            taken += time.perf_counter() - started
    assert found is not None
    return found, taken


def bare(folder: str, given: argparse.Namespace) -> float:
    """Seconds that one picture takes in bare forward passes, after one to warm up."""
    subject = tm.open_subject(folder, device=given.device, dtype=given.dtype).load()
    count = min(given.batch, given.images)
    sample = [Image.fromarray(pixels) for pixels in pictures(0, count, given.side).column("image")]
    subject.encoder.embed(sample)
    started = time.perf_counter()
    for _ in range(8):
        subject.encoder.embed(sample)
    return (time.perf_counter() - started) / (8 * count)


def measure(given: argparse.Namespace) -> dict[str, np.ndarray]:
    """Run and print; the summary of all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        save_encoder(Path(folder), given)
        each = bare(folder, given)
        if given.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        started = time.perf_counter()
        if given.workers == 1:
            found, taken = summed(folder, given, 0, given.images)
        else:
            edges = np.linspace(0, given.images, given.workers + 1).round().astype(int).tolist()
            jobs = [(folder, given, a, b - a) for a, b in itertools.pairwise(edges)]
            with multiprocessing.get_context("spawn").Pool(given.workers) as pool:
                parts = pool.starmap(summed, jobs)
            found, taken = functools.reduce(merge_units, [part for part, _ in parts]), time.perf_counter() - started
        host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        gpu = f", GPU memory {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB" if given.device == "cuda" else ""
        name = torch.cuda.get_device_name() if given.device == "cuda" else "CPU"
        print(
            f"{name}, {given.dtype}, {given.workers} process(es): {given.images} pictures, {len(layers_of(found))} layers, "
            f"{taken:.1f} s, {given.images / taken:.0f} a second, ratio to bare passes {taken / (each * given.images):.2f}, "
            f"host memory {host:.1f} GiB{gpu}"
        )
    return found


def options(given: list[str] | None = None) -> argparse.Namespace:
    """The command line; everything defaults to ViT-B on a GPU."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float16", "float32"])
    for name, default in {"images": 50_000, "side": 224, "width": 768, "blocks": 12, "batch": 64, "workers": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    found = parser.parse_args(given)
    if found.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("There is no CUDA device here. Give --device cpu with --images 64 --side 32 --width 48 --blocks 2.")
    if found.images < 2 or found.images % 2 or found.workers < 1 or found.side % 16:
        raise SystemExit("--images must be even, --side a multiple of 16, --workers at least 1.")
    return found


if __name__ == "__main__":
    measure(options())
