"""What an attack achieved on a population of texts, as counts and shares."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pytest_trustml.attacks.text_edits.attacked import Attacked
from pytest_trustml.attacks.text_edits.metrics import levenshtein, meteor, word_modification_rate
from pytest_trustml.errors import DataError


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Mean, median and 95th percentile (linear between neighbours) of ``n`` numbers."""

    n: int
    mean: float
    median: float
    p95: float


class FamilySuccess(msgspec.Struct, frozen=True, kw_only=True):
    """One family of edits: accepted edits, successes that hold at least one of them, and successes that hold nothing else."""

    edits: int
    successes: int
    alone: int


class SuccessTable(msgspec.Struct, frozen=True, kw_only=True):
    """Texts given (N), skipped (K), attackable (A = N - K), successes (W) and failed, and the shares made of them.

    A share of nothing is refused with a DataError: with no attackable text there is no success rate, neither 0 nor 1.
    """

    given: int
    skipped: int
    successes: int
    failed: int
    families: dict[str, FamilySuccess]
    queries: dict[str, Spread]
    """By status; a status that no text has is left out."""

    @property
    def attackable(self) -> int:
        """Texts that the victim detects as they are: A = N - K."""
        return self.given - self.skipped

    @property
    def attack_success_rate(self) -> float:
        """W / A."""
        if not self.attackable:
            raise DataError(
                f"No text was attackable: of {self.given} texts the victim detects none. "
                f"A success rate needs texts that are detected as they are."
            )
        return self.successes / self.attackable

    @property
    def success_of_given(self) -> float:
        """W / N, which some toolkits call the success rate."""
        return self._of_given(self.successes)

    @property
    def total_evasion(self) -> float:
        """(W + K) / N: texts that get past the victim, with or without an attack."""
        return self._of_given(self.successes + self.skipped)

    @property
    def accuracy_under_attack(self) -> float:
        """(A - W) / N."""
        return self._of_given(self.attackable - self.successes)

    def _of_given(self, count: int) -> float:
        if not self.given:
            raise DataError("No text was given, so no share of them can be told.")
        return count / self.given


def success_table(results: Sequence[Attacked], threshold: float | None = None) -> SuccessTable:
    """Counts and shares of an attack's results.

    Parameters
    ----------
    results : sequence of Attacked
    threshold : float or None
        Count as successes only those whose score is below this: with the threshold of the attack minus 0.1, evasions with a
        margin; 0.499 against 0.5 is fragile. The others then count as failed.

    Returns
    -------
    SuccessTable

    Examples
    --------
    >>> from pytest_trustml.attacks.text_edits.attack import attack_texts
    >>> table = success_table(attack_texts(lambda texts: [0.9] * len(texts), ["you stupid muppet and your dull friends"]))
    >>> table.attackable, table.successes, table.attack_success_rate
    (1, 0, 0.0)
    """
    won = [one for one in results if one.status == "success" and (threshold is None or one.after < threshold)]
    skipped = sum(one.status == "skipped" for one in results)
    names = sorted({edit.family for one in results for edit in one.edits})
    families = {
        name: FamilySuccess(
            edits=sum(edit.family == name for one in results for edit in one.edits),
            successes=sum(any(edit.family == name for edit in one.edits) for one in won),
            alone=sum(all(edit.family == name for edit in one.edits) for one in won),
        )
        for name in names
    }
    queries = {
        status: spread([one.queries for one in results if one.status == status])
        for status in ("skipped", "success", "failed")
        if any(one.status == status for one in results)
    }
    return SuccessTable(
        given=len(results), skipped=skipped, successes=len(won), failed=len(results) - skipped - len(won), families=families,
        queries=queries,
    )  # fmt: skip


def edit_sizes(results: Sequence[Attacked]) -> dict[str, Spread]:
    """How far the successful texts are from their originals: ``word_modification_rate``, ``levenshtein``, ``meteor``.

    Over successes only, so say their number beside it: where few attacks succeed these are the easy texts.

    Raises
    ------
    DataError
        If no attack succeeded.
    """
    pairs = [(one.original, one.text) for one in results if one.status == "success"]
    if not pairs:
        raise DataError(f"None of {len(results)} texts was attacked with success, so there are no edits to measure.")
    rulers = (word_modification_rate, levenshtein, meteor)
    return {ruler.__name__: spread([ruler(*pair) for pair in pairs]) for ruler in rulers}


def spread(values: Sequence[float]) -> Spread:
    """Mean, median and 95th percentile.

    >>> spread([1, 2, 3, 10])
    Spread(n=4, mean=4.0, median=2.5, p95=8.95)
    """
    import numpy as np

    numbers = np.asarray(values, np.float64)
    if not numbers.size or not np.isfinite(numbers).all():
        raise DataError(f"A spread needs at least one number, all of them finite; found {numbers.size} numbers.")
    middle, high = np.percentile(numbers, [50, 95])
    return Spread(n=numbers.size, mean=float(numbers.mean()), median=float(middle), p95=round(float(high), 12))
