"""How true a copy is to its victim, and how good it is by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_trustml.attacks.stealing.surrogate import Surrogate
from pytest_trustml.errors import DataError
from pytest_trustml.result.measurement import Measurement
from pytest_trustml.statistics import cohen_kappa, proportion
from pytest_trustml.statistics.samples import occurred

if TYPE_CHECKING:
    import numpy as np


class Fidelity(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A surrogate beside its victim on held-out texts.

    Parameters
    ----------
    agreement : Measurement
        Share of texts to which both give the same label. Skewed labels inflate it: read kappa beside it.
    kappa : Measurement
        Agreement beyond chance; undefined where the victim gives every text the same label.
    accuracy, victim_accuracy : Measurement or None
        Share of gold labels that each of them meets; None without gold labels.
    same : array of bool, shape (n,)
        Where they agree.
    """

    agreement: Measurement
    kappa: Measurement
    accuracy: Measurement | None
    victim_accuracy: Measurement | None
    same: Any


def fidelity(
    surrogate: Sequence[bool],
    victim: Sequence[bool],
    gold: Sequence[bool] | None = None,
    *,
    level: float = 0.95,
) -> Fidelity:
    """Compare the labels of a surrogate and of its victim on texts that neither of them learnt from.

    Parameters
    ----------
    surrogate, victim, gold : arrays of bool or 0/1, shape (n,)
        Whether each text is flagged, or should be.

    Raises
    ------
    DataError
        If they are not of the same length.

    References
    ----------
    Cohen 1960, Educational and Psychological Measurement 20, 37-46. Jagielski et al. 2020, arXiv 1909.01838 (fidelity and
    accuracy of extracted models).

    Examples
    --------
    >>> victim, copy, gold = [1, 1, 0, 1, 0, 0, 1, 0], [1, 0, 0, 1, 0, 1, 1, 0], [1, 1, 0, 1, 1, 0, 1, 0]
    >>> found = fidelity(copy, victim, gold)
    >>> found.agreement.value, found.kappa.value, found.accuracy.value, found.victim_accuracy.value
    (0.75, 0.5, 0.625, 0.875)
    """
    said, asked = occurred(surrogate, "surrogate"), occurred(victim, "victim")
    wanted = None if gold is None else occurred(gold, "gold")
    lengths = {len(said), len(asked), len(asked if wanted is None else wanted)}
    if len(lengths) > 1:
        raise DataError(f"Labels belong together one by one, but there are {' and '.join(map(str, sorted(lengths)))} of them.")

    def share(same: np.ndarray, name: str, higher_is_safer: bool) -> Measurement:
        return proportion(same, name=name, higher_is_safer=higher_is_safer, level=level)

    kappa = cohen_kappa(said.tolist(), asked.tolist(), name="surrogate_kappa", higher_is_safer=False, level=level)
    if len(asked) and len(set(asked.tolist())) == 1:
        why = "the victim gives every text the same label, so that agreement beyond chance cannot be told"
        kappa = kappa.but(value=None, interval=None, undefined=why)
    return Fidelity(
        agreement=share(said == asked, "surrogate_agreement", False),
        kappa=kappa,
        accuracy=None if wanted is None else share(said == wanted, "surrogate_accuracy", False),
        victim_accuracy=None if wanted is None else share(asked == wanted, "victim_accuracy", True),
        same=said == asked,
    )


def learning_curve(
    surrogates: Mapping[int, Surrogate],
    texts: Sequence[str],
    victim: Sequence[bool],
    gold: Sequence[bool] | None = None,
    *,
    threshold: float = 0.5,
    level: float = 0.95,
) -> dict[int, Fidelity]:
    """What each query budget buys: the fidelity of every surrogate on the same held-out texts.

    Parameters
    ----------
    surrogates : dict of int to Surrogate
        What `steal` returned.
    texts : sequence of str, length n
        None of them was asked for stealing.
    victim, gold : arrays of bool or 0/1, shape (n,)
    """
    return {
        budget: fidelity(surrogate(texts) >= threshold, victim, gold, level=level) for budget, surrogate in surrogates.items()
    }
