"""Many searches at once, so that whoever is asked always sees full batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pytest_trustml.attacks.text_edits.search import Steps
from pytest_trustml.errors import SubjectError

Function = Callable[[list[str]], Sequence[Any]]


class _Open:
    """A search under way: what it asked, and the answers that are here already."""

    def __init__(self, number: int, steps: Steps) -> None:
        self.number, self.steps = number, steps
        self.answers: list[Any] = []
        self.missing = 0


Query = tuple[_Open, int, str]


def in_lock_step(searches: Iterable[Steps], *, batch_size: int, window: int) -> Iterator[tuple[int, Any]]:
    """Runs searches side by side and yields (number, result) as they finish.

    All open searches put what they ask into one pool per function. The oldest queries that fill whole batches are sorted by
    length, cut and asked; the rest waits for company, unless nothing else is left to do. At most ``window`` searches are open
    at a time, and a finished one leaves, so memory does not grow with their number.
    """
    waiting = enumerate(searches)
    pools: dict[Function, deque[Query]] = {}
    count = 0
    more = True
    while True:
        while more and count < window:
            entry = next(waiting, None)
            if entry is None:
                more = False
                break
            search = _Open(*entry)
            result = _advanced(search, None, pools)
            if result:
                yield search.number, result[0]
            else:
                count += 1
        if not count:
            return
        ready: list[_Open] = []
        for function, batch in _due(pools, batch_size):
            answers = function([text for _, _, text in batch])
            if len(answers) != len(batch):
                raise SubjectError(f"{len(batch)} texts were sent and {len(answers)} answers came back: one each is right.")
            for (search, place, _), answer in zip(batch, answers, strict=True):
                search.answers[place] = answer
                search.missing -= 1
                if not search.missing:
                    ready.append(search)
        for search in ready:
            result = _advanced(search, search.answers, pools)
            if result:
                count -= 1
                yield search.number, result[0]


def _advanced(search: _Open, answers: list[Any] | None, pools: dict[Function, deque[Query]]) -> tuple[Any] | None:
    """Sends a search its answers and pools what it asks next; its result, alone in a tuple, if it is done."""
    try:
        asked = search.steps.send(answers)
    except StopIteration as stop:
        return (stop.value,)
    search.answers = [None] * len(asked.texts)
    search.missing = len(asked.texts)
    pool = pools.setdefault(asked.function, deque())
    pool.extend((search, place, text) for place, text in enumerate(asked.texts))
    return None


def _due(pools: dict[Function, deque[Query]], batch_size: int) -> list[tuple[Function, list[Query]]]:
    """The batches to ask now, each of texts of about the same length."""
    counts = {function: len(pool) // batch_size * batch_size for function, pool in pools.items()}
    if not any(counts.values()):
        # Nothing is full. The victim joined first and is asked last, when encoders and writers have said all they can.
        function = next(function for function, pool in reversed(pools.items()) if pool)
        counts = {function: len(pools[function])}
    batches = []
    for function, count in counts.items():
        oldest = sorted((pools[function].popleft() for _ in range(count)), key=lambda query: len(query[2]))
        batches += [(function, oldest[start : start + batch_size]) for start in range(0, count, batch_size)]
    return batches
