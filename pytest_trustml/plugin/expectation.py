"""Which tests are about a model, and which of those never reported: absence is an error, never silence."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from pytest_trustml.reports.storage import write

SUITE = "test_release.py::test_release["
CRASH = "its process ended while it ran"
SILENCE = "it did not report: its process ended before it did, or the session was stopped"
_UNTOLD = "; no process was left to tell whether it is about a model"


def about_model(item: pytest.Item) -> bool:
    """Whether a test asks for one of our fixtures or has our marker."""
    return item.get_closest_marker("trustml") is not None or any(
        name.startswith("trustml") for name in getattr(item, "fixturenames", ())
    )


class Expectation:
    """The tests about a model that were selected, and those that came to an end.

    Parameters
    ----------
    only_suite : bool
        Whether everything that runs is about a model, because other tests were deselected.
    """

    def __init__(self, only_suite: bool) -> None:
        self.only_suite = only_suite
        self.about: set[str] = set()
        self.ended: set[str] = set()
        self._distributed: set[str] = set()
        self._collected = False
        self._told = False

    def collected(self, items: Iterable[pytest.Item]) -> None:
        """What this process itself collected."""
        self.about.update(item.nodeid for item in items if about_model(item))
        self._collected = self._told = True

    def tell(self, folder: Path, worker: str) -> None:
        """Leave word for the controller, in a file: it must be there even if this worker is killed at once."""
        write(folder / f"about-{worker}.json", json.dumps(sorted(self.about)).encode())

    @property
    def unheard(self) -> bool:
        """Whether no process ever came to the point of saying what it collected."""
        return not self._collected

    def distributed(self, nodeids: Iterable[str]) -> None:
        """What the workers collected: all tests, whatever they are about."""
        self._collected = True
        self._distributed.update(nodeids)

    def listen(self, folder: Path | None) -> None:
        """Read what the workers left; there were none if there is no folder."""
        for path in sorted(folder.glob("about-*.json")) if folder is not None else ():
            self.about.update(json.loads(path.read_bytes()))
            self._told = True

    def is_about_model(self, nodeid: str) -> bool:
        """Whether a test is about a model, or may be."""
        return nodeid in self.about or nodeid.startswith(SUITE) or self.only_suite or not self._told

    def missing(self, recorded: Iterable[str]) -> dict[str, str]:
        """Node id -> why it counts as an error, for every test that should have a record and did not come to its end."""
        known = {nodeid for nodeid in self._distributed | self.about if self.is_about_model(nodeid)}
        silent = {nodeid for nodeid in known if nodeid not in self.ended or nodeid.startswith(SUITE)}
        return {
            nodeid: SILENCE + ("" if nodeid in self.about or nodeid.startswith(SUITE) or self.only_suite else _UNTOLD)
            for nodeid in sorted(silent - set(recorded))
        }
