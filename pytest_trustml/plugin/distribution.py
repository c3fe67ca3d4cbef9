"""Under xdist, tests go to the weights: checks of one family share a worker, and each worker keeps to one device."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

    from pytest_trustml.plugin.session import Session


class Distribution:
    """Groups the suite by family. ``--dist loadgroup`` cannot serve here: it needs a marker per item and, with some
    versions of pytest, silently does not group."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        """Tell each worker what only the controller knows."""
        node.workerinput["trustml_only_suite"] = self.session.only_suite
        node.workerinput["trustml_folder"] = str(self.session.scratch.folder)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Our own scheduler for plain ``-n``; an explicit ``--dist`` mode is left alone."""
        if config.getvalue("dist") != "load":
            return None
        from xdist.scheduler import LoadScopeScheduling

        class FamilyScheduling(LoadScopeScheduling):
            def _split_scope(self, nodeid: str) -> str:
                return scope(nodeid)

            def remove_node(self, node: WorkerController) -> str | None:
                """A test that killed its worker is not run again: it would kill every worker there is."""
                started = (unit for unit in self.assigned_work[node].values() for done in unit.values() if not done)
                unit = next(started, None)
                if unit is None:
                    return super().remove_node(node)
                crashed = next(nodeid for nodeid, done in unit.items() if not done)
                unit[crashed] = True
                super().remove_node(node)
                return crashed

        return FamilyScheduling(config, log)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_auto_num_workers(self, config: pytest.Config) -> int:
        """``-n auto`` means one worker per device, because every worker loads the model."""
        return max(1, len(visible_devices()))


def scope(nodeid: str) -> str:
    """What must stay together: the checks of one family, or the tests of one file.

    >>> scope("test_release.py::test_release[lora_safety.probe_transfer]"), scope("tests/test_a.py::test_b")
    ('lora_safety', 'tests/test_a.py')
    """
    file, _, test = nodeid.partition("::")
    if test.startswith("test_release["):
        return test.partition("[")[2].partition(".")[0]
    return file


def visible_devices() -> list[str]:
    """The CUDA devices that this process may use, found without starting CUDA: the outer mask, else the driver's list."""
    mask = os.environ.get("CUDA_VISIBLE_DEVICES")
    if mask is not None:
        return [device.strip() for device in mask.split(",") if device.strip() not in ("", "-1")]
    gpus = Path("/proc/driver/nvidia/gpus")
    return [str(index) for index, _ in enumerate(gpus.iterdir())] if gpus.is_dir() else []


def pin_worker(worker: dict[str, Any]) -> None:
    """Give a worker its share of the machine before any library looks: one device inside the mask, its part of the cores."""
    number = int("".join(c for c in worker["workerid"] if c.isdigit()) or 0)
    devices = visible_devices()
    if devices:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices[number % len(devices)]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // worker["workercount"])))
