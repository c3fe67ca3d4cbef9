"""Scatter plots are told from pixels where their classes differ in crispness; real ones of other texts are hardly accused."""

from __future__ import annotations

import numpy as np
import pytest

from builtin_checks.synthetic_artifacts import pixels
from builtin_checks.synthetic_artifacts.charts import balanced, draw, show
from builtin_checks.synthetic_artifacts.plots import Plan, Pool, draw_references, halves
from builtin_checks.synthetic_artifacts.ranks import ranks
from builtin_checks.synthetic_artifacts.score import looks_synthetic, midpoint_threshold
from builtin_checks.synthetic_artifacts.styles import draw_style
from tests.families.synthetic_artifacts.test_charts import letters


def sayings(count, clear, seed):
    """Texts of three classes of which a share ``clear`` of the words belongs to the class; the others are anybody's."""
    rng = np.random.default_rng([seed, 3])
    labels = [("north", "south", "west")[row % 3] for row in range(count)]
    texts = [
        " ".join(f"{label if rng.random() < clear else 'any'}{rng.integers(25)}" for _ in range(rng.integers(6, 14)))
        for label in labels
    ]
    return Pool(texts, labels)


@pytest.mark.slow
@pytest.mark.parametrize("projection", ["pca", "tsne"])
def test_scatter_plots_of_crisper_classes_are_told(projection):
    """Texts that nobody saw before, drawn by somebody else."""
    pools, plan = (sayings(360, 0.2, 1), sayings(360, 0.7, 2)), Plan("scatter", projection, 90, 40, 20)
    parts = [halves(pool, np.random.default_rng(0)) for pool in pools]
    training, calibration = (
        draw_references((parts[0][place], parts[1][place]), plan, part, 0)
        for place, part in enumerate(("training", "calibration"))
    )
    asked = draw_references((sayings(180, 0.2, 3), sayings(180, 0.7, 4)), plan._replace(training=15), "training", 5)
    model = pixels.train_encoder(training.inks, training.synthetic, seed=0, turned=True)
    known, found = (pixels.log_odds(model, part.inks) for part in (calibration, asked))
    threshold = midpoint_threshold(known[~calibration.synthetic], known[calibration.synthetic], 1)
    assert (looks_synthetic(found, threshold, 1) == asked.synthetic).mean() >= 0.8


@pytest.mark.slow
def test_real_plots_of_other_texts_are_accused_at_the_nominal_level():
    """The auditor's plots share half of their texts, the owner's none: 5 % may be accused, three errors more fail."""
    plan, accused = Plan("bar", "", 60, 30, 19), []
    worlds = letters(300, 40, 1), letters(300, 12, 2)
    training = draw_references(tuple(halves(pool, np.random.default_rng(0))[0] for pool in worlds), plan, "training", 0)
    model = pixels.train_encoder(training.inks, training.synthetic, seed=0)
    for turn in range(15):
        rng = np.random.default_rng([turn, 9])
        pool, own = letters(240, 40, 100 + turn), letters(360, 40, 5000 + turn)
        half = halves(pool, rng)[1]
        rows = [balanced(half.labels, 60, rng) for _ in range(19)]
        known = log_odds(model, [half.rows(some) for some in rows], rng)
        asked = log_odds(model, [own.rows(np.arange(start, start + 60)) for start in range(0, 360, 60)], rng)
        accused += [ranks(np.array([[score, *known, *(known + 9)]]), 19, 1)[0][0] <= 0.05 for score in asked]
    assert np.mean(accused) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(accused))


def log_odds(model, pools, rng):
    inks = [pixels.ink(draw(show("bar", *pool), draw_style(rng))) for pool in pools]
    return pixels.log_odds(model, np.stack(inks))
