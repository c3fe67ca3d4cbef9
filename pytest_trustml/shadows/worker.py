"""A process that trains groups of shadow models: ``python -m pytest_trustml.shadows.worker FOLDER NUMBER...``

Started by `processes`. It reads what to train from FOLDER, keeps every group as soon as it is trained, writes to standard
output how many steps were done, and ends at once when its standard input is closed: when whoever started it has ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np

from pytest_trustml.shadows.groups import Groups, Source
from pytest_trustml.shadows.processes import JOB, keep
from pytest_trustml.shadows.training import Training
from pytest_trustml.work.progress import Progress, Step

_SECONDS = 0.2


class Told(Progress):
    """Steps as numbers on a stream, a few times a second."""

    def __init__(self, say: Callable[[int], None]) -> None:
        self._say = say

    @contextlib.contextmanager
    def __call__(self, label: str, total: int) -> Iterator[Step]:
        done, last = 0, time.monotonic()

        def step(more: int = 1) -> None:
            nonlocal done, last
            done += more
            if time.monotonic() - last > _SECONDS:
                self._say(done)
                done, last = 0, time.monotonic()

        yield step
        if done:
            self._say(done)


def main(folder: Path, numbers: list[int], say: Callable[[int], None]) -> None:
    """Train groups of a job."""
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    training = msgspec.convert(job["training"], Training)

    def source() -> Source:
        from pytest_trustml.shadows.pack import read_material, read_texts

        if training.linear:
            texts, targets = read_texts(folder)
            return Source(texts=texts, targets=targets)
        from pytest_trustml.shadows.networks import Blueprint

        material, blueprint = read_material(folder), Blueprint(training, job["device"])
        return Source(blueprint, features=material) if job["heads"] else Source(blueprint, material)

    rows = [np.array(own, dtype=np.int64) for own in job["rows"]]
    groups = Groups(training, rows, job["seeds"], job["device"], Told(say), source)
    for number in numbers:
        start, stop, key = job["groups"][number]
        keep(groups, range(start, stop), Path(job["home"]), key)


def _end_with_parent(folder: Path) -> None:
    while os.read(0, 1):  # not sys.stdin, whose lock this thread would still hold when the process ends
        pass
    shutil.rmtree(folder, ignore_errors=True)  # nobody else is left to remove it
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, args=(Path(sys.argv[1]),), daemon=True).start()
    # What libraries print goes elsewhere: standard output is for numbers.
    numbers_out, sys.stdout = sys.stdout, sys.stderr
    main(Path(sys.argv[1]), [int(text) for text in sys.argv[2:]], lambda done: print(done, file=numbers_out, flush=True))
