"""Was a statistical plot drawn from machine-written texts?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts import plot_audit, plots
from builtin_checks.synthetic_artifacts.charts import CHARTS
from builtin_checks.synthetic_artifacts.projection import METHODS
from builtin_checks.synthetic_artifacts.roles import REAL, SYNTHETIC

REFERENCE = "Wu, Yang, Shen, Backes, Zhang, USENIX Security 2025, arXiv 2502.00808, classification-based auditing of plots"


@tm.check(
    id="synthetic_artifacts.plot",
    version=1,
    needs=[tm.PictureSet],
    data={
        "real": REAL,
        "synthetic": SYNTHETIC,
        "points": tm.Role(
            name="plot_points", help="the points of the scatter plot", columns={"x": "across", "y": "up", "label": "class"}
        ),
    },
    limit={"evidence_against_declaration": tm.AtMost(0.05)},
    min_n=19,
    cost="minutes",
    reference=REFERENCE,
)
def plot(
    trust: tm.Trust,
    model: tm.Subject,
    real: tm.Dataset,
    synthetic: tm.Dataset,
    points: tm.Dataset | None = None,
    *,
    declared: str = "real",
    chart: str = "scatter",
    projection: str = "tsne",
    texts: int = 150,
    training: int = 60,
    calibration: int = 40,
) -> list[tm.Measurement]:
    """Evidence that a plot was drawn from other texts than it is declared to be: from machine-written ones, or from real ones.

    What it measures
        Reference plots of both origins are drawn in random styles. A small vision network learns from the training ones to tell
        their origin from pixels alone. Its score of the audited plot is ranked among the calibration ones, which it never saw:
        conformal p-values that hold whatever the network learnt. Training and calibration plots show different texts.
    What a high value means
        The plot looks like plots of the other origin and unlike those of the declared one: it is consistent with synthetic data
        (or, ``declared = "synthetic"``, with real data). It is no proof.
    Several pictures
        Each is audited. A folder declared real fails if its worst picture does, with the p-value multiplied by the number of
        pictures (the first step of Holm's method), and passes only if every picture alone is cleared. So m pictures need at
        least 20 m - 1 calibration plots per origin to be able to fail.
    What it does not show
        Which texts are synthetic, or that another data source, another projection or another number of texts did not make the
        difference: ``chart``, ``projection`` and ``texts`` must be those of the audited plot, and the pools like its data. A
        scatter plot tells only as much as its points do: where classes lie no crisper in machine-written texts than in real
        ones, as in passages of fifteen words, nothing is to be seen, and the check says so (``auditor_accuracy``).
    Smallest sensible n
        19 calibration plots per origin; fewer decide nothing at 5 %.
    Cost
        A scatter plot of 150 texts takes about half a second per core with t-SNE; the other charts hundredths. Reference plots
        are drawn once and kept.
    Controls
        Something is drawn; the picture is no stranger to the reference plots than these are to each other and looks more like
        them than like charts of other kinds; style alone does not
        tell the origin of the reference plots; the network tells held-out references apart.

    Parameters
    ----------
    declared : str
        ``real`` or ``synthetic``: what the release says its plots were drawn from.
    chart : str
        ``scatter``, ``histogram`` (words per text), ``bar`` (frequencies of the commonest words), ``line`` (growth of the
        vocabulary).
    projection : str
        Of a scatter plot: ``tsne`` (perplexity 15, random start) or ``pca``.
    texts : int
        Texts per plot, balanced over the classes.
    training, calibration : int
        Reference plots per origin that train the network, and that judge.

    References
    ----------
    Wu et al., USENIX Security 2025, arXiv 2502.00808. Vovk, Gammerman and Shafer 2005.
    """
    _check_options(declared, chart, projection, texts, training, calibration)
    plan = plots.Plan(chart, projection, texts, training, calibration)
    pools = plots.Pool(*_columns(real)), plots.Pool(*_columns(synthetic))
    _enough(pools, texts)
    folder = trust.build("reference-plots", _drawing(trust, pools, plan), real.fingerprint, synthetic.fingerprint, *plan)
    references = {part: plots.read(folder, part) for part in (*plots.PARTS, "others")}
    found = plot_audit.audit_pictures(trust, dict(model.pictures), references, declared=declared, turned=chart == "scatter")
    if points is not None:
        plot_audit.show_crispness(trust, points, references["calibration"])
    return found


def _drawing(trust: tm.Trust, pools: tuple[plots.Pool, plots.Pool], plan: plots.Plan):
    """What fills the folder of reference plots."""

    def build(folder: Path) -> None:
        rng = trust.rng
        parts = [plots.halves(pool, rng) for pool in pools]
        with trust.progress(f"drawing reference {plan.chart}s", 2 * (plan.training + plan.calibration)) as step:
            for number, part in enumerate(plots.PARTS):
                drawn = plots.draw_references((parts[0][number], parts[1][number]), plan, part, trust.seed, step)
                plots.save(drawn, folder, part)
            plots.save(plots.draw_others((parts[0][0], parts[1][0]), plan, trust.seed), folder, "others")

    return build


def _columns(data: tm.Dataset) -> tuple[list[str], list[str]]:
    return list(data.column("text")), [str(label) for label in data.column("label")]


def _check_options(declared: str, chart: str, projection: str, texts: int, training: int, calibration: int) -> None:
    words: Mapping[str, tuple[str, tuple[str, ...]]] = {
        "declared": (declared, plots.ORIGINS), "chart": (chart, CHARTS), "projection": (projection, METHODS),
    }  # fmt: skip
    for name, (value, known) in words.items():
        if value not in known:
            raise tm.UsageError(f"The option {name} is {value!r}. Choose {', '.join(known)}.")
    for name, count, least in (("texts", texts, 50), ("training", training, 20), ("calibration", calibration, 20)):
        if count < least:
            raise tm.UsageError(f"The option {name} is {count}. It must be at least {least}.")


def _enough(pools: tuple[plots.Pool, plots.Pool], texts: int) -> None:
    classes = [set(pool.labels) for pool in pools]
    if classes[0] != classes[1]:
        raise tm.DataError(
            f"Real texts have the classes {', '.join(sorted(classes[0]))}, synthetic ones {', '.join(sorted(classes[1]))}. A "
            "plot would tell them by that alone: give both pools the same classes."
        )
    wanted = 2 * -(-texts // len(classes[0]))
    for origin, pool in zip(plots.ORIGINS, pools, strict=True):
        counts = {name: pool.labels.count(name) for name in classes[0]}
        least = min(counts, key=lambda name: counts[name])
        if counts[least] < wanted:
            raise tm.DataError(
                f"The {origin} texts have {counts[least]} of class {least!r}; plots of {texts} texts need {wanted}, because "
                "training and calibration plots show different ones. Give more, or set texts lower."
            )
