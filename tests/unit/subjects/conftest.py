"""Tiny models with random weights and the real architectures, saved once per session."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ m['role'] }} : {{ m['content'] }} {{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}assistant : {% endif %}"
)
WORDS = [
    "the", "cat", "dog", "sat", "on", "a", "mat", "how", "do", "i", "make", "cake", "and", "bomb", "please", "no", "yes",
    "user", "assistant", "system", ":", "be", "kind",
]  # fmt: skip


@pytest.fixture(scope="session")
def torch():
    import torch

    torch.set_num_threads(1)
    return torch


def _tokenizer(*, chat: bool = True, start: bool = True):
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    names = ["<unk>", "<s>", "</s>", "<pad>", *WORDS]
    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(names)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if start:
        inner.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>" if chat else None
    )
    if chat:
        made.chat_template = TEMPLATE
    return made


@pytest.fixture(scope="session")
def make_tokenizer():
    return _tokenizer


def save(model, folder: Path, tokenizer=None) -> Path:
    model.eval().save_pretrained(folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def llama(torch, tmp_path_factory) -> Path:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=3, initializer_range=0.5,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.generation_config.update(do_sample=True, temperature=0.3, top_p=0.5, repetition_penalty=9.0, eos_token_id=2)
    return save(model, tmp_path_factory.mktemp("llama"), _tokenizer())


@pytest.fixture(scope="session")
def gpt2(torch, tmp_path_factory) -> Path:
    """Learned positions, transposed weights, no chat template, no pad token, no start token."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(1)
    config = GPT2Config(vocab_size=32, n_embd=16, n_layer=2, n_head=2, n_positions=32, bos_token_id=1, eos_token_id=2,
                        initializer_range=0.5)  # fmt: skip
    return save(GPT2LMHeadModel(config), tmp_path_factory.mktemp("gpt2"), _tokenizer(chat=False, start=False))


@pytest.fixture(scope="session")
def adapters(torch, llama, gpt2, tmp_path_factory) -> Path:
    """Folders plain, pattern, dora, gpt2: adapters with random factors."""
    import peft
    from transformers import AutoModelForCausalLM

    root = tmp_path_factory.mktemp("adapters")
    settings = {
        "plain": {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "down_proj"]},
        "pattern": {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "down_proj"], "use_rslora": True,
                    "rank_pattern": {"layers.0.self_attn.q_proj": 2}, "alpha_pattern": {"layers.1.mlp.down_proj": 3}},
        "dora": {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj"], "use_dora": True},
        "mica": {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj"], "init_lora_weights": "mica"},
        "gpt2": {"r": 4, "lora_alpha": 8, "target_modules": ["c_attn"], "fan_in_fan_out": True},
    }  # fmt: skip
    for name, values in settings.items():
        torch.manual_seed(2)
        base = AutoModelForCausalLM.from_pretrained(gpt2 if name == "gpt2" else llama)
        model = peft.get_peft_model(base, peft.LoraConfig(task_type="CAUSAL_LM", **values))
        for part, value in model.named_parameters():
            if "lora_A" in part or "lora_B" in part:
                value.data.normal_(0, 0.3)
        model.save_pretrained(root / name)
    return root


@pytest.fixture(scope="session")
def t5(torch, tmp_path_factory) -> Path:
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(3)
    config = T5Config(vocab_size=32, d_model=16, d_ff=24, d_kv=8, num_layers=2, num_heads=2, decoder_start_token_id=3,
                      eos_token_id=2, pad_token_id=3)  # fmt: skip
    return save(T5ForConditionalGeneration(config), tmp_path_factory.mktemp("t5"), _tokenizer())


@pytest.fixture(scope="session")
def bert(torch, tmp_path_factory) -> Path:
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(4)
    config = BertConfig(
        vocab_size=32, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, initializer_range=0.5,
        max_position_embeddings=32, id2label={0: "benign", 1: "hate", 2: "spam"},
    )  # fmt: skip
    return save(BertForSequenceClassification(config), tmp_path_factory.mktemp("bert"), _tokenizer())


@pytest.fixture(scope="session")
def resnet(torch, tmp_path_factory) -> Path:
    from transformers import ResNetConfig, ResNetForImageClassification

    torch.manual_seed(5)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=4)
    return save(ResNetForImageClassification(config), tmp_path_factory.mktemp("resnet"))


@pytest.fixture(scope="session")
def clip(torch, tmp_path_factory) -> Path:
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    torch.manual_seed(6)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "projection_dim": 12}
    config = CLIPConfig(
        text_config={**sizes, "vocab_size": 32, "max_position_embeddings": 12, "eos_token_id": 2, "bos_token_id": 1},
        vision_config={**sizes, "image_size": 16, "patch_size": 8}, projection_dim=12,
    )  # fmt: skip
    folder = save(CLIPModel(config), tmp_path_factory.mktemp("clip"), _tokenizer())
    CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def siglip(torch, tmp_path_factory) -> Path:
    from transformers import SiglipConfig, SiglipModel

    torch.manual_seed(7)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = SiglipConfig(
        text_config={**sizes, "vocab_size": 32, "max_position_embeddings": 12, "projection_size": 16},
        vision_config={**sizes, "image_size": 16, "patch_size": 8},
    )
    return save(SiglipModel(config), tmp_path_factory.mktemp("siglip"), _tokenizer())


@pytest.fixture(scope="session")
def diffusion(torch, tmp_path_factory) -> Path:
    import diffusers
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(8)
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 8), norm_num_groups=4, latent_channels=4, sample_size=16,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(8, 16), norm_num_groups=4, layers_per_block=1, sample_size=8, in_channels=4, out_channels=4,
        cross_attention_dim=16, attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=32, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=12, eos_token_id=2, bos_token_id=1, pad_token_id=3,
    ))  # fmt: skip
    tokenizer = _tokenizer()
    tokenizer.model_max_length = 12
    pipeline = diffusers.StableDiffusionPipeline(
        vae=vae, unet=unet, text_encoder=text, tokenizer=tokenizer, safety_checker=None, feature_extractor=None,
        scheduler=diffusers.EulerAncestralDiscreteScheduler(steps_offset=1), requires_safety_checker=False,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("diffusion")
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def pictures() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)) for _ in range(5)]


@pytest.fixture
def edit_json():
    def edit(file: Path, **values) -> None:
        file.write_text(json.dumps({**json.loads(file.read_text()), **values}))

    return edit
