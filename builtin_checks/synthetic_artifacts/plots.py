"""Reference plots: drawn from texts of known origin in random styles, some to train the encoder, the rest to judge by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from builtin_checks.synthetic_artifacts.charts import CHARTS, balanced, draw, show
from builtin_checks.synthetic_artifacts.crispness import STATISTICS, crispness
from builtin_checks.synthetic_artifacts.pixels import ink
from builtin_checks.synthetic_artifacts.styles import draw_style

PARTS = ("training", "calibration")
OTHERS = 15
ORIGINS = ("real", "synthetic")


class Plan(NamedTuple):
    """What the reference plots are like: chart, projection, texts per plot, plots per origin to train and to calibrate."""

    chart: str
    projection: str
    texts: int
    training: int
    calibration: int


class Pool(NamedTuple):
    """Labelled texts of one origin."""

    texts: Sequence[str]
    labels: Sequence[str]

    def rows(self, rows: np.ndarray) -> Pool:
        return Pool([self.texts[row] for row in rows], [self.labels[row] for row in rows])


class References(NamedTuple):
    """Plots of one part, real ones first. n = both origins together.

    ``pictures`` as uint8 (n, 2, 64, 64) as the encoder sees them, ``synthetic`` bool (n,), ``styles`` float (n, 14),
    ``crispness`` float (n, 3), which is empty (n, 0) for charts without points.
    """

    pictures: np.ndarray
    synthetic: np.ndarray
    styles: np.ndarray
    crispness: np.ndarray

    @property
    def inks(self) -> np.ndarray:
        return self.pictures.astype(np.float32) / 255


def halves(pool: Pool, rng: np.random.Generator) -> tuple[Pool, Pool]:
    """A pool in two: texts of the training plots, texts of the calibration plots. Every class is halved."""
    parts: tuple[list[int], list[int]] = ([], [])
    labels = np.array([str(label) for label in pool.labels])
    for name in sorted(set(labels.tolist())):
        own = rng.permutation(np.flatnonzero(labels == name))
        parts[0].extend(own[: len(own) // 2])
        parts[1].extend(own[len(own) // 2 :])
    return pool.rows(np.array(parts[0])), pool.rows(np.array(parts[1]))


def draw_references(
    pools: tuple[Pool, Pool], plan: Plan, part: str, seed: int, step: Callable[[int], None] = lambda done: None
) -> References:
    """Plots of both origins from the texts of a part.

    A style is drawn for each plot by the same stream of random numbers, which knows no origin.

    Parameters
    ----------
    pools : (Pool, Pool)
        Real and synthetic.
    """
    count = getattr(plan, part)
    rng = np.random.default_rng([seed, PARTS.index(part)])
    pictures, styles, crisp = [], [], []
    for pool in pools:
        for _ in range(count):
            chosen = pool.rows(balanced(pool.labels, plan.texts, rng))
            style = draw_style(rng)
            shown = show(plan.chart, *chosen, projection=plan.projection, seed=int(rng.integers(2**31)))
            pictures.append(np.round(ink(draw(shown, style)) * 255).astype(np.uint8))
            styles.append(style.numbers())
            crisp.append(crispness(shown.values, shown.labels) if plan.chart == "scatter" else np.zeros(0))
            step(1)
    return References(np.stack(pictures), np.repeat([False, True], count), np.stack(styles), np.stack(crisp))


def draw_others(pools: tuple[Pool, Pool], plan: Plan, seed: int) -> References:
    """Charts of all other kinds, by which a picture that is none of this kind is known: `OTHERS` per kind and origin."""
    kinds = [
        draw_references(pools, plan._replace(chart=chart, projection="pca", training=OTHERS), "training", seed + 1)
        for chart in CHARTS
        if chart != plan.chart
    ]
    empty = np.zeros((2 * OTHERS * len(kinds), 0))
    return References(
        *(np.concatenate([getattr(one, name) for one in kinds]) for name in ("pictures", "synthetic", "styles")), empty
    )


def save(references: References, folder: Path, part: str) -> None:
    """Write plots as one file of arrays."""
    from safetensors.numpy import save_file

    save_file(
        {name: np.ascontiguousarray(value) for name, value in references._asdict().items()}, folder / f"{part}.safetensors"
    )


def read(folder: Path, part: str) -> References:
    """What `save` wrote."""
    from safetensors.numpy import load_file

    return References(**load_file(folder / f"{part}.safetensors"))


def style_accuracy(references: References, seed: int) -> np.ndarray:
    """Whether a logistic regression on style alone tells the origin of each plot, left out in ten folds: bool (n,)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    folds = StratifiedKFold(10, shuffle=True, random_state=seed)
    return cross_val_predict(model, references.styles, references.synthetic, cv=folds) == references.synthetic


def crispness_names(references: References) -> Sequence[str]:
    return STATISTICS if references.crispness.shape[1] else ()
