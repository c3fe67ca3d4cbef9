"""From pictures and reference plots to measurements: scores, controls, the verdict's numbers, and what the report shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
import numpy as np

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts import pixels, verdict
from builtin_checks.synthetic_artifacts.crispness import STATISTICS, crispness
from builtin_checks.synthetic_artifacts.plots import PARTS, References, style_accuracy

if TYPE_CHECKING:
    from PIL.Image import Image

STRANGER = 1.25
"""A picture this many times farther from all training plots than any calibration plot is no plot of their kind."""
SURELY = 0.001
_SHOWN = 12
_NEAREST = 3


def audit_pictures(
    trust: tm.Trust, pictures: Mapping[str, Image], references: Mapping[str, References], *, declared: str, turned: bool
) -> list[tm.Measurement]:
    """Everything that is measured of the pictures.

    Parameters
    ----------
    pictures : mapping of name to PIL image
    references : mapping of ``training``, ``calibration`` and ``others`` (charts of other kinds) to `References`
    declared : ``real`` or ``synthetic``
    turned : bool
        Whether the chart means the same however it is turned.
    """
    training, calibration = references["training"], references["calibration"]
    with trust.progress("training on reference plots", pixels.EPOCHS) as step:
        model = pixels.train_encoder(training.inks, training.synthetic, seed=trust.seed, turned=turned, step=step)
    inks = pixels.stacked(list(pictures.values()))
    scores, known = pixels.log_odds(model, inks), pixels.log_odds(model, calibration.inks)
    _controls(trust, list(pictures), inks, references)
    style = _style_control(trust, references)
    alpha = 1 - trust.level
    found = {
        name: verdict.audit(
            float(score), known[~calibration.synthetic], known[calibration.synthetic], towards=1, alpha=alpha, rng=trust.rng
        )
        for name, score in zip(pictures, scores.tolist(), strict=True)
    }
    _show(trust, pictures, inks, scores, found, calibration)
    together = combined(list(found.values()), declared=declared, alpha=alpha)
    return [*verdict.measured(trust, together, declared=declared), style]


def combined(audits: list[verdict.Audit], *, declared: str, alpha: float) -> verdict.Audit:
    """One audit that stands for all: of the worst picture, its accusation corrected for how many were looked at.

    The p-value of the declared origin is the smallest, times the number of pictures (Holm's first step: what rejects any). That
    of the other origin is the largest: a set is cleared only if every picture is (an intersection-union test needs no
    correction).
    """
    own, other = ("p_real", "p_synthetic") if declared == "real" else ("p_synthetic", "p_real")
    worst = min(audits, key=lambda one: (getattr(one, own), -getattr(one, other)))
    strangers = [one for one in audits if one.p_real <= alpha / len(audits) and one.p_synthetic <= alpha / len(audits)]
    if strangers:
        return strangers[0]
    if len(audits) == 1:
        return worst
    accused = min(1.0, len(audits) * getattr(worst, own))
    cleared = max(getattr(one, other) for one in audits)
    origin = "inconclusive"
    if accused <= alpha < getattr(worst, other):
        origin = "synthetic" if declared == "real" else "real"
    elif cleared <= alpha < accused:
        origin = declared
    return msgspec.structs.replace(worst, **{own: accused, other: cleared, "origin": origin})


def _controls(trust: tm.Trust, names: list[str], inks: np.ndarray, references: Mapping[str, References]) -> None:
    blank = [name for name, picture in zip(names, inks, strict=True) if not picture.any()]
    trust.control(
        "something is drawn", not blank, "every picture has marks" if not blank else f"{blank[0]} is of a single colour"
    )
    training, calibration = (references[part].inks for part in ("training", "calibration"))
    usual = float(pixels.strangeness(calibration, training)[0].max())
    far = pixels.strangeness(inks, training)[0]
    # One scale for both distances: that of all charts together.
    kinds = np.concatenate([training, references["others"].inks])
    mine = pixels.nearest(inks, kinds) < len(training)
    trust.control(
        "the pictures are of this kind of chart",
        bool(mine.all()),
        f"{int(mine.sum())} of {len(mine)} pictures are more like the reference plots than like charts of other kinds"
        + ("" if mine.all() else f"; not {names[int(np.flatnonzero(~mine)[0])]}: set the option chart to what it is"),
    )
    worst = int(far.argmax())
    trust.control(
        "the pictures are such charts",
        bool(far[worst] <= STRANGER * usual),
        f"{names[worst]} is at distance {far[worst]:.1f} from the nearest reference plot; of held-out reference plots the "
        f"farthest is at {usual:.1f}" + ("" if far[worst] <= STRANGER * usual else ": another kind of chart, or none at all"),
    )


def _style_control(trust: tm.Trust, references: Mapping[str, References]) -> tm.Measurement:
    """Origins must not be told by style. Both parts together; sizes differ, styles come from one distribution."""
    from scipy.stats import binomtest

    parts = [references[part] for part in PARTS]
    both = References(*(np.concatenate(pair) for pair in zip(*parts, strict=True)))
    right = style_accuracy(both, trust.seed)
    ok = binomtest(int(right.sum()), len(right), 0.5, alternative="greater").pvalue > SURELY
    trust.control(
        "style does not tell the origin", ok, f"from style alone {right.mean():.0%} of {len(right)} origins are right"
    )
    return trust.proportion(right, name="style_accuracy", higher_is_safer=False)


def _show(
    trust: tm.Trust, pictures: Mapping[str, Image], inks: np.ndarray, scores: np.ndarray,
    found: Mapping[str, verdict.Audit], calibration: References,
) -> None:  # fmt: skip
    items = [
        (picture, f"{name}: log-odds {score:+.2f}") for (name, picture), score in zip(pictures.items(), scores, strict=True)
    ]
    trust.gallery(items[:_SHOWN], caption="Audited plots", sensitive=True)
    rows = [[name, float(score), one.p_real, one.p_synthetic] for (name, one), score in zip(found.items(), scores, strict=True)]
    trust.table(["picture", "log-odds of synthetic", "p if real", "p if synthetic"], rows, caption="The audit of every picture")
    worst = int(scores.argmax())
    far = np.square(calibration.inks - inks[worst]).mean(axis=(1, 2, 3))
    nearest = [
        (255 - calibration.pictures[row, 0], f"{origin}, mean squared difference {far[row]:.3f}")
        for origin, is_synthetic in (("real", False), ("synthetic", True))
        for row in np.flatnonzero(calibration.synthetic == is_synthetic)[
            np.argsort(far[calibration.synthetic == is_synthetic], kind="stable")[:_NEAREST]
        ]
    ]
    caption = f"Reference plots nearest to {list(pictures)[worst]}, as the network sees them"
    trust.gallery(nearest, caption=caption, sensitive=True)


def show_crispness(trust: tm.Trust, points: tm.Dataset, calibration: References) -> None:
    """How crisp the classes are in the given points, beside the reference plots. Shown, not judged."""
    if not calibration.crispness.shape[1]:
        raise tm.UsageError("Points were given (plot_points), but the chart has none. Set chart to scatter, or leave them out.")
    places = np.array([[float(value) for value in points.column(name)] for name in ("x", "y")]).T
    try:
        own = crispness(places, [str(label) for label in points.column("label")])
    except ValueError as error:
        raise tm.DataError(f"plot_points: {error}") from None
    real, synthetic = (calibration.crispness[calibration.synthetic == side] for side in (False, True))
    rows = [
        [
            name, float(own[k]), float(np.median(real[:, k])), float(np.median(synthetic[:, k])),
            float(trust.conformal_p(real[:, k], [own[k]])[0]), float(trust.conformal_p(-synthetic[:, k], [-own[k]])[0]),
        ]
        for k, name in enumerate(STATISTICS)
    ]  # fmt: skip
    columns = ["statistic", "this plot", "median, real", "median, synthetic", "p if real", "p if synthetic"]
    trust.table(columns, rows, caption="Crispness of the classes, from the given points")
