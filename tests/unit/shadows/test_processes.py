"""Several processes train what one would have trained, to the bit; kept groups survive; nobody is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import pytest_trustml as tm
from pytest_trustml.shadows import processes
from pytest_trustml.shadows.material import Material
from pytest_trustml.shadows.pack import read_material, save_material
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import TerminalProgress
from tests.unit.shadows.conftest import TOPICS, texts

torch = pytest.importorskip("torch")
LABELS = tuple(TOPICS)
DATA = texts(90)
MEMBERS = [np.arange(0, 60), np.arange(30, 90), np.arange(10, 45), np.arange(5, 70)]
SEEDS = [4, 5, 6, 7]
LINEAR = tm.Training(architecture="linear", labels=LABELS)


def made(training, folder, **how):
    how = {"members": MEMBERS, "seeds": SEEDS, "group": 2, "device": "cpu", "cache": Cache(folder), **how}
    return tm.train_shadows(training, how.pop("data", DATA), how.pop("members"), **how)


def files(folder):
    """Everything that was kept but locks, by its place."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock" and "shadows" in path.parts
    }


@pytest.fixture
def quick(bert):
    return tm.Training(start=str(bert), labels=LABELS, epochs=2, batch_size=8, learning_rate=3e-3)


def test_linear_models_of_two_processes_are_those_of_one(tmp_path):
    alone, apart = (made(LINEAR, tmp_path / name, processes=count) for name, count in (("a", 1), ("b", 2)))
    assert alone.fingerprint == apart.fingerprint and files(tmp_path / "a") == files(tmp_path / "b")
    assert np.array_equal(alone.logits(DATA), apart.logits(DATA))


@pytest.mark.slow
def test_networks_of_two_processes_are_those_of_one(quick, tmp_path):
    said = []
    clock = iter(range(0, 10**6, 20))
    progress = TerminalProgress(said.append, clock=lambda: next(clock))
    apart = made(quick, tmp_path / "b", processes=2, progress=progress)
    assert said[0].strip().endswith("in 2 processes.") and "training shadow models in 2 processes" in said[1]
    assert "(100 %)" in said[-1], "every step was told"
    alone = made(quick, tmp_path / "a", processes=1)
    assert alone.how == apart.how == "stacked" and files(tmp_path / "a") == files(tmp_path / "b")
    assert len(files(tmp_path / "a")) == 4


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["heads", "language"])
def test_heads_and_language_models_of_two_processes_are_those_of_one(kind, bert, llama, tmp_path):
    if kind == "heads":
        training = tm.Training(
            start=str(bert), labels=LABELS, pretrained=True, frozen=("bert.*",), epochs=1, learning_rate=5e-3
        )
        data = DATA
    else:
        training = tm.Training(start=str(llama), epochs=1, batch_size=8, learning_rate=5e-3)
        data = tm.Dataset({"prompt": ["we saw"] * 90, "text": [f" {text}" for text in DATA.column("text")]})
    alone, apart = (made(training, tmp_path / str(count), processes=count, data=data) for count in (1, 2))
    assert alone.how == apart.how == {"heads": "heads", "language": "stacked"}[kind]
    assert files(tmp_path / "1") == files(tmp_path / "2")


def test_only_what_is_missing_is_trained_and_told(tmp_path, monkeypatch):
    made(LINEAR, tmp_path, members=MEMBERS[:2], seeds=SEEDS[:2], processes=1)
    asked, said = [], []
    monkeypatch.setattr(
        "pytest_trustml.shadows.train.train_apart", lambda work, parts, home, keys, count: asked.append((list(parts), count))
    )
    made(LINEAR, tmp_path, members=[*MEMBERS, *MEMBERS], seeds=[*SEEDS, 8, 9, 10, 11], processes=2)
    assert asked == [([range(2, 4), range(4, 6), range(6, 8)], 2)]
    made(LINEAR, tmp_path, progress=TerminalProgress(said.append), processes=2)
    assert said == [] and len(asked) == 1


def test_processes_that_fail_are_told_and_their_groups_are_trained_here(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(processes, "JOB", "../no/such/place.json")
    monkeypatch.setattr(processes, "_pack", lambda *anything: None)
    found = made(LINEAR, tmp_path, processes=2, progress=TerminalProgress(said.append))
    assert len(found) == 4 and sum("ended early" in text for text in said) == 2
    assert "FileNotFoundError" in "".join(said), "the reason is named"


@pytest.mark.slow
def test_mistakes_are_those_of_one_process(tmp_path):
    only = [row for row in range(90) if DATA.column("label")[row] == "sea"]
    with pytest.raises(tm.UsageError, match="one class alone"):
        made(LINEAR, tmp_path, members=[*MEMBERS[:3], only], processes=2)
    assert len([path for path in (tmp_path / "shadows").iterdir() if path.name.startswith("group-")]) == 1, (
        "the good one is kept"
    )
    with pytest.raises(tm.UsageError, match="processes -1"):
        made(LINEAR, tmp_path, processes=-1)


SCRIPT = """
import sys
from pathlib import Path
import numpy as np, pytest_trustml as tm
from pytest_trustml.work.cache import Cache
from tests.unit.shadows.conftest import TOPICS, texts
big = tm.Training(start=sys.argv[2], labels=tuple(TOPICS), epochs=int(sys.argv[3]), batch_size=8, learning_rate=3e-3)
tm.train_shadows(big, texts(90), [range(60)] * 6, seeds=range(6), cache=Cache(sys.argv[1]), group=1, device="cpu", processes=2)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL") or not Path("/proc").is_dir(), reason="asks the system who is alive")
def test_a_killed_run_leaves_nobody_behind_and_goes_on(bert, tmp_path):
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), str(bert), "12"]
    environ = {**os.environ, "PYTHONPATH": str(root), "TRUSTML_CACHE": str(tmp_path)}

    def kept():
        home = tmp_path / "shadows"
        return {path for path in home.iterdir() if path.name.startswith("group-")} if home.is_dir() else set()

    process = subprocess.Popen(command, env=environ)
    deadline = time.monotonic() + 120
    while not kept() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    first = {path: path.stat().st_mtime_ns for path in kept()}
    assert 1 <= len(first) < 6
    time.sleep(1.5)
    alive = [place for place in Path("/proc").glob("[0-9]*/environ") if str(tmp_path).encode() in _read(place)]
    assert not alive and len(kept()) <= len(first) + 2
    subprocess.run(command, env=environ, check=True)
    assert len(kept()) == 6 and all(path.stat().st_mtime_ns == when for path, when in first.items())


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_material_is_the_same_after_a_file(tmp_path):
    for rows in ([[5, 6], [], [7]], torch.randn(3, 2, 4)):
        save_material(Material(rows, np.array([2, 0, 1]), 9), tmp_path)
        found = read_material(tmp_path)
        assert found.pad == 9 and found.targets.tolist() == [2, 0, 1] and found.tokens == isinstance(rows, list)
        assert found.rows == rows if found.tokens else torch.equal(found.rows, rows)


def test_cores_are_those_that_a_run_may_use(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert processes.cores() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert processes.cores() >= 1
    assert [processes.worth(5, seconds, linear=False, most=2) for seconds in (10, 49, 60)] == [1, 1, 2]
