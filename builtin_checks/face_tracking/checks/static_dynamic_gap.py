"""The early warning: how much more does a tracker recognise by learning from its own success than without?"""

from __future__ import annotations

import numpy as np

import pytest_trustml as tm
from builtin_checks.face_tracking.audit import Audit, audit, nothing
from builtin_checks.face_tracking.checks.dynamic_tracking import PAPER
from builtin_checks.face_tracking.diversity import mean_cosine, vendi_score
from builtin_checks.face_tracking.exhibits import show_diversity, show_people, show_survival
from builtin_checks.face_tracking.roles import CLEAN, GALLERY, PROTECTED, STRANGERS
from builtin_checks.face_tracking.score import nearest_other
from builtin_checks.face_tracking.settings import Settings

NAMES = {"static_dynamic_gap": False, "mean_cosine": False, "nearest_cosine": False, "vendi_share": True}
"""What is measured, and whether more of it is safer."""


@tm.check(
    id="face_tracking.static_dynamic_gap",
    version=1,
    limit=tm.AtMost(0.1),
    needs=[tm.Encoder | tm.PictureSet],
    data={"protected": PROTECTED, "gallery": GALLERY, "clean": CLEAN, "strangers": STRANGERS},
    min_n=20,
    cost="minutes",
    reference=PAPER,
)
def static_dynamic_gap(
    trust: tm.Trust,
    model: tm.Subject,
    protected: tm.Dataset,
    gallery: tm.Dataset,
    clean: tm.Dataset,
    strangers: tm.Dataset | None = None,
    *,
    anchors: int = 1,
    top_k: int = 1,
    margin: float = 0.0,
    far: float = 0.0,
    mirrors: bool = False,
    clean_ceiling: float = 0.9,
    impostors: int = 100,
    likeness: float = 0.3,
    undetected: float = 0.1,
) -> list[tm.Measurement]:
    """How many protected pictures only a tracker recognises that adds what it recognises to its gallery.

    What is compared
        The same pictures under a tracker that adds what it recognises (see ``face_tracking.dynamic_tracking``) and under one
        that does not. ``static_dynamic_gap`` is the share of pictures that only the first one recognises. It is never below 0.

    What a high value means
        Protected pictures of a person resemble each other, so that a test with a fixed gallery praises the protection far too
        much. Make them diverse: another guide for each picture, and a penalty on the similarity to those made before. Mind its
        sign: added to a loss that is minimised, a distance draws pictures together.

    What it does not show
        Whether the protection holds at all: with everything recognised at once the gap is 0. That is ``dynamic_tracking``.

    Diversity
        ``mean_cosine`` is the mean cosine between protected pictures of one person, over people; ``nearest_cosine``, the mean
        cosine of a picture to the nearest other one, is what carries a tracker on; ``vendi_share``, the number of really
        different pictures over their number. All are reported, not judged.

    Smallest n that makes sense
        36 people with 10 pictures each: with no picture in the gap, they bound it by 0.1. Fewer than 20 pictures or 5 people
        are INCONCLUSIVE.

    Controls, cost
        Those of ``face_tracking.dynamic_tracking``, with which it shares the pass over the model.

    Options
        anchors, top_k, margin, far, mirrors, clean_ceiling, impostors, likeness, undetected
            As in ``face_tracking.dynamic_tracking``.

    References
        Fan et al., CCS 2025, arXiv:2501.06533; Friedman and Dieng, TMLR 2023 (Vendi score).
    """
    settings = Settings(
        anchors=anchors, top_k=top_k, margin=margin, far=far, mirrors=mirrors, clean_ceiling=clean_ceiling, impostors=impostors,
        likeness=likeness, undetected=undetected,
    )  # fmt: skip
    sets = {"protected": protected, "gallery": gallery, "clean": clean, "strangers": strangers}
    found = audit(trust, model, sets, settings)
    if found is None:
        return nothing(NAMES, len(protected))
    gap = found.share(trust, found.run.dynamic & ~found.run.static, "static_dynamic_gap")
    static, dynamic = float(found.run.static.mean()), float(found.run.dynamic.mean())
    rates = {
        "static_tracking": static, "dynamic_tracking": dynamic, "amplification": dynamic / static if static else "undefined",
    }  # fmt: skip
    shown = show_survival(trust, found), show_diversity(trust, found), show_people(trust, found)
    return [gap.but(details={**gap.details, **found.details, **rates}, evidence=shown), *diversity(trust, found)]


def diversity(trust: tm.Trust, found: Audit) -> list[tm.Measurement]:
    """How alike the protected pictures of a person are, over people with two pictures or more, with a bootstrap over people."""
    codes = found.stream.codes["protected"]
    groups = [codes[found.run.rows[rows]] for rows in found.run.by_person().values() if len(rows) > 1]
    kinds = {
        "mean_cosine": ("cosine", mean_cosine),
        "nearest_cosine": ("cosine", lambda own: float(nearest_other(own).mean())),
        "vendi_share": ("share of pictures", lambda own: vendi_score(own) / len(own)),
    }
    return [
        trust.bootstrap(
            np.mean, np.array([measure(own) for own in groups]), rng=trust.rng, name=name, unit=unit,
            higher_is_safer=name == "vendi_share", method="percentile",
        )
        for name, (unit, measure) in kinds.items()
    ]  # fmt: skip
