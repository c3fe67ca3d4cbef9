"""Attack the copy as often as you like, then ask the victim once per text: how often does it fall for the same text?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_trustml.attacks.stealing.surrogate import Surrogate
from pytest_trustml.attacks.stealing.victim import Victim, checked_texts
from pytest_trustml.attacks.text_edits.attacked import Attacked
from pytest_trustml.errors import UsageError
from pytest_trustml.result.measurement import Measurement
from pytest_trustml.statistics import proportion
from pytest_trustml.work.progress import Progress

if TYPE_CHECKING:
    import numpy as np


class Transfer(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A campaign against a victim by way of its copy.

    Parameters
    ----------
    detected : array of bool, shape (n,)
        Texts that the victim detects as they are. Only those can be said to evade it; the others are left alone.
    evaded : array of bool, shape (n,)
        Texts whose attacked version the victim misses; False where it was not detected in the first place.
    attacked : list of Attacked
        What became of the detected texts under the attack on the copy, in order.
    queries : int
        Texts that the victim was asked by the attacker: one per detected text. Finding out which texts it detects
        is the judge's work and counts in ``judging_queries``.
    attack_seconds, asking_seconds : float
        Wall time of the attack on the copy, and of these questions to the victim.
    """

    detected: Any
    evaded: Any
    attacked: list[Attacked]
    queries: int
    judging_queries: int
    attack_seconds: float
    asking_seconds: float
    surrogate: Surrogate

    @property
    def positions(self) -> list[int]:
        """Rows of the detected texts: ``dataset.take(positions)`` are those that `rate` is over."""
        return [row for row, detected in enumerate(self.detected.tolist()) if detected]

    @property
    def events(self) -> np.ndarray:
        """For each detected text whether its attacked version evades the victim."""
        return self.evaded[self.detected]

    def rate(self, *, only_successes: bool = False, name: str = "transfer_rate", level: float = 0.95) -> Measurement:
        """Share of the detected texts whose version that was made on the copy evades the victim.

        With ``only_successes`` a version counts only if it evades the copy as well: what stealing itself is good for, without
        the texts that evade because many of their words were edited on the way to a failure.
        """
        success = [one.status == "success" for one in self.attacked]
        events = [evades and (ok or not only_successes) for evades, ok in zip(self.events.tolist(), success, strict=True)]
        return proportion(events, name=name, higher_is_safer=False, level=level)

    def surrogate_rate(self, *, name: str = "surrogate_attack_rate", level: float = 0.95) -> Measurement:
        """Share of the texts that the copy detects, of those that the victim detects, with which the attack on it succeeds."""
        reached = [one.status == "success" for one in self.attacked if one.status != "skipped"]
        return proportion(reached, name=name, higher_is_safer=False, level=level)


def transfer_attack(
    surrogate: Surrogate,
    predict: Callable[[list[str]], Any],
    texts: Sequence[str],
    *,
    attack: Callable[..., list[Attacked]] | None = None,
    threshold: float = 0.5,
    batch_size: int = 256,
    progress: Any = None,
    **settings: Any,
) -> Transfer:
    """Edit texts until the copy misses them, then show each once to the victim.

    Parameters
    ----------
    surrogate : Surrogate
    predict : callable
        The victim: a list of texts to scores (B,) in [0, 1] of the class to be evaded, or bool.
    texts : sequence of str
        Texts of that class, none of which was asked for stealing.
    attack : callable, optional
        ``attack(predict, texts, threshold=, progress=, **settings)`` as `attack_texts`, which it is by default.
    threshold : float
        Of both: a text is detected if its score is at least this.
    settings
        For the attack, e.g. ``max_queries``, ``seed``. What it asks is asked of the copy and costs the victim nothing.
    progress : callable, optional
        As ``trust.progress``.

    Returns
    -------
    Transfer

    Notes
    -----
    Texts that the copy misses to begin with are sent as they are, and those on which the attack failed as far as it came: an
    attacker sends something for every text. With a perfect copy the rate is the success rate on the copy.
    """
    listed = checked_texts(texts, "texts")
    if attack is None:
        from pytest_trustml.attacks.text_edits.attack import attack_texts as attack
    shown, judge, victim = progress or Progress(), Victim(predict, batch_size), Victim(predict, batch_size)
    detected = judge.scores(listed) >= threshold
    chosen = [text for text, flagged in zip(listed, detected.tolist(), strict=True) if flagged]
    started = time.perf_counter()
    attacked: list[Attacked] = []
    if chosen:
        with shown("attacking the surrogate", len(chosen)) as step:
            attacked = attack(surrogate, chosen, threshold=threshold, progress=step, **settings)
    seconds = time.perf_counter() - started
    if [one.original for one in attacked] != chosen:
        raise UsageError(
            f"The attack returned {len(attacked)} results for {len(chosen)} texts, or others. One per text, in order."
        )
    evaded = detected.copy()
    with shown("asking the victim", len(chosen)) as step:
        evaded[detected] = victim.scores([one.text for one in attacked], step) < threshold
    return Transfer(
        detected=detected,
        evaded=evaded,
        attacked=attacked,
        queries=victim.queries,
        judging_queries=judge.queries,
        attack_seconds=seconds,
        asking_seconds=victim.seconds,
        surrogate=surrogate,
    )
