"""One gradient step of many models at once, and AdamW on their stacked parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.func import functional_call, grad, vmap

from pytest_trustml.shadows.material import FARAWAY

Tree = dict[str, torch.Tensor]
_BETAS = (0.9, 0.999)
_EPSILON = 1e-8
_CLIP = 1.0


class Gradients:
    """Gradients of the loss of G models on G batches.

    ``causal``: no position sees a later one. ``stacked`` runs all of them in one vectorised pass; otherwise one after another,
    which any architecture can do. The numbers are the same up to rounding.
    """

    def __init__(self, skeleton: Any, task: str, kind: str, stacked: bool, causal: bool) -> None:
        self.skeleton, self.task, self.kind, self.stacked, self.causal = skeleton, task, kind, stacked, causal
        self.apart = task == "language" and skeleton.config.is_encoder_decoder  # prompts and texts are read apart
        self._takes = set(inspect.signature(skeleton.forward).parameters)

    def __call__(
        self, trained: Tree, rest: Tree, batch: tuple[torch.Tensor, ...], before: Callable[[int], None] | None = None
    ) -> Tree:
        if self.stacked:
            return vmap(grad(self._loss), in_dims=(0, 0, 0, 0, 0, 0))(trained, rest, *self._flat(batch))
        found: list[Tree] = []
        for model in range(len(batch[2])):
            if before is not None:
                before(model)
            own = {name: value[model].detach().requires_grad_() for name, value in trained.items()}
            other = {name: value[model] for name, value in rest.items()}
            loss = self._loss(own, other, *_without_padding([part[model] for part in self._flat(batch)], self.kind))
            grads = torch.autograd.grad(loss, list(own.values()), allow_unused=True)
            found.append({name: torch.zeros_like(own[name]) if g is None else g for name, g in zip(own, grads, strict=True)})
            for name, value in other.items():  # running statistics of normalisation layers
                rest[name][model] = value.detach()
        return {name: torch.stack([one[name] for one in found]) for name in trained}

    def _flat(self, batch: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """A placeholder where there are no tokens: every part needs the axis of the models."""
        inputs, there, targets, weights = batch
        return inputs, there if there.numel() else weights, targets, weights

    def _loss(self, trained: Tree, rest: Tree, inputs: Any, there: Any, targets: Any, weights: Any) -> Any:
        state = {**trained, **rest}
        if self.kind == "features":
            logits = functional_call(self.skeleton, state, (inputs,))
        else:
            more = {"labels": targets} if self.apart else {}
            logits = functional_call(self.skeleton, state, kwargs=self.arguments(inputs, there) | more).logits
        if self.apart:
            return torch.nn.functional.cross_entropy(logits.transpose(1, 2), targets)
        if self.task == "language":
            return _continuation_loss(logits, inputs, there, targets, weights)
        losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        return (losses * weights).sum() / weights.sum().clamp(min=1)

    def arguments(self, inputs: Any, there: Any) -> dict[str, Any]:
        """What the network is called with."""
        if self.kind == "image":
            return {"pixel_values": inputs}
        found: dict[str, Any] = {"input_ids": inputs, "attention_mask": there.long()}
        if self.stacked:
            # Masks of two axes make the library look at their values, which a vectorised pass cannot; ready-made ones it takes
            # as they are.
            blocked = (1 - there)[..., None, None, :] * FARAWAY
            if self.causal:
                width = inputs.shape[-1]
                ahead = torch.ones(width, width, device=inputs.device).triu(1) * FARAWAY
                blocked = torch.clamp(blocked + ahead, min=FARAWAY)
            found["attention_mask"] = blocked
            if "token_type_ids" in self._takes:
                found["token_type_ids"] = torch.zeros_like(inputs)
            if self.causal and "position_ids" in self._takes:
                found["position_ids"] = torch.arange(inputs.shape[-1], device=inputs.device)[None]
        if "use_cache" in self._takes:
            found["use_cache"] = False
        return found


def _without_padding(parts: Sequence[torch.Tensor], kind: str) -> list[torch.Tensor]:
    """The rows that count, as wide as the longest: what other models' batches added would change dropout and batch norms."""
    inputs, there, targets, weights = parts
    counted = weights > 0
    if kind != "text":
        return [part[counted] for part in (inputs, weights, targets, weights)]
    width = int(there[counted].sum(1).max())
    return [inputs[counted, :width], there[counted, :width], targets[counted], weights[counted]]


def _continuation_loss(logits: Any, ids: Any, there: Any, given: Any, weights: Any) -> Any:
    """Mean cross-entropy of the tokens that follow what is given, over all rows of a batch."""
    places = torch.arange(ids.shape[-1], device=ids.device)
    counted = there * (places[None] >= given[:, None]) * weights[:, None]
    guesses = logits[:, :-1].transpose(1, 2)
    losses = torch.nn.functional.cross_entropy(guesses, ids[:, 1:], reduction="none") * counted[:, 1:]
    return losses.sum() / counted[:, 1:].sum().clamp(min=1)


class AdamW:
    """Decoupled weight decay on stacked parameters; each model has its own step and rate."""

    def __init__(self, trained: Tree, decay: float) -> None:
        self.first = {name: torch.zeros_like(value) for name, value in trained.items()}
        self.second = {name: torch.zeros_like(value) for name, value in trained.items()}
        self.decay = decay
        self.count = 0

    @torch.no_grad()
    def step(self, trained: Tree, grads: Tree, rates: torch.Tensor) -> None:
        """Move every model by its rate, shape (G,); those with rate 0 stay as they are."""
        self.count += 1
        norms = torch.stack([grads[name].flatten(1).norm(dim=1) for name in trained]).norm(dim=0)
        shrink = torch.clamp(_CLIP / (norms + 1e-6), max=1.0)
        for name, value in trained.items():
            shape = (-1, *([1] * (value.ndim - 1)))
            own = grads[name] * shrink.view(shape)
            rate = rates.view(shape)
            self.first[name].mul_(_BETAS[0]).add_(own, alpha=1 - _BETAS[0])
            self.second[name].mul_(_BETAS[1]).addcmul_(own, own, value=1 - _BETAS[1])
            mean = self.first[name] / (1 - _BETAS[0] ** self.count)
            spread = (self.second[name] / (1 - _BETAS[1] ** self.count)).sqrt().add_(_EPSILON)
            value.mul_(1 - rate * self.decay).sub_(rate * mean / spread)


def rate_at(step: int, steps: int, highest: float) -> float:
    """Linear warm-up over a tenth of the steps, then linear decay to zero; 0 after the last step.

    >>> [round(rate_at(step, 20, 1.0), 3) for step in (0, 1, 2, 11, 19, 20)]
    [0.5, 1.0, 1.0, 0.5, 0.056, 0.0]
    """
    if step >= steps:
        return 0.0
    warm = max(1, steps // 10)
    return highest * min((step + 1) / warm, (steps - step) / max(1, steps - warm))
