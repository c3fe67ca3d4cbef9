"""The unit check on an encoder of the size of ViT-B and 50,000 pictures. Needs a CUDA device.

Run: python benchmarks/gpu_encoder.py [pictures]. Prints seconds, pictures per second, the ratio to bare forward passes on the
same pictures and the peak of GPU and of host memory. The weights are random: speed does not depend on what they are.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import ViTConfig, ViTModel

import pytest_trustml as tm
from builtin_checks.encoder_memorization.layers import chosen_layers
from builtin_checks.encoder_memorization.observations import merge_units, unit_summary
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.summarise import summarise

SIDE, BATCH, PART = 224, 64, 2048
"""Pictures are made in parts of 2048, so that 50,000 of them never lie in memory together."""


def pictures(start: int, count: int) -> tm.Dataset:
    """Random pictures with the places ``start`` to ``start + count``."""
    rng = np.random.default_rng(start)
    coarse = rng.integers(0, 256, (count, 14, 14, 3), dtype=np.uint8)
    images = coarse.repeat(SIDE // 14, axis=1).repeat(SIDE // 14, axis=2)
    ids = [f"p{n}" for n in range(start, start + count)]
    return tm.Dataset({"image": images, "place": np.arange(start, start + count), "id": ids})


def main() -> None:
    if not torch.cuda.is_available():
        raise SystemExit("This benchmark needs a CUDA device, and there is none here.")
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    total -= total % 2
    with tempfile.TemporaryDirectory() as folder, Cache("unused", "off") as cache:
        torch.manual_seed(0)
        tm.save_model(Path(folder), ViTModel(ViTConfig()))
        subject = tm.open_subject(folder, device="cuda").load()
        layers = chosen_layers(subject.encoder.layers(), "")
        sample = [Image.fromarray(pixels) for pixels in pictures(0, BATCH).column("image")]
        subject.encoder.embed(sample)
        started = time.perf_counter()
        for _ in range(8):
            subject.encoder.embed(sample)
        each = (time.perf_counter() - started) / (8 * BATCH)
        torch.cuda.reset_peak_memory_stats()
        taken, found = 0.0, None
        for start in range(0, total, PART):
            part = pictures(start, min(PART, total - start))
            started = time.perf_counter()
            summary = summarise(
                unit_summary, subject, part, merge=merge_units, cache=cache, batch_size=BATCH, layers=layers, views=1,
                augmentation="none", sign="relu", seed=0, points=total, permutations=199,
            )  # fmt: skip
            found = summary if found is None else merge_units(found, summary)
            taken += time.perf_counter() - started
        gpu = torch.cuda.max_memory_allocated() / 2**30
        host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{torch.cuda.get_device_name()}: {total} pictures, {len(layers)} layers, {taken:.0f} s, "
            f"{total / taken:.0f} a second, "
            f"ratio to bare passes {taken / (each * total):.2f}, GPU memory {gpu:.1f} GiB, host memory {host:.1f} GiB"
        )


if __name__ == "__main__":
    main()
