"""A whole run of pytest on a demo release, and the same run again from the cache.

Run: python benchmarks/cached_run.py [DEMO]. Prints wall time of building the demo, of the first and of the second run, which
models' libraries the second one loaded, and the ratio (target: under 0.10).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROBE = """
import sys
def pytest_unconfigure(config):
    heavy = sorted({"torch", "transformers", "peft", "diffusers"} & set(sys.modules))
    print("LOADED", *heavy)
"""


def run(folder: str, *arguments: str) -> tuple[float, str]:
    """Wall seconds and the model libraries that were loaded."""
    environment = os.environ | {"TRUSTML_CACHE": str(Path(folder, "cache")), "PYTHONPATH": folder}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "probe", *arguments]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return time.perf_counter() - started, done.stdout.rpartition("LOADED")[2].strip() or "none"


def main() -> None:
    demo = sys.argv[1] if len(sys.argv) > 1 else "lora-safe"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "probe.py").write_text(PROBE)
        model = f"--trustml-model=demo:{demo}"
        built, _ = run(folder, model, "--co")
        first, _ = run(folder, model)
        second, loaded = run(folder, model)
        print(f"demo:{demo}: built in {built:.1f} s; first run {first:.1f} s, second {second:.1f} s (loaded: {loaded})")
        print(f"ratio to the first run {second / first:.3f}, with the demo's training {second / (built + first):.3f} (< 0.10)")


if __name__ == "__main__":
    main()
