"""Zero-shot scores of a text from what a language model guesses about its tokens. Arrays in, arrays out.

Notation: tokens t_0 .. t_{L-1}; q scores, r is the reference. For the T scored positions i, l_i = log q(t_{i+1} | t_<=i),
rank_i = 1 + #{v : log q(v) > l_i}, H_i the entropy of q, mu_i and var_i the mean and the variance of log q under r (under q
itself where there is no reference). Logarithms are natural. All scores are turned so that larger means more machine-like.

``sums`` is what `TextModel.score_tokens` returns: sums over the positions of each text, arrays of shape (n,). A score that is
undefined for a text (no scored position, or a division by zero) is NaN there; `why_undefined` says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Sums = Mapping[str, np.ndarray]


def likelihood(sums: Sums) -> np.ndarray:
    """Mean log-likelihood per token, LL = mean_i l_i (nat, <= 0).

    >>> round(float(likelihood({"tokens": np.array([5.0]), "logprob": np.array([-5.702186])})[0]), 6)
    -1.140437
    """
    return _over(sums["logprob"], sums["tokens"])


def perplexity(sums: Sums) -> np.ndarray:
    """Minus the perplexity, -exp(-LL): orders texts as `likelihood` does."""
    with np.errstate(over="ignore"):
        return -np.exp(-likelihood(sums))


def rank(sums: Sums) -> np.ndarray:
    """Minus the mean rank (Gehrmann et al. 2019; DetectGPT's baseline): -mean_i rank_i, heavy-tailed."""
    return -_over(sums["rank"], sums["tokens"])


def log_rank(sums: Sums) -> np.ndarray:
    """Minus the mean log-rank (Mitchell et al. 2023): -mean_i ln rank_i, in [-ln V, 0]."""
    return -_over(sums["log_rank"], sums["tokens"])


def entropy(sums: Sums) -> np.ndarray:
    """Minus the mean entropy of the guesses: -mean_i H_i. MGTBench and others leave out the minus."""
    return -_over(sums["entropy"], sums["tokens"])


def lrr(sums: Sums) -> np.ndarray:
    """Log-likelihood over log-rank (Su et al. 2023, LRR): sum_i |l_i| / sum_i ln rank_i, usually 1.8 to 2.2.

    Undefined where every token is the first guess.
    """
    return _over(-sums["logprob"], sums["log_rank"])


def fast_detect(sums: Sums) -> np.ndarray:
    """Conditional probability curvature (Fast-DetectGPT, equation 7, analytic): (sum l_i - sum mu_i) / sqrt(sum var_i).

    With sums of a reference the guesses are weighed by r, otherwise by q itself, where mu_i = -H_i. It behaves like a z-value
    and grows with the square root of T for machine text: compare texts of about the same length.

    Undefined where the variance is 0.

    >>> own = {"tokens": [5.0], "logprob": [-5.702186], "entropy": [6.818880], "variance": [2.137644]}
    >>> round(float(fast_detect({name: np.array(value) for name, value in own.items()})[0]), 6)
    0.763777
    """
    if "cross_entropy" in sums:
        mean, variance = -sums["cross_entropy"], sums["cross_variance"]
    else:
        mean, variance = -sums["entropy"], sums["variance"]
    return _over(sums["logprob"] - mean, np.sqrt(variance))


def fast_detect_sampled(sums: Sums) -> np.ndarray:
    """The same curvature by sampling (Fast-DetectGPT, equation 6): from the mean and the spread of drawn texts' likelihoods.

    ``sampled_mean`` and ``sampled_deviation`` are those of `sampled_moments`.
    """
    return _over(likelihood(sums) - sums["sampled_mean"], sums["sampled_deviation"])


def binoculars(sums: Sums, compat: str = "shifted") -> np.ndarray:
    """Minus the ratio of perplexity to cross-perplexity (Binoculars, equation 4): -B, with B = -LL / X.

    X = mean_i (- sum_v r_i(v) log q_i(v)); the reference observes, the scorer performs. Published thresholds hold for one
    pair of models in bfloat16 and are not used. Without a reference X is the mean entropy.

    Parameters
    ----------
    compat : {"shifted", "repo"}
        ``shifted`` averages X over the scored positions, as LL is; ``repo``, like the published code, over one more: the
        guess behind the last token.
    """
    if compat not in ("shifted", "repo"):
        raise ValueError(f"compat is {compat!r}. Choose shifted or repo.")
    if compat == "repo":
        cross = _over(sums["cross_entropy"] + sums["last_cross_entropy"], sums["tokens"] + 1)
    else:
        cross = _over(sums["cross_entropy" if "cross_entropy" in sums else "entropy"], sums["tokens"])
    return _over(likelihood(sums), cross)


def gltr_shares(sums: Sums) -> np.ndarray:
    """Shares of tokens whose rank is 1-10, 11-100, 101-1000, above (GLTR, Gehrmann et al. 2019, section 3): (n, 4).

    No score by itself: a logistic regression on the shares makes one.
    """
    edges = np.stack([np.zeros_like(sums["tokens"]), sums["top_10"], sums["top_100"], sums["top_1000"], sums["tokens"]], axis=1)
    return _over(np.diff(edges, axis=1), sums["tokens"][:, None])


def rank_buckets(ranks: Sequence[int]) -> list[int]:
    """How many ranks (from 1) are in 1-10, 11-100, 101-1000 and above.

    >>> rank_buckets([1, 3, 10, 11, 57, 100, 101, 999, 1000, 1001, 25000])
    [3, 3, 3, 2]
    """
    return np.bincount(np.searchsorted([10, 100, 1000], ranks), minlength=4).tolist()


def detect_gpt(likelihood: float, perturbed: Sequence[float], ddof: int = 0) -> tuple[float, float]:
    """DetectGPT's d and z (Mitchell et al. 2023, equation 1): how far a text is likelier than its perturbations.

    Each perturbation costs a forward pass, and a mask-filling model to make it: bring their likelihoods. A spread of 0 counts
    as 1, as in the published code.

    >>> [round(number, 6) for number in detect_gpt(-2.30, [-2.50, -2.42, -2.61, -2.55, -2.47])]
    [0.21, 3.209944]
    """
    d = float(likelihood - np.mean(perturbed))
    spread = float(np.std(perturbed, ddof=ddof))
    return d, d / (spread if spread > 0 else 1.0)


def npr(log_rank: float, perturbed: Sequence[float]) -> float:
    """Normalised perturbed log-rank (Su et al. 2023, NPR): mean log-rank of perturbations over that of the text.

    >>> round(npr(1.10, [1.21, 1.18, 1.30]), 6)
    1.118182
    """
    return float(np.mean(perturbed) / log_rank) if log_rank else float("nan")


def sampled_moments(
    logits: np.ndarray, draws: int, rng: np.random.Generator, reference: np.ndarray | None = None
) -> tuple[float, float]:
    """Mean and standard deviation (ddof 1) of the mean log-likelihood of texts drawn position by position.

    Parameters
    ----------
    logits : array of shape (T, V)
        The scorer's, row i predicts token i.
    draws : int, at least 2
        The published code draws 10,000.
    reference : array of shape (T, V), optional
        Logits of the model that the texts are drawn from; the scorer itself by default.
    """
    scored = _log_softmax(logits)
    drawn = scored if reference is None else _log_softmax(reference)
    totals = np.zeros(draws)
    for guesses, own in zip(drawn, scored, strict=True):
        totals += own[np.searchsorted(np.cumsum(np.exp(guesses))[:-1], rng.random(draws), side="right")]
    means = totals / len(scored)
    return float(means.mean()), float(means.std(ddof=1))


def published_probability(curvature: np.ndarray, human: tuple[float, float], machine: tuple[float, float]) -> np.ndarray:
    """Fast-DetectGPT's published mapping of its curvature to a probability: two normals, the machine's twice as wide.

    For display beside published numbers only. It is NOT monotone: a text that is far on the human side gets a high
    probability too. No threshold and no curve may stand on it.

    Parameters
    ----------
    curvature : array of float
    human, machine : (float, float)
        Mean and standard deviation of human and of machine texts.

    >>> published_probability(np.array([-3.0, 0, 1.9299, 3]), (0.2713, 0.9366), (2.2334, 1.8731)).round(6).tolist()
    [0.818076, 0.203916, 0.703031, 0.969738]
    """
    (mean, spread), (other, wide) = human, machine
    log_odds = ((curvature - mean) / spread) ** 2 / 2 - ((curvature - other) / wide) ** 2 / 2 - np.log(wide / spread)
    return 1 / (1 + np.exp(-log_odds))


def why_undefined(name: str, tokens: float) -> str:
    """In words why a score is NaN for a text with this number of scored positions."""
    if tokens < 1:
        return "no token was scored"
    reasons = {
        "lrr": "every token is the model's first guess, so the log-ranks are 0",
        "fast_detect": "the model's guesses do not vary, so the curvature is 0 / 0",
        "binoculars": "the model is certain of every token, so the cross-entropy is 0",
    }
    return reasons.get(name, "a token was impossible for the model")


def _over(numerator: Any, denominator: Any) -> np.ndarray:
    numerator, denominator = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    return np.divide(numerator, denominator, out=np.full(shape, np.nan), where=np.broadcast_to(denominator != 0, shape))


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.asarray(logits, dtype=float) - np.max(logits, axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
