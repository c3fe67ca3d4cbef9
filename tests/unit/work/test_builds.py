"""Folders that are built once: whole or not at all, also when two processes want the same one."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pytest

import pytest_trustml as tm
from pytest_trustml.work.builds import built_once


def fill(folder: Path) -> None:
    with (folder.parent / "builds.txt").open("a") as log:
        log.write("built\n")
    time.sleep(0.3)
    (folder / "done.txt").write_text("whole")


def build(home: Path) -> None:
    assert (built_once(home, "demo", ["a", 1], fill) / "done.txt").read_text() == "whole"


def test_two_processes_build_once(tmp_path):
    workers = [multiprocessing.get_context("spawn").Process(target=build, args=(tmp_path,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert (tmp_path / "builds.txt").read_text() == "built\n"


def test_what_breaks_leaves_nothing(tmp_path):
    def breaks(folder: Path) -> None:
        (folder / "half.txt").write_text("half")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        built_once(tmp_path, "demo", ["a"], breaks)
    torn = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert not torn


def test_the_key_decides_and_torn_builds_are_swept(tmp_path):
    one = built_once(tmp_path, "demo", ["a"], fill)
    assert built_once(tmp_path, "demo", ["b"], fill) != one
    (tmp_path / f".{one.name}-killed").mkdir()
    one.rename(tmp_path / "elsewhere")
    assert built_once(tmp_path, "demo", ["a"], fill) == one
    assert not (tmp_path / f".{one.name}-killed").exists()


def test_an_unwritable_folder_is_a_cache_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(tm.TrustmlError, match="TRUSTML_CACHE"):
        built_once(tmp_path / "file" / "home", "demo", ["a"], fill)
