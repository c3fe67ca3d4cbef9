"""What training will cost, said before it begins."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from pytest_trustml.shadows.training import Training, steps_of


def in_words(training: Training, sizes: Sequence[int], seconds: float, *, processes: int = 1) -> str:
    """One line: how many models on how many rows, and about how long.

    >>> in_words(Training(labels=("a", "b"), architecture="linear"), [100, 120], 42.0, processes=2)
    '2 models on 100 to 120 rows each, about 42 s in 2 processes'
    """
    rows = f"{min(sizes)}" if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"
    words = f"{len(sizes)} models on {rows} rows each"
    if not training.linear:
        steps = sum(steps_of(training, n) for n in sizes)
        words += f", {training.epochs} epochs in batches of {training.batch_size}: {steps} steps"
    return f"{words}, about {spoken(seconds)}" + (f" in {processes} processes" if processes > 1 else "")


def spoken(seconds: float) -> str:
    """A duration as people say it.

    >>> [spoken(value) for value in (0.4, 42.0, 200.0, 9000.0)]
    ['1 s', '42 s', '3 min', '2.5 h']
    """
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def timed(once: Callable[[], object]) -> float:
    """Seconds of the second of two calls: the first one pays for what is loaded and allocated."""
    once()
    started = time.perf_counter()
    once()
    return time.perf_counter() - started
