"""A run that is killed goes on where it was; two runs share one pass."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9")
ROOT = Path(__file__).parents[3]

SLOW = """
import time
LOG = {log!r}

class Model:
    id, dtype, device_class, cacheable, fingerprint = "slow", "float32", "cpu", True, "abc"

def ask(subject, batch):
    with open(LOG, "a") as log:
        log.write("".join(text + "\\n" for text in batch.column("text")))
    time.sleep(0.05)
    return [text + "!" for text in batch.column("text")]
"""
RUN = """
import sys
import slow_asks
from pytest_trustml.data import Dataset
from pytest_trustml.work import observe as room
from pytest_trustml.work.cache import Cache
room.PART_SIZE = 5
rows = [f"{number:03}" for number in range(60)]
answers = room.observe(slow_asks.ask, slow_asks.Model(), Dataset({"text": rows}), cache=Cache(sys.argv[1]), batch_size=5)
assert answers == [row + "!" for row in rows]
"""


def start(folder: Path) -> subprocess.Popen:
    (folder / "slow_asks.py").write_text(SLOW.format(log=str(folder / "log")))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}
    return subprocess.Popen([sys.executable, "-c", RUN, str(folder / "cache")], env=environment)


def asked(folder: Path) -> list[str]:
    return (folder / "log").read_text().split() if (folder / "log").exists() else []


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path):
    process = start(tmp_path)
    while len(asked(tmp_path)) < 20 and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    before = len(asked(tmp_path))
    assert 20 <= before < 60
    assert start(tmp_path).wait(timeout=120) == 0
    # At most the part in flight is asked again.
    assert len(set(asked(tmp_path))) == 60
    assert len(asked(tmp_path)) <= 65


def test_two_runs_at_once_share_one_pass(tmp_path: Path):
    runs = [start(tmp_path), start(tmp_path)]
    assert [run.wait(timeout=120) for run in runs] == [0, 0]
    assert sorted(asked(tmp_path)) == [f"{number:03}" for number in range(60)]
