"""GPT-2 of the published size (124 M parameters, V = 50257) with random weights: speed does not depend on what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

VOCABULARY = 50257


def save_model(folder: Path) -> None:
    """The model and a tokenizer of as many words: ``w7`` is token 7."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {"<unknown>": 0, "<end>": 1} | {f"w{n}": n for n in range(2, VOCABULARY)}
    tokens = Tokenizer(models.WordLevel(words, unk_token="<unknown>"))
    tokens.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"unk_token": "<unknown>", "eos_token": "<end>", "pad_token": "<end>"}
    PreTrainedTokenizerFast(tokenizer_object=tokens, **special).save_pretrained(folder)
    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config(bos_token_id=1, eos_token_id=1)).save_pretrained(folder)


def random_texts(count: int, tokens: int, seed: int = 0) -> list[str]:
    """Texts of so many tokens, none of them special."""
    rng = np.random.default_rng(seed)
    return [" ".join(f"w{n}" for n in rng.integers(2, VOCABULARY, tokens)) for _ in range(count)]
