"""LiRA: is the target as sure of a record as models that were trained on it, or as models that were not?"""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec
import numpy as np

from pytest_trustml.errors import DataError, UsageError, unknown

FEWEST_PER_SAMPLE = 32
"""Models on each side from which on every record has a spread of its own worth estimating."""
_FLOOR = 1e-6
_FEWEST = 2


class Lira(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Scores of records, and what they rest on.

    Parameters
    ----------
    scores : array of float64, shape (N,)
        Higher is more like a member. Online: log-likelihood ratio in nat, IN against OUT. Offline: standard deviations above
        the models that were not trained on the record.
    variance : str
        ``per_sample`` or ``pooled``.
    floored : int
        Spreads that were raised to a millionth of the median spread because the models agreed more than is credible.
    fewest_in, fewest_out : int
        Reference models that were trained on a record, and that were not, where they are fewest.
    """

    scores: Any
    variance: str
    floored: int
    fewest_in: int
    fewest_out: int


def lira(
    target: Any,
    references: Any,
    inside: Any,
    *,
    mode: Literal["online", "offline"] = "online",
    variance: Literal["auto", "per_sample", "pooled"] = "auto",
    center: Literal["mean", "median"] = "mean",
    ddof: int = 0,
) -> Lira:
    """The likelihood ratio attack on every record of a pool.

    Parameters
    ----------
    target : array of float, shape (N,) or (N, V)
        Scaled logits of the model that is judged (`membership_signal`), of one view of each record or of V.
    references : array of float, shape (K, N) or (K, N, V)
        Those of K other models on the same views. The target must not be among them.
    inside : array of bool, shape (K, N)
        Which model was trained on which record.
    mode : {"online", "offline"}
        ``offline`` uses only the models that were not trained on the record. It is one-sided: a target that is unusually unsure
        of a record is no sign of membership.
    variance : {"auto", "per_sample", "pooled"}
        ``pooled`` takes the root mean square of the deviations from each record's own mean over all records, one number for
        each side and view. ``auto`` does so with fewer than 32 models on a side.
    center : {"mean", "median"}
        Of the models' answers to a record. Deviations are always from the mean.
    ddof : int
        0 divides sums of squares by the number of models, 1 by one less per record.

    Raises
    ------
    DataError
        For shapes that do not fit, values that are not finite, a record with fewer than two models on a side that is used, or
        reference models that all answer the same.

    References
    ----------
    Carlini et al. 2022, S&P, arXiv:2112.03570, algorithm 1 and section VI-A. The published code (tensorflow/privacy,
    research/mi_lira_2021) is ``center="median", variance="per_sample"`` online; its offline score is two-sided, and its fixed
    variance includes the differences between records.

    Examples
    --------
    >>> models, inside = [[4], [5], [6], [5.5], [1], [2], [0.5], [1.5]], [[True]] * 4 + [[False]] * 4
    >>> lira([4.2], models, inside, variance="per_sample").scores.round(6).tolist()
    [12.861906]
    >>> lira([4.2], models, inside, variance="per_sample", mode="offline").scores.round(6).tolist()
    [5.27712]
    """
    for word, given, known in (
        ("mode", mode, ("online", "offline")),
        ("variance", variance, ("auto", "per_sample", "pooled")),
        ("center", center, ("mean", "median")),
    ):
        if given not in known:
            raise UsageError(unknown(word, given, known))
    phi, others, mask = _checked(target, references, inside)
    fewest_in, fewest_out = int(mask.sum(0).min()), int((~mask).sum(0).min())
    used = fewest_out if mode == "offline" else min(fewest_in, fewest_out)
    if used < _FEWEST:
        side = "that were not trained on it" if fewest_out < _FEWEST else "that were trained on it"
        raise DataError(
            f"A record has {used} reference models {side}. {mode.capitalize()} LiRA needs {_FEWEST} at least, because one "
            "shows no spread: train more, each on a random half of the records."
        )
    kind = ("per_sample" if used >= FEWEST_PER_SAMPLE else "pooled") if variance == "auto" else variance
    how = {"pooled": kind == "pooled", "center": center, "ddof": ddof}
    out_mean, out_std, floored = _fit(others, ~mask, **how)
    if mode == "offline":
        scores = (phi - out_mean) / out_std
    else:
        in_mean, in_std, more = _fit(others, mask, **how)
        scores, floored = _log_density(phi, in_mean, in_std) - _log_density(phi, out_mean, out_std), floored + more
    return Lira(scores=scores.mean(-1), variance=kind, floored=floored, fewest_in=fewest_in, fewest_out=fewest_out)


def _fit(others: np.ndarray, mask: np.ndarray, *, pooled: bool, center: str, ddof: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Centre (N, V) and spread (N, V) of the chosen models, and how many spreads were raised."""
    chosen, count = mask[..., None], mask.sum(0)[:, None]
    mean = others.sum(0, where=chosen) / count
    squares = np.square(others - mean).sum(0, where=chosen)
    if pooled:
        std = np.broadcast_to(np.sqrt(squares.sum(0) / (count - ddof).sum(0)), mean.shape)
    else:
        std = np.sqrt(squares / (count - ddof))
    typical = float(np.median(std))
    if not typical > 0:
        raise DataError(
            "The reference models all give the same answers, so that nothing tells how unusual an answer is. Train them with "
            "different seeds on different records."
        )
    low = std < _FLOOR * typical
    middle = np.nanmedian(np.where(chosen, others, np.nan), axis=0) if center == "median" else mean
    return middle, np.where(low, _FLOOR * typical, std), int(low.sum())


def _log_density(values: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    return -np.square((values - mean) / std) / 2 - np.log(std) - math.log(2 * math.pi) / 2


def _checked(target: Any, references: Any, inside: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    phi, others, mask = np.asarray(target, np.float64), np.asarray(references, np.float64), np.asarray(inside)
    if phi.ndim == 1:
        phi, others = phi[:, None], others[..., None]
    if phi.ndim != 2 or not phi.size or others.ndim != 3 or others.shape[1:] != phi.shape or mask.shape != others.shape[:2]:
        raise DataError(
            f"The shapes do not fit: target {np.shape(target)}, references {np.shape(references)}, inside {mask.shape}. They "
            "are (N,), (K, N) and (K, N), or (N, V), (K, N, V) and (K, N) with V views."
        )
    if mask.dtype != bool:
        raise DataError(f"inside holds {mask.dtype}. It must be bool: which model was trained on which record.")
    if not (np.isfinite(phi).all() and np.isfinite(others).all()):
        raise DataError("The scaled logits hold NaN or infinite values. Compute them from logits with membership_signal.")
    return phi, others, mask
