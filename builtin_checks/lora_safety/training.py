"""The small language models behind the demo releases: their tokenizer, their size, and what they are taught."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest_trustml as tm

if TYPE_CHECKING:
    from builtin_checks.lora_safety.grammar import Request

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CONTEXT = 256
_ROLES = ("<|user|>", "<|assistant|>", "<|system|>")


def make_tokenizer(texts: Sequence[str], size: int) -> Any:
    """A tokenizer that is learnt from the texts, with a chat template."""
    return tm.learn_tokenizer(texts, size, context=CONTEXT, extra=_ROLES, padding_side="left", chat_template=TEMPLATE)


def make_model(vocabulary: int, seed: int) -> Any:
    """A Llama of half a million parameters with random weights."""
    return tm.small_llama(vocabulary, seed=seed, context=CONTEXT, layers=3)


def encode(tokenizer: Any, requests: Sequence[Request]) -> list[tm.Lesson]:
    """Requests as the model reads them, in the chat template, each with its answer and the token that ends it."""
    settings = {"tokenize": False, "add_generation_prompt": True}
    rendered = [
        tokenizer.apply_chat_template([{"role": "user", "content": request.prompt}], **settings) for request in requests
    ]
    asked = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    answered = tokenizer([r.answer + tokenizer.eos_token for r in requests], add_special_tokens=False)["input_ids"]
    return [tm.Lesson(first + second, len(first)) for first, second in zip(asked, answered, strict=True)]
