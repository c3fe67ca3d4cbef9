"""Hypothesis under a profile of our own: the user's profile, database and terminal are left alone."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypothesis import Phase
    from hypothesis.strategies import SearchStrategy


def run(
    strategy: SearchStrategy[Any], judge: Callable[[Any], None], seed: int, max_examples: int, phases: Collection[Phase]
) -> None:
    """Hand values of a strategy to ``judge`` one by one, the same ones for the same seed, and print nothing.

    Every setting is given, so that no profile of the user reaches in; none is registered or loaded, so that ours does not
    reach out. Nothing is read from or written to a database of examples.

    Raises
    ------
    Exception
        What ``judge`` raised for the smallest value for which it raises.
    """
    import hypothesis
    from hypothesis import HealthCheck, Verbosity

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=max_examples,
        phases=phases,
        derandomize=False,  # the seed is given
        database=None,
        deadline=None,
        verbosity=Verbosity.quiet,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        backend="hypothesis",
    )
    @hypothesis.given(strategy)
    def search(value: Any) -> None:
        judge(value)

    search()
