"""Several real processes at one cache: at the same time, and killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_trustml.work.cache import Cache

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9 and flock")
KEY = "ab" * 32
ROOT = Path(__file__).parents[3]

START = """
import os, sys, time
import numpy as np
from pathlib import Path
from pytest_trustml.work.cache import Cache
folder, name = Path(sys.argv[1]), sys.argv[2]
KEY = "ab" * 32
cache = Cache(folder / "cache")
"""

RACE = """
import safetensors.numpy, filelock
(folder / f"{name}.ready").touch()
while not (folder / "go").exists():
    time.sleep(0.002)
for turn in range(30):
    value = np.full(5000 + int(name), int(name))
    cache.put(KEY, value)
    found = cache.get(KEY)
    assert found is not None, "a reader saw no whole result"
    assert len(found) == 5000 + found[0] and (found == found[0]).all(), "two results were mixed"
"""

ONCE = """
(folder / f"{name}.ready").touch()
while not (folder / "go").exists():
    time.sleep(0.002)
if cache.get(KEY) is None:
    with cache.lock(KEY):
        if cache.get(KEY) is None:
            with open(folder / "computed", "a") as log:
                log.write(name + "\\n")
            time.sleep(0.2)
            cache.put(KEY, [name])
print(cache.get(KEY)[0])
"""

WRITER = """
turn = 0
print("writing", flush=True)
while True:
    turn += 1
    with cache.lock(KEY):
        cache.put(KEY, np.full(200_000 + turn, turn))
"""

HOLDER = """
with cache.lock(KEY):
    print("holding", flush=True)
    time.sleep(600)
"""


def start(folder: Path, code: str, name: int = 0) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", START + code, str(folder), str(name)], stdout=subprocess.PIPE, text=True, env=environment
    )


def together(folder: Path, code: str, count: int) -> list[str]:
    """Run the code in several processes that begin at the same moment; their output."""
    processes = [start(folder, code, name) for name in range(1, count + 1)]
    while not all(
        (folder / f"{name}.ready").exists() or processes[name - 1].poll() is not None for name in range(1, count + 1)
    ):
        time.sleep(0.01)
    (folder / "go").touch()
    outputs = [process.communicate(timeout=120)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * count
    return outputs


def test_readers_see_whole_results_only(tmp_path: Path):
    together(tmp_path, RACE, 4)
    assert not list((tmp_path / "cache" / "unfinished").iterdir())


def test_one_computes_and_the_others_wait(tmp_path: Path):
    outputs = together(tmp_path, ONCE, 4)
    winners = (tmp_path / "computed").read_text().split()
    assert len(winners) == 1
    assert outputs == winners * 4


def test_killed_writers_never_leave_half_a_result(tmp_path: Path):
    cache = Cache(tmp_path / "cache")
    seen = 0
    for turn in range(8):
        process = start(tmp_path, WRITER)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.2 + 0.013 * turn)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        # The lock died with its holder, and what is stored is whole or absent.
        with cache.lock(KEY):
            found = cache.get(KEY)
            if not isinstance(found, list):
                assert found is None or (len(found) == 200_000 + found[0] and (found == found[0]).all())
                seen += found is not None
            cache.put(KEY, ["ours"])
        assert cache.get(KEY) == ["ours"]
    assert seen
    assert len(list((tmp_path / "cache" / "ab").iterdir())) == 1


def test_a_lock_ends_with_the_process_that_holds_it(tmp_path: Path):
    process = start(tmp_path, HOLDER)
    assert process.stdout is not None
    assert process.stdout.readline() == "holding\n"
    waiter = start(tmp_path, "with cache.lock(KEY): print('free')")
    with pytest.raises(subprocess.TimeoutExpired):
        waiter.communicate(timeout=1)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert waiter.communicate(timeout=60)[0] == "free\n"
