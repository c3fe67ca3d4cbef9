"""A workshop for tests of demo releases: it counts the steps that it is told about, and keeps parts where it is told to."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path


class Bench:
    """What a demo is built in. ``steps`` counts by label; a progress bar that does not reach its total is an error."""

    def __init__(self, seed: int = 0, home: Path | None = None) -> None:
        self.seed, self.home = seed, home
        self.steps: Counter[str] = Counter()

    @contextlib.contextmanager
    def progress(self, label, total):
        yield lambda done: self.steps.update({label: done})
        assert self.steps[label] == total

    def part(self, name, build, *key):
        place = self.home / name
        if not place.is_dir():
            place.mkdir(parents=True)
            build(place, self)
        return place
