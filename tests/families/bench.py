"""What tests of families share: a workshop for demo releases that counts its steps, and modules by their bare names."""

from __future__ import annotations

import contextlib
import importlib
import sys
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


@contextlib.contextmanager
def beside(folder, name):
    """The module of a file in a test folder, importable by the bare name that specs such as ``py:towers:blind`` use."""
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))
