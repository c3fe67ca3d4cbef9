"""The check that the family is about: how many protected pictures does a tracker recognise that learns from its own success?"""

from __future__ import annotations

import numpy as np

import pytest_trustml as tm
from builtin_checks.face_tracking.audit import Audit, audit, nothing
from builtin_checks.face_tracking.exhibits import show_chain, show_growth, show_people, show_survival, show_trackers
from builtin_checks.face_tracking.reruns import other_anchors, other_trackers, reencoded_rate, second_rate
from builtin_checks.face_tracking.roles import CLEAN, GALLERY, PROTECTED, STRANGERS
from builtin_checks.face_tracking.settings import Settings

NAMES = {
    "dynamic_tracking": False, "static_tracking": False, "at_risk": False, "tracking_by_person": False, "clean_tracking": True,
    "likeness": True, "reencoded_tracking": False, "second_extractor_tracking": False, "false_tracking": False,
    "undetected": False,
}  # fmt: skip
"""What is measured, and whether more of it is safer."""
PAPER = "Fan et al., DivTrackee versus DynTracker, ACM CCS 2025, arXiv:2501.06533"


@tm.check(
    id="face_tracking.dynamic_tracking",
    version=1,
    limit=tm.AtMost(0.2),
    needs=[tm.Encoder | tm.PictureSet],
    data={"protected": PROTECTED, "gallery": GALLERY, "clean": CLEAN, "strangers": STRANGERS},
    companions={"second": "reference_model"},
    min_n=20,
    cost="minutes",
    reference=PAPER,
)
def dynamic_tracking(
    trust: tm.Trust,
    model: tm.Subject,
    protected: tm.Dataset,
    gallery: tm.Dataset,
    clean: tm.Dataset,
    strangers: tm.Dataset | None = None,
    second: tm.Subject | None = None,
    *,
    anchors: int = 1,
    top_k: int = 1,
    margin: float = 0.0,
    far: float = 0.0,
    mirrors: bool = False,
    jpeg_quality: int = 75,
    scale: float = 1.0,
    logistic: bool = False,
    clean_ceiling: float = 0.9,
    impostors: int = 100,
    likeness: float = 0.3,
    undetected: float = 0.1,
    top: int = 12,
) -> list[tm.Measurement]:
    """How many protected pictures of a person a tracker recognises that adds what it recognises to its gallery.

    What is compared
        The model turns pictures into vectors. The tracker knows one clean picture of each protected person, and many pictures
        of other people. It recognises a protected picture if that is nearer to the person than to anybody else, adds it to
        what it knows of the person, and looks again until nothing new is recognised. ``dynamic_tracking`` is the share of
        protected pictures that are recognised in the end, each person tracked alone; ``static_tracking`` what a tracker
        recognises that adds nothing.

    What a high value means
        The protection does not hold: one picture that gives itself away gives away those that resemble it. 0.2 is one picture
        in five. The gallery in the report shows such a chain.

    What it does not show
        Safety from other extractors: a protection is often made against the very one that judges it. Give another one as
        ``--trustml-reference-model`` (``second_extractor_tracking``). Nor that the protection survives publication: JPEG often
        washes it off (``reencoded_tracking``, which is judged where you give it a limit). Nor safety from a tracker that knows
        more clean pictures (the table of anchors), or that learns what protections look like.

    How sure it is
        Pictures of one person depend on each other, so that people are what counts: a clustered Clopper-Pearson interval. The
        mean over people with a bootstrap over people is reported as ``tracking_by_person``. One clean picture of a person is
        drawn by the seed; the report tells how far it matters which.

    Smallest n that makes sense
        20 people with 10 pictures each: with no picture tracked at all, 20 people bound the rate by 0.17. Fewer than 20
        pictures or 5 people are INCONCLUSIVE.

    Controls
        100 people in the gallery besides the protected ones; nobody in it under two names; at least 90 % of unprotected
        pictures are tracked; protected pictures show something, differ between people, still look like their originals
        (where the column ``original`` names them) and have a face on them (where the column ``detected`` says so). Otherwise
        the verdict is INVALID: a blank picture, or an extractor that recognises nobody, protects nobody.

    Cost
        One pass per picture, and one more for the codec. Comparing costs O(n (n + gallery)) in blocks.

    With embeddings
        Where all sets have a column ``embedding`` (an .npz), no model is asked; ``--trustml-model`` may then be the folder of
        the pictures that are to be published.

    Options
        anchors
            Clean pictures that the tracker knows of each person.
        top_k
            The tracker is content if the person is among so many nearest neighbours.
        margin
            By how much (cosine) the person must be nearer than anybody else.
        far
            False acceptance rate, e.g. 0.001: then the tracker also asks for a least cosine, which so many pairs of different
            people reach. 0: the nearest person is taken whoever it is.
        mirrors
            Add the embedding of the mirror image.
        jpeg_quality, scale
            What published pictures go through for ``reencoded_tracking``: JPEG of this quality (0: none), and each side scaled
            to this share and back.
        logistic
            Also try a logistic regression that is fitted anew in each round (slow; for the table of trackers).
        clean_ceiling, impostors, likeness, undetected
            What the controls ask for.
        top
            How many pictures of the chain are shown.

    References
        Fan et al., CCS 2025, arXiv:2501.06533. Controls, intervals and the limit are our own.
    """
    settings = Settings(
        anchors, top_k, margin, far, mirrors, jpeg_quality, scale, logistic, clean_ceiling, impostors, likeness, undetected, top
    )
    sets = {"protected": protected, "gallery": gallery, "clean": clean, "strangers": strangers}
    found = audit(trust, model, sets, settings)
    if found is None:
        return nothing(NAMES, len(protected))
    head = found.share(trust, found.run.dynamic, "dynamic_tracking")
    shown = (
        show_survival(trust, found), show_growth(trust, found), show_people(trust, found), *show_chain(trust, found, top),
        *show_trackers(trust, other_trackers(trust, found, settings), other_anchors(trust, found)),
    )  # fmt: skip
    return [
        head.but(details={**head.details, **found.details}, evidence=shown),
        found.share(trust, found.run.static, "static_tracking"),
        found.share(trust, found.run.risk, "at_risk"),
        by_person(trust, found),
        _clean(trust, found),
        _likeness(trust, found),
        reencoded_rate(trust, model, found, settings),
        second_rate(trust, second, found, settings),
        _strangers(found),
        _hidden(trust, found),
    ]


def by_person(trust: tm.Trust, found: Audit) -> tm.Measurement:
    """The mean over people of each one's tracking rate, with a bootstrap over people."""
    rates = np.array([found.run.dynamic[rows].mean() for rows in found.run.by_person().values()])
    return trust.bootstrap(
        np.mean, rates, rng=trust.rng, name="tracking_by_person", unit="mean share over people", higher_is_safer=False,
        method="percentile",
    )  # fmt: skip


def _clean(trust: tm.Trust, found: Audit) -> tm.Measurement:
    return trust.proportion(
        found.clean.dynamic, name="clean_tracking", unit="share of unprotected pictures", higher_is_safer=True,
        cluster=found.clean.who,
    )  # fmt: skip


def _likeness(trust: tm.Trust, found: Audit) -> tm.Measurement:
    about = {"name": "likeness", "unit": "structural similarity", "higher_is_safer": True}
    if found.likeness is None:
        return tm.Measurement(value=None, undefined="no picture names its original (column original)", n=0, **about)
    values, rows = found.likeness
    place = dict(zip(found.run.rows.tolist(), found.run.who.tolist(), strict=True))
    return trust.mean(values, cluster=[place[row] for row in rows.tolist()], bounds=(-1, 1), **about)


def _strangers(found: Audit) -> tm.Measurement:
    """How often somebody else is taken for a protected person; without interval, as all trackers meet the same strangers."""
    taken = found.run.strangers
    about = {"name": "false_tracking", "unit": "share of strangers", "higher_is_safer": False, "n": taken.size}
    if not taken.size:
        return tm.Measurement(value=None, undefined="no strangers were given (data role stranger_images)", **about)
    return tm.Measurement(
        value=float((taken > 0).mean()),
        no_interval="people meet the same strangers, so that the spread is unknown",
        details={"gallery_precision": found.run.precision()},
        **about,
    )


def _hidden(trust: tm.Trust, found: Audit) -> tm.Measurement:
    hidden = found.stream.hidden
    if hidden is not None:
        return found.share(trust, hidden[found.run.rows], "undetected")
    why = "nobody says on which pictures a face is found (column detected)"
    return tm.Measurement(
        name="undetected", value=None, undefined=why, n=len(found.run.rows), unit="share of pictures", higher_is_safer=False
    )
