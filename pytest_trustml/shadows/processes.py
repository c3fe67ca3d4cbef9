"""Groups of shadow models in several processes: small models keep one core busy each, so every core gets one process."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pytest_trustml.result.plain import line
from pytest_trustml.shadows.groups import Groups
from pytest_trustml.work.builds import built_once
from pytest_trustml.work.folders import made

WORTH = {True: 8.0, False: 20.0}
"""Seconds that must be saved, of linear models and of networks: a process has libraries to load before it begins."""
JOB = "job.json"
LABEL = "group"
_PACKAGE = Path(__file__).parents[2]


def cores() -> int:
    """Cores that this process may use: those it is bound to, fewer where ``OMP_NUM_THREADS`` says so.

    >>> cores() >= 1
    True
    """
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(here, max(1, int(asked))) if asked.isdigit() else here


def worth(groups: int, seconds: float, *, linear: bool, most: int) -> int:
    """In how many processes so many groups are trained, if one process takes so many seconds for all.

    >>> worth(4, 90.0, linear=False, most=2), worth(4, 30.0, linear=False, most=2), worth(1, 900.0, linear=False, most=8)
    (2, 1, 1)
    """
    count = min(most, groups)
    rounds = -(-groups // count)
    saved = seconds * (1 - rounds / groups)
    return count if saved > WORTH[linear] else 1


def train_apart(groups: Groups, parts: Sequence[range], home: Path, keys: Sequence[Sequence[str]], count: int) -> None:
    """Train groups in ``count`` processes; each keeps a group as soon as it is done.

    Parameters
    ----------
    parts : sequence of range
        The models of each group.
    keys : sequence of sequences of str
        What each group is kept by.

    Notes
    -----
    A process that ends early is told, and its groups are left to the caller. All processes end with this one, also if it is
    killed.
    """
    with tempfile.TemporaryDirectory(prefix="trustml-shadows-", ignore_cleanup_errors=True) as folder:
        _pack(groups, parts, made(home), keys, Path(folder))
        said: queue.Queue[int | None] = queue.Queue()
        with contextlib.ExitStack() as crew:
            workers = [crew.enter_context(_Worker(Path(folder), list(range(len(parts)))[n::count], said)) for n in range(count)]
            total, left = sum(groups.steps(part) for part in parts), count
            with groups.progress(f"training shadow models in {count} processes", total) as step:
                while left:
                    done = said.get()
                    if done is None:
                        left -= 1
                    else:
                        step(done)
            for worker in workers:
                if (why := worker.failure()) is not None:
                    groups.progress.note(f"A process that trained shadow models ended early; this one goes on. {line(why)}")


def _pack(groups: Groups, parts: Sequence[range], home: Path, keys: Sequence[Sequence[str]], folder: Path) -> None:
    from pytest_trustml.shadows.pack import save_material, save_texts

    source = groups.source
    if source.texts is not None and source.targets is not None:
        save_texts(source.texts, source.targets, folder)
    else:
        save_material(source.material if source.features is None else source.features, folder)
    job = {
        "training": msgspec.to_builtins(groups.training), "device": groups.device, "seeds": list(groups.seeds),
        "rows": [own.tolist() for own in groups.rows], "heads": source.features is not None, "home": str(home.absolute()),
        "groups": [[part.start, part.stop, list(own)] for part, own in zip(parts, keys, strict=True)],
    }  # fmt: skip
    (folder / JOB).write_text(json.dumps(job), encoding="utf-8")


class _Worker:
    """A process that trains some groups. It is stopped if nobody waits for it any more."""

    def __init__(self, folder: Path, numbers: Sequence[int], said: queue.Queue[int | None]) -> None:
        environ = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        environ["PYTHONPATH"] = os.pathsep.join(part for part in (str(_PACKAGE), environ.get("PYTHONPATH", "")) if part)
        self._errors = tempfile.TemporaryFile()
        command = [sys.executable, "-m", "pytest_trustml.shadows.worker", str(folder), *map(str, numbers)]
        self._process = subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
        )  # its standard input stays open as long as this process lives
        self._reader = threading.Thread(target=self._listen, args=(said,), daemon=True)

    def __enter__(self) -> _Worker:
        self._reader.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()  # has ended, or shall end
        self._reader.join()
        self._process.__exit__(None, None, None)
        self._errors.close()

    def _listen(self, said: queue.Queue[int | None]) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            if text.strip().isdigit():
                said.put(int(text))
        said.put(None)

    def failure(self) -> str | None:
        """The last thing that a process said which did not do all of its work."""
        code = self._process.wait()
        if code == 0:
            return None
        self._errors.seek(0)
        last = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return f"It ended with {code}" + (f": {last[-1]}" if last else ".")


def keep(groups: Groups, part: range, home: Path, key: Sequence[str]) -> Path:
    """The folder of a group, trained now if nobody has trained it."""
    return built_once(home, LABEL, key, lambda folder: groups.train(folder, part))
