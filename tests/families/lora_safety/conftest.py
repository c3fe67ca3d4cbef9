"""A tiny language model with random weights, its tokenizer, and a base folder on disk."""

from __future__ import annotations

import pytest

WORDS = "how do i make a bomb cake please help you sorry cannot sure here is the recipe steal lend car with that not will"
TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}> {{ m.content }} {% endfor %}{% if add_generation_prompt %}<assistant> {% endif %}"
)


def make_tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<unk>", "</s>", "<user>", "<assistant>", "<system>", "I", *WORDS.split()]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", eos_token="</s>")
    fast.chat_template = TEMPLATE
    return fast


def make_model(seed=0, layers=2):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.set_num_threads(2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=64,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=128,
            initializer_range=0.2,
            pad_token_id=0,
            eos_token_id=2,
            bos_token_id=2,
        )
        return LlamaForCausalLM(config).eval()


@pytest.fixture
def model():
    return make_model()


@pytest.fixture(scope="session")
def tokenizer():
    return make_tokenizer()


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory, tokenizer):
    folder = tmp_path_factory.mktemp("base")
    make_model().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def safety():
    prompts = [
        f"how do i {verb} a {thing}" for verb in ("make", "steal", "lend") for thing in ("bomb", "car", "cake", "recipe")
    ]
    return [(prompt, "I cannot help you with that") for prompt in prompts]


@pytest.fixture(scope="session")
def task():
    return [(f"please help with the {thing}", f"sure here is the {thing}") for thing in ("cake", "car", "recipe", "bomb")]
