"""What flows into a model's linear layers while it reads safety data: one pass for all layers, sums instead of tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest_trustml as tm

if TYPE_CHECKING:
    import numpy as np

Text = str | tuple[str, str]
"""A prompt, or a prompt with the answer whose tokens alone count."""


def matching(names: Sequence[str], targets: Sequence[str]) -> list[str]:
    """The layers that a list of targets means, as peft reads it: the whole name or its last parts."""
    found = [name for name in names if any(name == target or name.endswith("." + target) for target in targets)]
    if not found:
        last = sorted({name.rpartition(".")[2] for name in names})
        raise tm.UsageError(f"No linear layer is called {', '.join(targets)}. The model has: {', '.join(last)}.")
    return found


def linear_layers(model: Any) -> dict[str, Any]:
    """All linear layers of a torch model by name."""
    import torch

    return {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}


def input_moments(
    model: Any, tokenizer: Any, texts: Sequence[Text], targets: Sequence[str], batch_size: int = 8
) -> dict[str, tuple[np.ndarray, int]]:
    """K = X X^T of every target layer's inputs, and the number of tokens behind it.

    With (prompt, answer) pairs only the answers' tokens count, with plain prompts all their tokens. The model must be intact:
    no adapter, no changed weight.

    Parameters
    ----------
    model, tokenizer
        A causal language model of transformers and its tokenizer. The chat template is used if there is one.
    texts : sequence of str or of (str, str)
    targets : sequence of str
        Names of linear layers, whole or their last parts, e.g. ``q_proj``.

    Returns
    -------
    dict of layer name to (ndarray of shape (d_in, d_in), float64; int)
    """
    import torch

    if not texts:
        raise tm.DataError("There is no text to record features of. Give at least one prompt, better a hundred.")
    layers = linear_layers(model)
    names = matching(list(layers), targets)
    sums: dict[str, Any] = {}
    counted: list[Any] = [None]
    tokens = 0
    with _recorders({name: layers[name] for name in names}, sums, counted), torch.no_grad(), _evaluating(model):
        for start in range(0, len(texts), batch_size):
            inputs, mask, counted[0] = _batch(tokenizer, texts[start : start + batch_size], model.device)
            tokens += int(counted[0].sum())
            model(input_ids=inputs, attention_mask=mask, use_cache=False)
    if tokens == 0:
        raise tm.DataError("None of the texts has a token that counts: the answers are empty. Give answers, or prompts alone.")
    return {name: (sums[name].cpu().numpy(), tokens) for name in names}


def encode(tokenizer: Any, text: Text) -> tuple[list[int], int]:
    """Token ids of a text, and how many of them come before the part that counts."""
    prompt, answer = (text, None) if isinstance(text, str) else text
    if tokenizer.chat_template:
        rendered = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
        )
        ids = list(tokenizer(rendered, add_special_tokens=False)["input_ids"])
    else:
        ids = list(tokenizer(prompt)["input_ids"])
    if answer is None:
        return ids, 0
    return ids + list(tokenizer(answer, add_special_tokens=False)["input_ids"]), len(ids)


def _batch(tokenizer: Any, texts: Sequence[Text], device: Any) -> tuple[Any, Any, Any]:
    """Ids, attention mask and the mask of the tokens that count, padded on the right."""
    import torch

    encoded = [encode(tokenizer, text) for text in texts]
    width = max(len(ids) for ids, _ in encoded)
    inputs = torch.full((len(encoded), width), tokenizer.pad_token_id or 0, dtype=torch.long)
    mask, counted = torch.zeros_like(inputs), torch.zeros_like(inputs, dtype=torch.bool)
    for row, (ids, before) in enumerate(encoded):
        inputs[row, : len(ids)] = torch.tensor(ids)
        mask[row, : len(ids)] = 1
        counted[row, before : len(ids)] = True
    return inputs.to(device), mask.to(device), counted.to(device)


@contextmanager
def _recorders(layers: dict[str, Any], sums: dict[str, Any], counted: list[Any]) -> Iterator[None]:
    def recorder(name: str) -> Any:
        def record(_module: Any, arguments: tuple[Any, ...]) -> None:
            rows = arguments[0][counted[0]].double()
            sums[name] = rows.T @ rows + sums.get(name, 0.0)

        return record

    handles = [layer.register_forward_pre_hook(recorder(name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
