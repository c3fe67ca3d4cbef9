"""How tokens are drawn: temperature, top-k and top-p, and how probable a given token is under them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch

from pytest_trustml.errors import UsageError


class Sampler:
    """Gumbel noise on the scaled logits: the largest sum is an exact sample of the softmax (Gumbel-max trick)."""

    def __init__(self, temperature: float, seed: int, rows: Sequence[Sequence[int]]) -> None:
        self.temperature = temperature
        self.generators = [generator(seed, row) for row in rows]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        noise = [torch.empty(scores.shape[1]).exponential_(generator=one).log_().neg_() for one in self.generators]
        return scores.float() / self.temperature + torch.stack(noise).to(scores.device)


def generator(seed: int, row: Sequence[int]) -> torch.Generator:
    """A generator of its own for every text: what is drawn for it depends on the seed and its tokens alone."""
    words = ",".join(map(str, row))
    digest = hashlib.sha256(f"{seed}\n{words}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def check_sampling(temperature: float, top_k: int, top_p: float) -> None:
    """Refuse settings that no sampler has."""
    if temperature <= 0 or top_k < 0 or not 0 < top_p <= 1:
        raise UsageError(
            f"Sampling at temperature {temperature}, top_k {top_k}, top_p {top_p} cannot be meant: the temperature is above 0, "
            "top_k at least 0 (0 keeps all words) and top_p above 0 up to 1."
        )


def drawn_logprobs(
    logits: torch.Tensor, tokens: torch.Tensor, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
) -> torch.Tensor:
    """Log-probability (nat) that each token is drawn when words beyond top-k and top-p are cut off and the rest renormalised.

    The order is that of the samplers in use: temperature, then the ``top_k`` likeliest words, then of those the fewest whose
    probability reaches ``top_p``. Words as likely as the last one that ``top_k`` keeps are kept as well.

    Parameters
    ----------
    logits : tensor of shape (T, V)
    tokens : tensor of int, shape (T,)

    Returns
    -------
    tensor of float64, shape (T,)
        Minus infinity for a token that cannot be drawn.

    References
    ----------
    Hayes et al. 2024, arXiv 2410.19482 (the factors of p_z).

    Examples
    --------
    >>> logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    >>> round(drawn_logprobs(logits, torch.tensor([1]), top_k=2).exp().item(), 6)
    0.375
    >>> round(drawn_logprobs(logits, torch.tensor([1]), temperature=0.5).exp().item(), 6)
    0.246575
    >>> drawn_logprobs(logits, torch.tensor([3]), top_p=0.9).item()
    -inf
    """
    check_sampling(temperature, top_k, top_p)
    scaled = logits.double() / temperature if logits.device.type != "mps" else logits.cpu().double() / temperature
    tokens = tokens.to(scaled.device)
    if 0 < top_k < scaled.shape[1]:
        least = scaled.topk(top_k, dim=1).values[:, -1:]
        scaled = scaled.masked_fill(scaled < least, -torch.inf)
    if top_p < 1:
        ordered, places = scaled.softmax(1).sort(dim=1, descending=True, stable=True)
        before = ordered.cumsum(1) - ordered
        # A hair of room, so that a sum that should be exactly top_p does not take one more word by rounding.
        cut = torch.zeros_like(before, dtype=torch.bool).scatter(1, places, before >= top_p * (1 - 1e-12))
        scaled = scaled.masked_fill(cut, -torch.inf)
    return scaled.log_softmax(1).gather(1, tokens[:, None])[:, 0]
