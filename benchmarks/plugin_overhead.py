"""What the plugin costs tests that do not use it: CPU time of collecting one unrelated test, with and without it.

Run: python benchmarks/plugin_overhead.py. Prints the ratio of medians (target: at most 1.10).
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 15
OTHERS = [
    "-p",
    "no:hypothesispytest",
    "-p",
    "no:anyio",
    "-p",
    "no:xdist",
    "-p",
    "no:xdist.looponfail",
    "-p",
    "no:cacheprovider",
]


def cpu_seconds(folder: str, *arguments: str) -> float:
    """User and system time of one run of pytest."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "pytest", "--co", "-q", *OTHERS, *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_empty.py").write_text("def test_nothing(): pass\n")
        cpu_seconds(folder)
        bare, ours = [], []
        for _ in range(ROUNDS):  # alternating, so that a busy machine slows both alike
            bare.append(cpu_seconds(folder, "-p", "no:trustml"))
            ours.append(cpu_seconds(folder))
    without, with_it = statistics.median(bare), statistics.median(ours)
    print(
        f"collect one unrelated test: bare {without:.3f} s, with the plugin {with_it:.3f} s, "
        f"ratio {with_it / without:.3f} (<= 1.10)"
    )


if __name__ == "__main__":
    main()
