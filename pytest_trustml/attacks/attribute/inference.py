"""Attribute inference: a small network that tells a sensitive attribute from a model's embeddings."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_trustml.errors import DataError

if TYPE_CHECKING:
    import numpy as np


class Guesses(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What an attacker says about the attribute of each record.

    Parameters
    ----------
    classes : list of str
        Values of the attribute, sorted.
    probabilities : array of float64, shape (N, classes)
    prior : float
        Share of the most frequent value in what the attacker learnt from: success that needs no model.
    """

    classes: list[str]
    probabilities: Any
    prior: float

    @property
    def said(self) -> list[str]:
        """The likeliest value for each record."""
        return [self.classes[column] for column in self.probabilities.argmax(axis=1)]

    def of(self, truth: Sequence[Any]) -> np.ndarray:
        """Probability that was given to the true value, 0 for one that the attacker never saw: (N,) float64."""
        import numpy as np

        place = {name: column for column, name in enumerate(self.classes)}
        columns = [place.get(str(value), -1) for value in truth]
        return np.array([0.0 if c < 0 else self.probabilities[row, c] for row, c in enumerate(columns)])


def infer_attribute(
    known_embeddings: np.ndarray,
    known_attribute: Sequence[Any],
    embeddings: np.ndarray,
    *,
    seed: int,
    hidden: int = 64,
    most_epochs: int = 200,
) -> Guesses:
    """Guess a sensitive attribute of records from the embeddings that a model gives them.

    Parameters
    ----------
    known_embeddings : array of shape (M, d)
        Of records whose attribute the attacker knows: none of those that are attacked.
    known_attribute : sequence, length M
        Its value for each, at least two different ones.
    embeddings : array of shape (N, d)
        Of the records that are attacked.
    seed : int
    hidden : int
        Units of the one hidden layer.
    most_epochs : int
        Training stops earlier where the loss no longer falls.

    Raises
    ------
    DataError
        With one value of the attribute only, or arrays that do not fit.

    References
    ----------
    Song and Shmatikov 2020, Overlearning Reveals Sensitive Attributes, ICLR, arXiv:1905.11742.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> group = np.repeat(["a", "b"], 40)
    >>> x = rng.normal(size=(80, 4)) + 3 * (group == "b")[:, None]
    >>> guesses = infer_attribute(x[::2], group[::2], x[1::2], seed=0)
    >>> bool(np.mean(np.array(guesses.said) == group[1::2]) > 0.9), guesses.prior
    (True, 0.5)
    """
    import numpy as np
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import StandardScaler

    known, asked = np.asarray(known_embeddings, dtype=np.float64), np.asarray(embeddings, dtype=np.float64)
    names = [str(value) for value in known_attribute]
    values, counts = np.unique(names, return_counts=True)
    if known.ndim != 2 or asked.ndim != 2 or known.shape[1:] != asked.shape[1:] or len(known) != len(names):
        raise DataError(
            f"Embeddings {known.shape} with {len(names)} attributes do not fit embeddings {asked.shape}. Each row needs one "
            "attribute, and both the same number of columns."
        )
    if len(values) < 2:
        raise DataError(
            f"The attribute of the {len(names)} known records has {len(values)} different values. With one value there is "
            "nothing to infer: name another column or give more records."
        )
    scaler = StandardScaler().fit(known)
    network = MLPClassifier(hidden_layer_sizes=(hidden,), max_iter=most_epochs, alpha=1e-3, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # an attacker whose budget is spent attacks all the same
        network.fit(scaler.transform(known), names)
    return Guesses(
        classes=[str(value) for value in network.classes_],
        probabilities=network.predict_proba(scaler.transform(asked)),
        prior=float(counts.max() / counts.sum()),
    )
