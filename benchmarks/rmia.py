"""RMIA of 50,000 records against 10,000 of the population, by sorting and by the full matrix.

Run: python benchmarks/rmia.py; beside other work with OMP_NUM_THREADS=1. Prints the seconds and the peak of extra memory of
both ways on the same inputs, with four reference models. Targets: sorting gives exactly the scores of the matrix, in at most 1
second, at least 20 times as fast, with less than 64 MiB of extra memory (the matrix itself has 50,000 x 10,000 entries; it is
computed in blocks of 500 records here so that it fits).
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

import pytest_trustml as tm

RECORDS, POPULATION, MODELS, BLOCK = 50_000, 10_000, 4, 500


def inputs(seed: int = 0) -> dict[str, Any]:
    """Log-probabilities of the true classes by the target and the references, and who was trained on what."""
    rng = np.random.default_rng(seed)
    one = rng.permutation(np.arange(RECORDS) < RECORDS // 2)
    two = rng.permutation(one)
    return {
        "target": np.log(rng.uniform(0.001, 1, RECORDS)),
        "references": np.log(rng.uniform(0.001, 1, (MODELS, RECORDS))),
        "inside": np.stack([one, ~one, two, ~two]),
        "population": np.log(rng.uniform(0.001, 1, POPULATION)),
        "population_references": np.log(rng.uniform(0.001, 1, (MODELS, POPULATION))),
    }


def by_matrix(given: dict[str, Any]) -> np.ndarray:
    """The definition: every record against every record of the population."""
    models, inside = np.exp(given["references"]), given["inside"]
    usual = (models.mean(0, where=inside) + models.mean(0, where=~inside)) / 2
    x = np.exp(given["target"]) / usual
    z = np.exp(given["population"]) / np.exp(given["population_references"]).mean(0)
    parts = [(x[start : start + BLOCK, None] / z[None] > 1).mean(1) for start in range(0, RECORDS, BLOCK)]
    return np.concatenate(parts)


def measured(function: Callable[[], np.ndarray]) -> tuple[np.ndarray, float, float]:
    """What it gives, the fewest seconds of three runs, and MiB of memory beyond what there was."""
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        found = function()
        seconds.append(time.perf_counter() - started)
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return found, min(seconds), peak


def main() -> None:
    given = inputs()
    sorted_scores, fast, small = measured(lambda: tm.rmia(**given))
    matrix_scores, slow, large = measured(lambda: by_matrix(given))
    different = np.abs(sorted_scores - matrix_scores).max() * POPULATION
    print(f"sorting {fast:.3f} s, {small:.1f} MiB; matrix {slow:.2f} s, {large:.1f} MiB; {slow / fast:.0f} times as fast")
    print(f"largest difference of a score: {different:.0f} of {POPULATION} records of the population")


if __name__ == "__main__":
    main()
