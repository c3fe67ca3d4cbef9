"""Answers of both arms of an adapter against two bare generations with transformers and peft.

Run: python benchmarks/paired_generation.py. Prints the ratio (target: at most 1.10).
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import peft
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import pytest_trustml as tm
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.observe import observe

PROMPTS, TOKENS, ROUNDS, BATCH = 64, 32, 3, 32
TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}> {{ m.content }} {% endfor %}{% if add_generation_prompt %}<assistant> {% endif %}"
)


def save_models(base: Path, adapter: Path) -> None:
    """A Llama of middling size and a LoRA on it, both with random weights."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["<pad>", "<unk>", "</s>", "<user>", "<assistant>", *(f"w{n}" for n in range(995))]
    tokens = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    tokens.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokens, pad_token="<pad>", unk_token="<unk>", eos_token="</s>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(base)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=1000, hidden_size=512, intermediate_size=1536, num_hidden_layers=8, num_attention_heads=8,
        max_position_embeddings=256, pad_token_id=0, eos_token_id=2, bos_token_id=None,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.save_pretrained(base)
    lora = peft.LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"], init_lora_weights="gaussian")
    peft.get_peft_model(model, lora).save_pretrained(adapter)


def bare(base: Path, adapter: Path, prompts: list[str]):
    """A function that generates with both arms and nothing else, on models that are loaded already."""
    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
    texts = [
        tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True)
        for prompt in prompts
    ]
    texts.sort(key=len, reverse=True)
    model = peft.PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), adapter).eval()

    def run() -> None:
        for arm in (model.disable_adapter, _nothing):
            with torch.inference_mode(), arm():
                for start in range(0, len(texts), BATCH):
                    batch = texts[start : start + BATCH]
                    inputs = tokenizer(batch, return_tensors="pt", padding=True, add_special_tokens=False)
                    inputs.pop("token_type_ids", None)
                    ids = model.generate(**inputs, max_new_tokens=TOKENS, do_sample=False)
                    tokenizer.batch_decode(ids, skip_special_tokens=True)

    return run


def _nothing():
    from contextlib import nullcontext

    return nullcontext()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        base, adapter = Path(folder, "base"), Path(folder, "adapter")
        save_models(base, adapter)
        prompts = [" ".join(f"w{(7 * n + k) % 995}" for k in range(5 + n % 20)) for n in range(PROMPTS)]
        data = tm.Dataset({"prompt": prompts})
        subject = tm.open_subject(str(adapter), base=str(base), device="cpu").load()
        generate_bare = bare(base, adapter, prompts)

        def generate_ours() -> None:
            with Cache("unused", "off") as cache:
                for arm in (subject.adapter.base, subject):
                    observe(tm.generate, arm, data, cache=cache, batch_size=BATCH, max_new_tokens=TOKENS)

        timings = []
        for run in (generate_bare, generate_ours):
            run()
        for _ in range(ROUNDS):
            seconds = []
            for run in (generate_bare, generate_ours):
                started = time.perf_counter()
                run()
                seconds.append(time.perf_counter() - started)
            timings.append(seconds)
        limit, taken = (statistics.median(column) for column in zip(*timings, strict=True))
        print(
            f"{PROMPTS} prompts, {TOKENS} tokens, both arms: bare {limit:.2f} s, observed {taken:.2f} s, "
            f"ratio {taken / limit:.3f} (<= 1.10)"
        )


if __name__ == "__main__":
    main()
