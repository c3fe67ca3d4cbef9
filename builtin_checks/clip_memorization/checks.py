"""The checks of the family: the share of memorised pairs, the size of the effect, the mean to compare with a baseline.

All three rest on the same scores, which are computed once: the first check that runs pays, the others read the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import pytest_trustml as tm
from builtin_checks.clip_memorization.exhibits import show
from builtin_checks.clip_memorization.roles import ROLES
from builtin_checks.clip_memorization.scoring import Scored, Settings, score_sets

REFERENCE = "Wang et al., Captured by Captions: On Memorization and its Mitigation in CLIP Models, ICLR 2025, arXiv:2502.07830"
TAIL = 0.01

_SHARED: dict[str, Any] = {
    "needs": [tm.PairEncoder],
    "data": ROLES,
    "companions": {"reference": "reference_model"},
    "min_n": 100,
    "cost": "minutes",
    "reference": REFERENCE,
}


@tm.check(id="clip_memorization.tail_rate", version=1, limit=tm.AtMost(0.05), shares={"tail_rate": "candidates"}, **_SHARED)
def tail_rate(
    trust: tm.Trust,
    model: tm.Subject,
    reference: tm.Subject,
    candidates: tm.Dataset,
    shared: tm.Dataset,
    independent: tm.Dataset,
    external: tm.Dataset,
    heldout: tm.Dataset | None = None,
    *,
    views: int = 10,
    neg_weight: float = 1.0,
    view_pairing: str = "cross",
    crop: float = 0.9,
    flip: bool = False,
    control_pairs: int = 1000,
    drift_margin: float = 0.1,
    top: int = 20,
) -> tm.Measurement:
    """Share of training pairs that an image-text model memorised: those that score like no pair that it never saw.

    What is compared
        The model, which trained on the candidates, with a reference model that was trained the same way without them. The
        alignment of a pair is the similarity of its image and its caption minus their similarities with unrelated captions
        and images; its score is the alignment under the model minus that under the reference. The threshold is the score
        that at most 1 % of pairs exceed which neither model saw (order statistic of the external pairs).

    What a high value means
        Without memorization it is about 0.01. More means that so many candidates are aligned far more strongly than
        training on everything else explains: the model has stored these very pairs. Mis-captioned pairs come first, then
        untypical images. The gallery shows the worst, so the check is a report on the data's quality as well.

    What it does not show
        That a pair can be extracted or its membership told from the model's output; memorization of pairs that are not
        among the candidates; memorization that the reference shares, because a near copy of the pair was in its training
        set. A strongly negative score is not the opposite of memorization: the reference aligns the pair better. It holds for
        one pair of training seeds. Candidates that were chosen after looking at this model make the share meaningless.
        Captions that a tokeniser cuts off after the same words count as the same.

    Smallest n that makes sense
        200 candidates, as many independent ones, 400 external pairs (half of them become the held-out pairs, where the role
        heldout is not given; 1000 held-out pairs are better). Below 100 candidates or 99 scored external pairs it is
        INCONCLUSIVE.

    Without a reference model
        The check does not apply, because the score is undefined: train one on shared + independent pairs with the same
        recipe. Stand-ins are an earlier checkpoint from before the candidates came in, or a public model known not to
        contain them; the control on the shared pairs tells whether they will do.

    Controls
        The two models differ; no pair stands in two sets (by id, picture, or look and caption); both models tell shared
        pairs from mismatched ones; shared and external pairs score zero on average, candidates not below and independent
        pairs not above (by more than three standard errors and ``drift_margin``). Otherwise the verdict is INVALID.

    Cost
        Per model ``views`` image passes and one text pass for each candidate, external, and up to ``control_pairs`` shared
        and independent pairs, one of both for each held-out pair. Minutes on a GPU for 5000 pairs; on a CPU only for small
        models. Of each pair three numbers are kept. All checks of the family share the work.

    Options
        views
            Crops per image, the same for both models. Fewer are noisier and cheaper.
        neg_weight
            1.0, 0.5 or 0.0: weight of the unrelated similarities. With 0.5 a constant offset of a model's similarities cancels,
            with 0.0 no held-out pairs are needed.
        view_pairing
            ``cross`` compares every crop with every caption, ``paired`` crop k with caption k (column ``captions``).
        crop
            Smallest share of the image's area in a crop.
        flip
            Mirror crops by chance.
        control_pairs
            How many shared and independent pairs are scored at most.
        drift_margin
            Mean score up to which two models count as trained alike, whatever its standard error: as a share of the gap
            between their similarities of matching and of mismatched shared pairs.
        top
            How many of the most memorised candidates are shown.

    References
        Wang et al., ICLR 2025, arXiv:2502.07830, section 3 (definition of CLIPMem).
    """
    settings = Settings(views, neg_weight, view_pairing, crop, flip, control_pairs, drift_margin, top)
    scored = _score(trust, model, reference, candidates, shared, independent, external, heldout, settings)
    if scored is None:
        return _broken("tail_rate", "share", len(candidates))
    found, nobody = scored.raw("candidates"), scored.raw("external")
    measured = trust.share_above(
        found, nobody, name="tail_rate", unit="share of candidates", higher_is_safer=False, quantile=1 - TAIL
    )
    if scored.cluster is not None and measured.interval is not None:
        clustered = trust.proportion(
            found > measured.details["threshold"], name="tail_rate", higher_is_safer=False, cluster=scored.cluster
        )
        measured = _wider(measured, clustered)
    return _reported(trust, measured, scored, settings, {"expected_without_memorization": TAIL})


@tm.check(id="clip_memorization.effect_size", version=1, limit=tm.AtMost(0.8), **_SHARED)
def effect_size(
    trust: tm.Trust,
    model: tm.Subject,
    reference: tm.Subject,
    candidates: tm.Dataset,
    shared: tm.Dataset,
    independent: tm.Dataset,
    external: tm.Dataset,
    heldout: tm.Dataset | None = None,
    *,
    views: int = 10,
    neg_weight: float = 1.0,
    view_pairing: str = "cross",
    crop: float = 0.9,
    flip: bool = False,
    control_pairs: int = 1000,
    drift_margin: float = 0.1,
    top: int = 20,
) -> tm.Measurement:
    """How far training pairs stand out from unseen ones, in standard deviations of their memorization scores (Cohen's d).

    What is compared
        The scores of the candidates (see ``clip_memorization.tail_rate``) with those of the external pairs, which neither
        model saw: difference of the means over the pooled standard deviation.

    What a high value means
        The candidates as a whole are memorised. 0.2 is called a small effect, 0.8 a large one. Where a few pairs are memorised
        and the others not, ``tail_rate`` sees it and this check hardly.

    What it does not show
        Which pairs it is, and whether they can be extracted. Candidates of another kind than the external pairs (other source,
        other captions) differ without any memorization.

    Smallest n that makes sense
        200 candidates and 400 external pairs; below 100 scored pairs of either set it is INCONCLUSIVE.

    Controls, cost
        Those of ``clip_memorization.tail_rate``, with which it shares all work. The interval is a bootstrap one.

    Options
        views, neg_weight, view_pairing, crop, flip, control_pairs, drift_margin, top
            As in ``clip_memorization.tail_rate``.

    References
        Wang et al., ICLR 2025, arXiv:2502.07830, section 3 (definition of CLIPMem).
    """
    settings = Settings(views, neg_weight, view_pairing, crop, flip, control_pairs, drift_margin, top)
    scored = _score(trust, model, reference, candidates, shared, independent, external, heldout, settings)
    if scored is None:
        return _broken("effect_size", "standard deviations", len(candidates))
    found, nobody = scored.raw("candidates"), scored.raw("external")
    measured = trust.cohen_d(found, nobody, name="effect_size", higher_is_safer=False, rng=trust.rng)
    return _reported(trust, measured.but(n=min(len(found), len(nobody))), scored, settings, {})


@tm.check(id="clip_memorization.mean_score", version=1, limit=tm.AtMost(0.1), **_SHARED)
def mean_score(
    trust: tm.Trust,
    model: tm.Subject,
    reference: tm.Subject,
    candidates: tm.Dataset,
    shared: tm.Dataset,
    independent: tm.Dataset,
    external: tm.Dataset,
    heldout: tm.Dataset | None = None,
    *,
    views: int = 10,
    neg_weight: float = 1.0,
    view_pairing: str = "cross",
    crop: float = 0.9,
    flip: bool = False,
    control_pairs: int = 1000,
    drift_margin: float = 0.1,
    top: int = 20,
) -> tm.Measurement:
    """Mean memorization score of the training pairs, to be held against the mean of an earlier release.

    What is compared
        The mean raw score of the candidates (see ``clip_memorization.tail_rate``) with a limit in cosine units. The default of
        0.1 lies above what two models commonly differ by without memorization, and suits nobody exactly. Set the limit to the
        mean of the release that you compare with, plus at least twice its standard deviation over training seeds.

    What a high value means
        More memorization than in the release that the limit comes from. The range is from -6 to 6 (-4 to 4 with neg_weight
        0.5, -2 to 2 with 0), in practice within 1.5.

    What it does not show
        Anything across architectures, data sets, or values of ``neg_weight``: raw scores of these are not comparable. Published
        means are on a scale of their own. Mitigations move the mean by no more than 0.02: a wider tolerance hides them.

    Smallest n that makes sense
        200 candidates; below 100 it is INCONCLUSIVE.

    Controls, cost
        Those of ``clip_memorization.tail_rate``, with which it shares all work.

    Options
        views, neg_weight, view_pairing, crop, flip, control_pairs, drift_margin, top
            As in ``clip_memorization.tail_rate``.

    References
        Wang et al., ICLR 2025, arXiv:2502.07830, section 3 (definition of CLIPMem) and table 1 (means).
    """
    settings = Settings(views, neg_weight, view_pairing, crop, flip, control_pairs, drift_margin, top)
    scored = _score(trust, model, reference, candidates, shared, independent, external, heldout, settings)
    if scored is None:
        return _broken("mean_score", "cosine", len(candidates))
    bound = 2 * (1 + 2 * neg_weight)
    measured = trust.mean(
        np.clip(scored.raw("candidates"), -bound, bound), name="mean_score", unit="cosine", higher_is_safer=False,
        cluster=scored.cluster, bounds=(-bound, bound), of=scored.data["candidates"],
    )  # fmt: skip
    return _reported(trust, measured, scored, settings, {})


def _score(
    trust: tm.Trust,
    model: tm.Subject,
    reference: tm.Subject,
    candidates: tm.Dataset,
    shared: tm.Dataset,
    independent: tm.Dataset,
    external: tm.Dataset,
    heldout: tm.Dataset | None,
    settings: Settings,
) -> Scored | None:
    sets = {"candidates": candidates, "shared": shared, "independent": independent, "external": external}
    return score_sets(trust, model, reference, sets, heldout, settings)


def _broken(name: str, unit: str, n: int) -> tm.Measurement:
    """No value: the control that failed makes the verdict INVALID and says why."""
    return tm.Measurement(
        name=name, value=None, undefined="a control failed before there was a score", n=n, unit=unit, higher_is_safer=False
    )


def _wider(measured: tm.Measurement, clustered: tm.Measurement) -> tm.Measurement:
    """Candidates that share a picture depend on each other: the interval that allows for it, where it is wider."""
    about = {"clusters": clustered.clusters, "details": measured.details | clustered.details}
    if clustered.interval is None:
        return measured.but(interval=None, no_interval=clustered.no_interval, **about)
    one, other = measured.interval, clustered.interval
    interval = tm.Interval(
        low=min(one.low, other.low), high=max(one.high, other.high), level=one.level, method=f"{one.method} (clustered)"
    )
    return measured.but(interval=interval, **about)


def _reported(
    trust: tm.Trust, measured: tm.Measurement, scored: Scored, settings: Settings, details: dict[str, Any]
) -> tm.Measurement:
    """The measurement with the choices that its number depends on, and the evidence."""
    choices = {"neg_weight": settings.neg_weight, "view_pairing": settings.view_pairing, "views": settings.views}
    counts = {
        "scored_external": len(scored.raw("external")),
        "heldout": scored.heldout,
        "training_seeds": 1,
        "drift_allowed": scored.margin,
    }
    exhibits = show(trust, scored, settings.top)
    return measured.but(details={**measured.details, **details, **choices, **counts}, evidence=exhibits)
