"""What a language model's guesses say about a text: a few sums per text from one pass, never the guesses themselves."""

from __future__ import annotations

import torch

from pytest_trustml.errors import SubjectError

SUMS = ("logprob", "rank", "log_rank", "entropy", "variance", "top_10", "top_100", "top_1000")
"""Per position: log q of the token that stands there, its rank from 1, the log of that, the entropy of q, the variance of
log q under q (nat, nat, nat²), and whether the rank is among the first 10, 100 and 1000."""
CROSS_SUMS = ("cross_entropy", "cross_variance")
"""With a reference r: the mean and the variance of -log q under r (nat, nat²)."""
LOWEST = ("min_k", "min_k_plus")
"""With a share k: means over the positions where log q of the token is lowest, and where it is lowest in standard units."""
_FLAT = 1e-12
_CACHED = 2**19
_ON_DEVICE = 2**24


def position_sums(
    logits: torch.Tensor, tokens: torch.Tensor, reference: torch.Tensor | None = None, *, min_k: float = 0.0
) -> dict[str, float]:
    """Sums over the positions of a text of everything in `SUMS`, and in `CROSS_SUMS` with a reference; with ``min_k`` the
    means in `LOWEST`.

    A few rows are in work at a time, as many as a processor's cache holds: each row is then read from memory once for all
    sums. The softmax is taken in float32, sums over positions in float64. Tokens of probability 0 add nothing.

    Parameters
    ----------
    logits : tensor of shape (T, V)
        Row i predicts ``tokens[i]``.
    tokens : tensor of int, shape (T,)
    reference : tensor of shape (T, W), optional
        Logits of a second model of the same tokens. If W is not V, both are cut to the smaller one before the softmax.
    min_k : float in [0, 1]
        The share of the positions, at least one, that `LOWEST` is about; 0 leaves it out. A text without positions has none.

    Raises
    ------
    SubjectError
        If a logit is not a number.

    Examples
    --------
    >>> found = position_sums(torch.tensor([[1.0, 0.5, 2.0, -1.0, 0.0]]), torch.tensor([2]))
    >>> round(found["logprob"], 6), found["rank"], round(found["entropy"], 6)
    (-0.574438, 1.0, 1.206489)
    """
    names = SUMS if reference is None else (*SUMS, *CROSS_SUMS)
    kept = []
    totals = torch.zeros(len(names), dtype=torch.float64)
    if reference is not None:
        width = min(logits.shape[1], reference.shape[1])
        logits, reference = logits[:, :width], reference[:, :width]
    step = max(1, (_CACHED if logits.device.type == "cpu" else _ON_DEVICE) // max(1, logits.shape[1]))
    for start in range(0, len(logits), step):
        guesses = _Guesses(logits[start : start + step])
        columns = guesses.own(tokens[start : start + step])
        if reference is not None:
            columns += guesses.under(_Guesses(reference[start : start + step]))
        stacked = torch.stack(columns).cpu().double()
        totals += stacked.sum(1)
        if min_k:
            kept.append(stacked[[0, 3, 4]])
    if torch.isnan(totals).any():
        raise SubjectError("The model gave logits that are no numbers (NaN). Repair its weights, or load it in float32.")
    return dict(zip(names, totals.tolist(), strict=True)) | (_lowest(torch.cat(kept, 1), min_k) if kept else {})


def _lowest(columns: torch.Tensor, share: float) -> dict[str, float]:
    """Min-K% and Min-K%++ from log q of the tokens, the entropy of q and the variance of log q under q, (3, T).

    Where the guess is flat or certain (no variance) a token is neither likelier nor less likely than expected: 0.
    """
    logprob, entropy, variance = columns
    count = max(1, int(share * len(logprob) * (1 + 1e-12)))
    flat = variance < _FLAT
    standard = torch.where(flat, 0.0, (logprob + entropy) / torch.where(flat, 1.0, variance).sqrt())
    means = [values.sort().values[:count].mean() for values in (logprob, standard)]
    return dict(zip(LOWEST, map(float, means), strict=True))


def sampled_moments(
    logits: torch.Tensor, reference: torch.Tensor | None, draws: int, generator: torch.Generator
) -> dict[str, float]:
    """Mean and standard deviation (over draws, ddof 1) of the mean log q of texts whose every token is drawn anew.

    Token i is drawn from row i of the reference, or of the logits themselves. The generator is one of the CPU, so that every
    device draws alike; rows are drawn one after the other, so that the pieces in which they are read do not matter.
    """
    if reference is not None:
        width = min(logits.shape[1], reference.shape[1])
        logits, reference = logits[:, :width], reference[:, :width]
    totals = torch.zeros(draws, dtype=torch.float64)
    for place in range(len(logits)):
        scored = _Guesses(logits[place : place + 1])
        drawn = scored if reference is None else _Guesses(reference[place : place + 1])
        tokens = torch.multinomial(drawn.weights[0].cpu(), draws, replacement=True, generator=generator)
        totals += (scored.shifted[0] - scored.log_total).cpu()[tokens].double()
    means = totals / max(1, len(logits))
    return {"sampled_mean": float(means.mean()), "sampled_deviation": float(means.std())}


class _Guesses:
    """Some rows of logits, shifted so that the largest is 0, and their weights exp(logit)."""

    def __init__(self, rows: torch.Tensor) -> None:
        self.rows = rows.float()
        self.shifted = self.rows - self.rows.amax(1, keepdim=True)
        self.weights = self.shifted.exp()
        self.total = self.weights.sum(1)
        self.log_total = self.total.log()

    def own(self, tokens: torch.Tensor) -> list[torch.Tensor]:
        """The columns of `SUMS`."""
        chosen = tokens[:, None]
        # Counting in float32 is exact up to 2**24 words, and three times as fast as with truth values.
        above = torch.gt(self.rows, self.rows.gather(1, chosen), out=torch.empty_like(self.shifted))
        rank = above.sum(1) + 1
        mean, variance = self.moments(self)
        among = [rank <= most for most in (10, 100, 1000)]
        columns = [
            self.shifted.gather(1, chosen)[:, 0] - self.log_total,
            rank,
            rank.log(),
            self.log_total - mean,
            variance,
            *among,
        ]
        return [column.float() for column in columns]

    def under(self, reference: _Guesses) -> list[torch.Tensor]:
        """The columns of `CROSS_SUMS`."""
        mean, variance = self.moments(reference)
        return [self.log_total - mean, variance]

    def moments(self, weighing: _Guesses) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and variance of the shifted logits under the probabilities of other guesses."""
        weighted = weighing.weights * self.shifted
        mean, shifted = weighted.sum(1), self.shifted
        if not torch.isfinite(mean).all():  # a logit of minus infinity where the weight is 0: nothing is to be added
            shifted = torch.where(weighing.weights == 0, 0.0, shifted)
            weighted = weighing.weights * shifted
            mean = weighted.sum(1)
        mean = mean / weighing.total
        variance = torch.linalg.vecdot(weighted, shifted) / weighing.total - mean * mean
        return mean, torch.where(torch.isneginf(mean), torch.inf, variance).clamp(min=0)
