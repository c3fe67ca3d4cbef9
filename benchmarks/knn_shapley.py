"""Exact KNN-Shapley of 50,000 records for 1,000 validation points, against the published loop, and its memory.

Run: python benchmarks/knn_shapley.py. Prints seconds of computing of both (target: at least 50 x; the loop is timed on a few
validation points and scaled up, because it takes the same time for each) and the peak of numpy's memory (target: below 200 MiB
beside the embeddings; it does not grow with the number of validation points).
"""

from __future__ import annotations

import time
import tracemalloc

import numpy as np

from builtin_checks.data_importance.score import knn_shapley

RECORDS, POINTS, WIDTH, CLASSES, NEIGHBOURS = 50_000, 1_000, 64, 10, 10
LOOPED = 4
"""Validation points that the loop is timed on."""


def published_loop(x: np.ndarray, y: np.ndarray, points: np.ndarray, wanted: np.ndarray, k: int) -> np.ndarray:
    """The recursion as AI-secure/Shapley-Study does it: a loop over the records for each point, in an N x M matrix."""
    n = len(y)
    values = np.zeros((n, len(points)))
    for t, (point, label) in enumerate(zip(points, wanted, strict=True)):
        away = x - point
        order = np.argsort(np.einsum("nd,nd->n", away, away))
        ranked = y[order]
        values[order[n - 1]][t] = float(ranked[n - 1] == label) / n
        for i in range(n - 2, -1, -1):
            change = float(int(ranked[i] == label) - int(ranked[i + 1] == label))
            values[order[i]][t] = values[order[i + 1]][t] + change / k * (min(i, k - 1) + 1) / (i + 1)
    return values.mean(axis=1)


def main() -> None:
    rng = np.random.default_rng(0)
    x, points = rng.normal(size=(RECORDS, WIDTH)), rng.normal(size=(POINTS, WIDTH))
    y, wanted = rng.integers(CLASSES, size=RECORDS), rng.integers(CLASSES, size=POINTS)
    started = time.process_time()
    loop = published_loop(x, y, points[:LOOPED], wanted[:LOOPED], NEIGHBOURS)
    slow = (time.process_time() - started) * POINTS / LOOPED
    agreed = np.abs(loop - knn_shapley(x, y, points[:LOOPED], wanted[:LOOPED], k=NEIGHBOURS)).max()
    started = time.process_time()
    knn_shapley(x, y, points, wanted, k=NEIGHBOURS)
    fast = time.process_time() - started
    print(
        f"KNN-Shapley, {RECORDS:,} records x {POINTS:,} points: published loop {slow:.0f} s, here {fast:.2f} s, "
        f"{slow / fast:.0f} x (>= 50 x); largest difference {agreed:.1e}"
    )
    for count in (100, 400):
        tracemalloc.start()
        knn_shapley(x, y, points[:count], wanted[:count], k=NEIGHBOURS)
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        print(f"peak memory beside the embeddings, {count} points: {peak:.0f} MiB (< 200 MiB)")


if __name__ == "__main__":
    main()
