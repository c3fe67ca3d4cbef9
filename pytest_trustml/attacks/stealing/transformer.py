"""A copy that reads: a small BERT trained from nothing on the victim's answers, or a model folder that is trained further."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pytest_trustml.errors import UsageError
from pytest_trustml.subjects.training import one_thread, own_randomness

STEPS, BATCH, LONGEST, VOCABULARY = 300, 32, 128, 4000
_SPECIAL = ["<pad>", "<s>", "</s>"]
_SCORED = 64


def fit_transformer(
    texts: Sequence[str],
    targets: np.ndarray,
    *,
    seed: int,
    model: str | Path | None = None,
    steps: int = STEPS,
    device: str = "cpu",
    step: Callable[[int], Any] = lambda done: None,
) -> Callable[[list[str]], Any]:
    """Train a sequence classifier of two labels on scores, by cross-entropy with the scores as soft labels.

    Parameters
    ----------
    texts : sequence of str, length n
    targets : array of float in [0, 1], shape (n,)
    seed : int
        Weights, dropout and the order of the batches. On a CPU it computes on one thread, so that the same seed gives the same
        model whatever else runs; afterwards torch has its threads and its random numbers back.
    model : path, optional
        A sequence classifier with two labels to start from (safetensors, no foreign code). Without it a BERT of two layers of
        width 64 starts from random weights, with byte pairs learnt from the texts.
    steps : int
        Batches of 32 texts, cut at 128 tokens.

    Returns
    -------
    callable
        A list of texts to (B,) float64 scores.
    """
    import torch

    with one_thread(), own_randomness(seed):
        network, tokenizer = _opened(model, device) if model is not None else _new(texts, device)
        longest = min(LONGEST, network.config.max_position_embeddings)
        rows = tokenizer(list(texts), truncation=True, max_length=longest)["input_ids"]
        network.requires_grad_(True).train()
        rate = 1e-3 if model is None else 5e-5
        optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.1)
        batches = _batches(len(rows), np.random.default_rng(seed))
        for _ in range(steps):
            chosen = next(batches)
            said = _logits(network, tokenizer, [rows[index] for index in chosen])
            wanted = torch.tensor(
                np.stack([1 - targets[chosen], targets[chosen]], axis=1), dtype=said.dtype, device=said.device
            )
            loss = torch.nn.functional.cross_entropy(said, wanted)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step(1)
    network.eval().requires_grad_(False)

    def score(batch: list[str]) -> np.ndarray:
        found = [np.empty(0)]
        with torch.inference_mode():
            for start in range(0, len(batch), _SCORED):
                part = tokenizer(batch[start : start + _SCORED], truncation=True, max_length=longest)["input_ids"]
                found.append(_logits(network, tokenizer, part).double().softmax(-1)[:, 1].cpu().numpy())
        return np.concatenate(found)

    return score


def _new(texts: Sequence[str], device: str) -> tuple[Any, Any]:
    from transformers import BertConfig, BertForSequenceClassification

    tokenizer = _tokenizer(texts)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=LONGEST,
        pad_token_id=0,
        num_labels=2,
    )
    return BertForSequenceClassification(config).to(device), tokenizer


def _tokenizer(texts: Sequence[str]) -> Any:
    """Byte pairs: nothing is unknown to it, whatever an attack writes."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=_SPECIAL, initial_alphabet=sorted(alphabet), min_frequency=2, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>")


def _opened(model: str | Path, device: str) -> tuple[Any, Any]:
    from pytest_trustml.subjects.files import detect
    from pytest_trustml.subjects.from_transformers import TransformersSource

    loaded = TransformersSource(detect(Path(model))).load(device, "float32")
    if getattr(loaded.model.config, "num_labels", None) != 2 or not hasattr(loaded.model, "classifier"):
        raise UsageError(
            f"{model} is a {type(loaded.model).__name__} with {getattr(loaded.model.config, 'num_labels', 'no')} labels. A "
            "surrogate starts from a sequence classifier with two labels: save one with num_labels=2."
        )
    return loaded.model, loaded.tokenizer


def _logits(network: Any, tokenizer: Any, rows: Sequence[Sequence[int]]) -> Any:
    padded = tokenizer.pad({"input_ids": list(rows)}, return_tensors="pt").to(network.device)
    return network(input_ids=padded["input_ids"], attention_mask=padded["attention_mask"]).logits


def _batches(count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Batches in random order, over and over; every text once per round."""
    while True:
        order = rng.permutation(count)
        yield from (order[start : start + BATCH] for start in range(0, count, BATCH))
