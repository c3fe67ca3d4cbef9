"""A copy of a detector, made from its answers alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import numpy as np


class Surrogate(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A detector that was trained on the answers of another one. Calling it scores texts: (B,) float64 in [0, 1].

    Parameters
    ----------
    kind : str
        ``linear`` or ``transformer``.
    queries : int
        Answers of the victim that it was trained on: what it cost.
    labels_only : bool
        Whether it saw the victim's labels only, not its scores.
    asking_seconds, training_seconds : float
        Wall time of asking the victim for these answers, and of training.
    score : callable
        The trained model.
    """

    kind: str
    queries: int
    labels_only: bool
    asking_seconds: float
    training_seconds: float
    score: Callable[[list[str]], Any]

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        import numpy as np

        return np.asarray(self.score(list(texts)), dtype=np.float64) if len(texts) else np.empty(0)


def constant(share: float) -> Callable[[list[str]], Any]:
    """The surrogate of a victim that gave the same label to every text: there was nothing else to learn."""

    def score(texts: list[str]) -> np.ndarray:
        import numpy as np

        return np.full(len(texts), share)

    return score
