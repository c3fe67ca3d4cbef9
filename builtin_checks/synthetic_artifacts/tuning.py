"""An audit that looks inside: made-up inputs and a small network, learnt together, that tell how references were trained.

Wu et al., USENIX Security 2025, tuning-based auditing. Their code leaves dropout on, applies softmax twice and keeps the epoch
that is best on the audited models. Here models are in eval mode, the loss reads logits, and the epoch is chosen on references
that nothing was learnt from; further references, which had no part in any of this, give the ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import pytest_trustml as tm

if TYPE_CHECKING:
    import torch

POSITIONS = 10
EPOCHS = 30
_RATE = 1e-3
_START = 1e-3
_WIDTHS = (128, 32, 2)
_HELD_OUT = 0.2


class Reader(NamedTuple):
    """Soft queries (Q, 10, d), the network that reads posteriors, and the epoch that was kept with its held-out loss."""

    queries: torch.Tensor
    network: Any
    epoch: int
    loss: float


def open_classifier(folder: Path) -> Any:
    """A classifier of transformers for reading only: in eval mode, its weights fixed."""
    import torch
    from transformers import AutoModelForSequenceClassification

    with tm.quiet():
        model = AutoModelForSequenceClassification.from_pretrained(
            str(folder), local_files_only=True, use_safetensors=True, trust_remote_code=False, dtype=torch.float32,
            attn_implementation="eager",
        )  # fmt: skip
    return model.eval().requires_grad_(False)


def posteriors(model: Any, queries: torch.Tensor, columns: Sequence[int]) -> torch.Tensor:
    """What a model says to soft queries: (Q, C), differentiable in them. No special tokens and no mask."""
    return model(inputs_embeds=queries).logits.softmax(-1)[:, list(columns)]


def learn_to_read(
    models: Sequence[Any], columns: Sequence[Sequence[int]], synthetic: Sequence[bool], *, queries: int, seed: int,
    epochs: int = EPOCHS, step: Callable[[int], None] = lambda done: None,
) -> Reader:  # fmt: skip
    """Learn soft queries and a network that tells from a model's posteriors whether it learnt from synthetic data.

    A fifth of the models of each side is held out; the epoch with the smallest loss on them is kept.

    Parameters
    ----------
    models : sequence of K modules
        With the same hidden size. Never changed.
    columns : sequence of K sequences of int
        Columns of each model's classes in one order for all.
    synthetic : sequence of K bool
    queries : int
        Soft queries.

    Raises
    ------
    UsageError
        With fewer than two models of a side, or hidden sizes that differ.
    """
    import torch

    truth = np.array(synthetic, dtype=bool)
    if min(truth.sum(), (~truth).sum()) < 2:
        raise tm.UsageError("A tuning-based audit learns from two references of each side at least. Give more references.")
    sizes = {model.get_input_embeddings().weight.shape[1] for model in models}
    if len(sizes) > 1:
        raise tm.UsageError(f"References have the hidden sizes {sorted(sizes)}. Soft queries fit models of one size alone.")
    rng = np.random.default_rng([seed, 7])
    held = np.concatenate([rng.permutation(np.flatnonzero(truth == side)) [: max(1, round(_HELD_OUT * (truth == side).sum()))]
                           for side in (False, True)])  # fmt: skip
    learnt = np.setdiff1d(np.arange(len(models)), held)
    with tm.own_randomness(seed), torch.enable_grad():
        soft = (torch.randn(queries, POSITIONS, sizes.pop()) * _START).requires_grad_()
        network = _network(queries * len(columns[0]))
        optimizer = torch.optim.Adam([soft, *network.parameters()], lr=_RATE)
        best: tuple[float, int, Any, Any] | None = None
        for epoch in range(epochs):
            for place in rng.permutation(learnt):
                optimizer.zero_grad()
                _loss(network, posteriors(models[place], soft, columns[place]), truth[place]).backward()
                optimizer.step()
                step(1)
            with torch.no_grad():
                loss = float(np.mean([float(_loss(network, posteriors(models[p], soft, columns[p]), truth[p])) for p in held]))
            if best is None or loss < best[0]:
                state = {name: value.clone() for name, value in network.state_dict().items()}
                best = (loss, epoch, soft.detach().clone(), state)
    assert best is not None
    network.load_state_dict(best[3])
    return Reader(best[2], network.requires_grad_(False), best[1], best[0])


def _network(inputs: int) -> Any:
    """Weights N(0, 1 / inputs of the layer), no bias to begin with, ReLU between layers."""
    import torch

    layers: list[Any] = []
    for width in _WIDTHS:
        layer = torch.nn.Linear(inputs, width)
        torch.nn.init.normal_(layer.weight, std=inputs**-0.5)
        torch.nn.init.zeros_(layer.bias)
        layers += [layer, torch.nn.ReLU()]
        inputs = width
    return torch.nn.Sequential(*layers[:-1])


def _loss(network: Any, seen: torch.Tensor, synthetic: bool) -> torch.Tensor:
    """Cross-entropy of logits: softmax is applied once."""
    import torch

    return torch.nn.functional.cross_entropy(network(seen.flatten()[None]), torch.tensor([int(synthetic)]))


def log_odds(reader: Reader, model: Any, columns: Sequence[int]) -> float:
    """How sure the reader is that a model learnt from synthetic data: the difference of its two logits, nat."""
    import torch

    with torch.inference_mode():
        real, synthetic = reader.network(posteriors(model, reader.queries, columns).flatten()[None])[0].tolist()
    return synthetic - real
