"""RMIA: is the target more surprisingly sure of a record than of most records of the population?"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from pytest_trustml.errors import DataError, UsageError, unknown


def rmia(
    target: Any,
    references: Any,
    inside: Any,
    population: Any,
    population_references: Any,
    *,
    gamma: float = 1.0,
    a: float = 0.3,
    mode: Literal["online", "offline"] = "online",
) -> np.ndarray:
    """The robust membership inference attack, which needs few reference models.

    Parameters
    ----------
    target : array of float, shape (N,)
        Log-probabilities that the judged model gives to the true classes: `membership_signal` with ``loss``.
    references : array of float, shape (K, N)
        The same of K reference models. The target must not be among them.
    inside : array of bool, shape (K, N)
        Which reference model was trained on which record.
    population : array of float, shape (M,)
        The judged model's log-probabilities of the true classes of other records, on which no model was trained. The scores are
        multiples of 1 / M: take 1,000 at least for a false positive rate of 0.1 %.
    population_references : array of float, shape (K, M)
    gamma : float above 0
        By what factor a record must exceed one of the population.
    a : float in [0, 1]
        Offline: how p of models that were trained on a record follows from p of those that were not, p_in = a p_out + 1 - a.
    mode : {"online", "offline"}
        ``online`` averages the means of both sides and needs both; ``offline`` uses the models that were not trained on the
        record.

    Returns
    -------
    numpy.ndarray, shape (N,)
        float64 in [0, 1]: the share of the population with
        ``[p(x|target) / p(x)] / [p(z|target) / p(z)] > gamma``. Time grows as (N + M) log M, memory as K (N + M).

    Raises
    ------
    DataError
        For shapes that do not fit, numbers that are no log-probabilities, or records that lack reference models.
    UsageError
        For gamma, a or a mode that cannot be meant.

    References ---------- Zarifzadeh, Liu and Shokri 2024, ICML, arXiv:2312.03262, equations 2, 3 and 10. The means are over
    the models that were really OUT: the published tool (privacytrustlab/ml_privacy_meter) pads with zeros where a record has
    fewer.

    Examples
    --------
    >>> import numpy as np
    >>> models, inside = np.log([[0.5], [0.7], [0.95], [0.85]]), np.array([[False], [False], [True], [True]])
    >>> z, z_models = np.log([0.6, 0.2, 0.9, 0.5]), np.log([[0.5, 0.4, 0.8, 0.5], [0.6, 0.2, 0.9, 0.7]])
    >>> z_models = np.concatenate([z_models, z_models])
    >>> rmia(np.log([0.9]), models, inside, z, z_models, mode="offline", gamma=2.0).tolist()
    [0.25]
    """
    if mode not in ("online", "offline"):
        raise UsageError(unknown("mode", mode, ("online", "offline")))
    if not (gamma > 0 and math.isfinite(gamma)):
        raise UsageError(f"gamma is {gamma}. It is a factor above 0, usually 1.")
    if not 0 <= a <= 1:
        raise UsageError(f"a is {a}. It lies between 0 and 1, usually at 0.3.")
    x, x_models = _checked(target, references, "target", "references")
    z, z_models = _checked(population, population_references, "population", "population_references")
    mask = np.asarray(inside)
    if mask.shape != x_models.shape or mask.dtype != bool:
        raise DataError(f"inside has the shape {mask.shape} and type {mask.dtype}. It must be bool {x_models.shape}.")
    if len(z_models) != len(x_models):
        raise DataError(f"There are {len(x_models)} reference models for the records and {len(z_models)} for the population.")
    out = _log_mean(x_models, ~mask, "that was not trained on it")
    if mode == "online":
        usual = np.logaddexp(_log_mean(x_models, mask, "that was trained on it"), out) - math.log(2)
        z_usual = _log_mean(z_models, np.ones(z_models.shape, dtype=bool), "")
    else:
        usual, z_usual = (_with_in(each, a) for each in (out, _log_mean(z_models, np.ones(z_models.shape, dtype=bool), "")))
    # Sorting the population's ratios once replaces the N x M matrix: LR(x, z) > gamma where z's ratio is below x's / gamma.
    return np.searchsorted(np.sort(z - z_usual), x - usual - math.log(gamma), side="left") / len(z)


def _with_in(log_out: np.ndarray, a: float) -> np.ndarray:
    """log of ((1 + a) p_out + 1 - a) / 2."""
    return np.logaddexp(log_out + math.log((1 + a) / 2), math.log((1 - a) / 2) if a < 1 else -math.inf)


def _log_mean(values: np.ndarray, mask: np.ndarray, which: str) -> np.ndarray:
    """Logarithm of the mean of exp(values) (K, N) over the models in the mask: (N,)."""
    count = mask.sum(0)
    if not count.all():
        raise DataError(
            f"{int((count == 0).sum())} of {len(count)} records have no reference model {which}. Train each on a random half "
            "of the records, in pairs whose halves complete each other."
        )
    top = np.max(values, axis=0, where=mask, initial=-math.inf)
    return top + np.log(np.exp(values - top).sum(0, where=mask) / count)


def _checked(one: Any, many: Any, name: str, names: str) -> tuple[np.ndarray, np.ndarray]:
    values, models = np.asarray(one, np.float64), np.asarray(many, np.float64)
    if values.ndim != 1 or not len(values) or models.ndim != 2 or models.shape[1:] != values.shape or not len(models):
        raise DataError(f"{name} has the shape {values.shape} and {names} {models.shape}. They are (N,) and (K, N).")
    for title, array in ((name, values), (names, models)):
        if not (np.isfinite(array).all() and (array <= 0).all()):
            raise DataError(
                f"{title} holds numbers that are no logarithm of a probability above 0. Compute them from logits with "
                "membership_signal(..., 'loss')."
            )
    return values, models
