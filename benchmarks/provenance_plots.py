"""How often the audit of scatter plots is right: the rows ``tsne`` and ``pca`` of `provenance_accuracy`.

Reference plots show the auditor's texts, 100 audited plots the owner's, half of them real. ``pixels``: the vision network, by
the threshold that the calibration plots set. ``knn_purity``, ``silhouette``, ``density_gap``: the same by how crisp the classes
lie in the points themselves, which the owner of a picture does not give away: what could be told at best. The paper draws 1000
texts per plot by word2vec in one style and trains a ResNet-18 of ImageNet on 300 plots; here 150 texts or fewer by TF-IDF,
styles at random.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

import pytest_trustml as tm
from benchmarks.provenance_accuracy import Cell
from benchmarks.provenance_data import Pools
from builtin_checks.synthetic_artifacts import pixels
from builtin_checks.synthetic_artifacts.crispness import STATISTICS
from builtin_checks.synthetic_artifacts.plots import PARTS, Plan, Pool, draw_references, halves
from builtin_checks.synthetic_artifacts.score import looks_synthetic, midpoint_threshold

TEXTS, TRAINING, CALIBRATION, TARGETS = 150, 60, 40, 50


def plots(pools: Pools, projection: str, *, seed: int = 0, targets: int = TARGETS) -> Cell:
    """Audit ``targets`` scatter plots of each origin."""
    rng = np.random.default_rng([seed, 21])
    auditor, owner = (
        tuple(_pool(side) for side in sides)
        for sides in ((pools.auditor_real, pools.auditor_synthetic), (pools.owner_real, pools.owner_synthetic))
    )
    fewest = min(min(Counter(side.labels).values()) for side in auditor)
    classes = len(set(auditor[0].labels))
    plan = Plan("scatter", projection, min(TEXTS, classes * (fewest // 2)), TRAINING, CALIBRATION)
    parts = [halves(side, rng) for side in auditor]
    training, calibration = (
        draw_references((parts[0][number], parts[1][number]), plan, part, seed) for number, part in enumerate(PARTS)
    )
    asked = draw_references(owner, plan._replace(training=targets), "training", seed + 1)
    model = pixels.train_encoder(training.inks, training.synthetic, seed=seed, turned=True)
    scores = {"pixels": tuple(pixels.log_odds(model, part.inks) for part in (calibration, asked))}
    for place, name in enumerate(STATISTICS):
        scores[name] = tuple(part.crispness[:, place] for part in (calibration, asked))
    right = {}
    for name, (known, found) in scores.items():
        real, synthetic = known[~calibration.synthetic], known[calibration.synthetic]
        towards = 1 if name == "pixels" or synthetic.mean() > real.mean() else -1
        threshold = midpoint_threshold(real, synthetic, towards)
        right[name] = int((looks_synthetic(found, threshold, towards) == asked.synthetic).sum())
    return Cell(right, 2 * targets)


def _pool(side: tm.Dataset) -> Pool:
    return Pool(list(side.column("text")), [str(label) for label in side.column("label")])
