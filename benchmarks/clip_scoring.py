"""CLIPMem against the bare forward passes that it needs, and its memory as the number of pairs grows.

Run: python benchmarks/clip_scoring.py. Prints the ratio (target: at most 1.15) and the peak of Python and numpy memory for 512
and 1536 pairs (target: flat but for three numbers per pair; 512 pairs are what is in work at a time).
"""

from __future__ import annotations

import statistics
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

import pytest_trustml as tm
from builtin_checks.clip_memorization.observations import terms
from builtin_checks.clip_memorization.views import image_views
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.observe import observe

PAIRS, VIEWS, ROUNDS, BATCH = 96, 4, 5, 32


def save_model(folder: Path) -> None:
    """A CLIP of middling size with random weights: speed does not depend on what they are."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["<pad>", "<unk>", "<s>", "</s>", *(f"w{n}" for n in range(200))]
    tokens = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    tokens.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=tokens, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>", model_max_length=16
    ).save_pretrained(folder)
    tower = {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 6, "num_attention_heads": 4}
    config = CLIPConfig(
        text_config={**tower, "vocab_size": len(words), "max_position_embeddings": 16, "eos_token_id": 3, "pad_token_id": 0},
        vision_config={**tower, "image_size": 96, "patch_size": 16},
        projection_dim=128,
    )
    torch.manual_seed(0)
    CLIPModel(config).save_pretrained(folder)


def pairs(count: int) -> tm.Dataset:
    """Random pictures with captions of their own."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 96, 96, 3), dtype=np.uint8)
    captions = [" ".join(f"w{n}" for n in rng.integers(0, 200, 8)) for _ in range(count)]
    return tm.Dataset({"image": images, "caption": captions, "id": [f"p{n}" for n in range(count)]})


def bare(subject: tm.Subject, batches: list[tuple[list[Image.Image], list[str]]]) -> float:
    """Seconds of nothing but the forward passes on pictures that are cropped already."""
    started = time.perf_counter()
    for crops, captions in batches:
        subject.pairs.embed_images(crops)
        subject.pairs.embed_texts(captions)
    return time.perf_counter() - started


def ours(subject: tm.Subject, data: tm.Dataset, **changes: int) -> float:
    """Seconds of scoring, from pictures to three numbers per pair, stored."""
    started = time.perf_counter()
    with Cache("unused", "off") as cache:
        observe(terms, subject, data, cache=cache, batch_size=BATCH, **(SETTINGS | changes))
    return time.perf_counter() - started


SETTINGS = {
    "views": VIEWS, "seed": 0, "crop": 0.9, "flip": False, "view_pairing": "cross", "p_bar": [0.0] * 128, "q_bar": [0.0] * 128,
}  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        save_model(Path(folder))
        subject = tm.open_subject(folder, device="cpu").load()
        data = pairs(PAIRS)
        batches = []
        for start in range(0, PAIRS, BATCH):
            part = data.rows(start, start + BATCH)
            pictures = [Image.fromarray(pixels) for pixels in part.column("image")]
            crops = [
                view
                for picture, name in zip(pictures, part.ids, strict=True)
                for view in image_views(picture, name, VIEWS, 96, seed=0, smallest=0.9, flip=False)
            ]
            batches.append((crops, list(part.column("caption"))))
        bare(subject, batches)
        timings = [(bare(subject, batches), ours(subject, data)) for _ in range(ROUNDS)]
        limit, taken = (statistics.median(column) for column in zip(*timings, strict=True))
        print(
            f"CLIPMem, {PAIRS} pairs, {VIEWS} views: bare forward passes {limit:.2f} s, scored {taken:.2f} s, "
            f"ratio {taken / limit:.3f} (<= 1.15)"
        )
        for count in (512, 1536):
            many = pairs(count)
            tracemalloc.start()
            ours(subject, many, views=1)
            peak = tracemalloc.get_traced_memory()[1] / 2**20
            tracemalloc.stop()
            print(f"peak memory beside the model and the data, {count} pairs: {peak:.1f} MiB")


if __name__ == "__main__":
    main()
