"""A tracker that adds what it recognises, 10,000 pictures of one person against a gallery of 10,000 entries, and its memory.

Run: python benchmarks/tracker_closure.py [--queries 10000] [--gallery 10000]. Prints seconds of computing of the closure, of a
nearest-neighbour classifier that is fitted anew for every picture (timed on a few pictures and scaled up to as many as the
rounds ask for), and of one that is fitted anew for every round; target: at least 50 x the first. Also the peak of numpy's
memory beside the embeddings (target: below 2 GiB), and whether the last one recognises the same pictures in the same rounds.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc

import numpy as np

from builtin_checks.face_tracking.score import strongest, track, unit_rows

WIDTH = 512
LOOPED = 20
"""Pictures that the classifier which is fitted anew for each is timed on."""


def pictures(count: int, entries: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Protected pictures that resemble each other a little, one anchor, and impostors, in 512 dimensions."""
    rng = np.random.default_rng(0)
    impostors, anchor, common = (unit_rows(rng.normal(size=(rows, WIDTH))) for rows in (entries, 1, 1))
    pull = rng.uniform(0.0, 0.25, size=(count, 1))
    alike = rng.uniform(0.0, 0.7, size=(count, 1))
    return unit_rows(pull * anchor + alike * common + unit_rows(rng.normal(size=(count, WIDTH)))), anchor, impostors


def fitted(entries: np.ndarray, labels: np.ndarray) -> object:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(n_neighbors=1, metric="cosine", algorithm="brute").fit(entries, labels)


def refit_each_round(queries: np.ndarray, anchors: np.ndarray, impostors: np.ndarray) -> np.ndarray:
    """The published loop: fit, predict all pictures that are left, add those that are right, until none is."""
    rounds, turn = np.zeros(len(queries), dtype=np.int64), 0
    while True:
        entries = np.concatenate([impostors, anchors, queries[rounds > 0]])
        labels = np.arange(len(entries)) >= len(impostors)
        left = np.flatnonzero(rounds == 0)
        new = left[fitted(entries, labels).predict(queries[left])] if len(left) else left
        if not len(new):
            return rounds
        turn += 1
        rounds[new] = turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--gallery", type=int, default=10_000)
    asked = parser.parse_args()
    queries, anchors, impostors = pictures(asked.queries, asked.gallery)
    started = time.process_time()
    found = track(queries, anchors, strongest(queries, impostors))
    fast = time.process_time() - started
    rounds, last = found.rounds, found.last_round
    evaluations = sum(int(((rounds == 0) | (rounds >= turn)).sum()) for turn in range(1, last + 2))
    added = queries[rounds > 0]
    entries = np.concatenate([impostors, anchors, added[: len(added) // 2]])  # as large as half-way through
    labels = np.arange(len(entries)) >= len(impostors)
    started = time.process_time()
    for query in queries[:LOOPED]:
        fitted(entries, labels).predict(query[None])
    slow = (time.process_time() - started) / LOOPED * evaluations
    started = time.process_time()
    published = refit_each_round(queries, anchors, impostors)
    middle = time.process_time() - started
    print(
        f"{asked.queries:,} pictures x {asked.gallery:,} entries, {last} rounds, static {found.static.mean():.3f}, dynamic "
        f"{found.dynamic.mean():.3f}: fitted anew for each picture {slow:.0f} s, for each round {middle:.1f} s, here "
        f"{fast:.2f} s: {slow / fast:.0f} x (>= 50 x) and {middle / fast:.1f} x; same rounds: "
        f"{bool((published == rounds).all())}"
    )
    tracemalloc.start()
    track(queries, anchors, strongest(queries, impostors))
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    print(f"peak memory beside the embeddings: {peak:.0f} MiB (< 2048 MiB)")


if __name__ == "__main__":
    main()
