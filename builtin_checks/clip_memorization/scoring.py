"""From two models and their sets of pairs to the score of every pair, with the instrument tested on the way.

The order matters for the cost: what needs no model comes first, then everything that the model is asked, then everything
that the reference is asked, so that each is loaded once and a broken setup costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.clip_memorization import controls
from builtin_checks.clip_memorization.observations import embeddings, matched_gap, terms
from builtin_checks.clip_memorization.overlap import digests
from builtin_checks.clip_memorization.score import (
    NEG_WEIGHTS,
    VIEW_PAIRINGS,
    BadEmbedding,
    Scores,
    Terms,
    heldout_mean,
    score_terms,
)

COMPETENCE_PAIRS = 256
SETS = ("candidates", "shared", "independent", "external")


class Settings(NamedTuple):
    """The options that all checks of the family share; their checks' pages explain them."""

    views: int
    neg_weight: float
    view_pairing: str
    crop: float
    flip: bool
    control_pairs: int
    drift_margin: float
    top: int

    def validate(self) -> Settings:
        """The same settings, or a UsageError that names the option that cannot be meant."""
        for name, ok, right in (
            ("views", self.views >= 1, "a whole number from 1"),
            ("neg_weight", self.neg_weight in NEG_WEIGHTS, "1.0, 0.5 or 0.0"),
            ("view_pairing", self.view_pairing in VIEW_PAIRINGS, "cross or paired"),
            ("crop", 0 < self.crop <= 1, "a share of the image above 0 and up to 1"),
            ("control_pairs", self.control_pairs >= 2, "a whole number from 2"),
            ("drift_margin", 0 <= self.drift_margin < 1, "a share from 0 and below 1"),
            ("top", self.top >= 0, "a whole number from 0"),
        ):
            if not ok:
                raise tm.UsageError(
                    f"The option {name} of clip_memorization is {getattr(self, name)!r}. It takes {right}: set it in [options] "
                    "or leave it out for the default."
                )
        return self


class Scored(NamedTuple):
    """Scores of the four sets, the data they belong to, the drift of each and how much of it is allowed (cosine)."""

    scores: dict[str, Scores]
    data: dict[str, tm.Dataset]
    pictures: list[str]
    drifts: list[tm.Drift]
    margin: float
    heldout: int

    def raw(self, name: str) -> np.ndarray:
        """Raw scores of one set: (N,)."""
        return self.scores[name].raw

    @property
    def cluster(self) -> list[str] | None:
        """Which candidates share a picture and so depend on each other; None where none do."""
        return self.pictures if len(set(self.pictures)) < len(self.pictures) else None


def score_sets(
    trust: tm.Trust,
    model: tm.Subject,
    reference: tm.Subject,
    sets: Mapping[str, tm.Dataset],
    heldout: tm.Dataset | None,
    settings: Settings,
) -> Scored | None:
    """Score all sets under both models, or return None after a control failed that leaves nothing to score.

    Parameters
    ----------
    sets : mapping
        The data sets of ``candidates``, ``shared``, ``independent`` and ``external``.
    heldout : Dataset or None
        Pairs for the negative terms. Without them half of the external pairs, drawn by the seed, is set aside for it.
    """
    settings.validate()
    given = dict(sets) if heldout is None else {**sets, "heldout": heldout}
    if not controls.two_models(trust, model, reference) or not controls.separate_sets(trust, model, given):
        return None
    data, negatives = _divide(trust, sets, heldout, settings)
    known = data["shared"].take(range(min(COMPETENCE_PAIRS, len(data["shared"]))))
    found: dict[str, dict[str, Terms]] = {}
    samples: list[dict[str, np.ndarray]] = []
    for who, subject in (("model", model), ("reference model", reference)):
        try:
            seen = trust.observe(embeddings, subject, known)
            means = _negative_means(trust, subject, negatives)
            if not controls.competence(trust, who, seen["image"], seen["caption"]):
                return None
            samples.append(seen)
            if len(samples) == 2 and not controls.two_functions(trust, *samples):
                return None
            found[who] = {name: _terms(trust, subject, pairs, means, settings) for name, pairs in data.items()}
        except BadEmbedding as problem:
            trust.control(f"embeddings of the {who}", False, str(problem))
            return None
    scores = {}
    for name in SETS:
        f, g = found["model"][name], found["reference model"][name]
        scores[name] = Scores(score_terms(f, g, settings.neg_weight), f, g)
    margin = settings.drift_margin * max(0.0, float(np.mean([matched_gap(s["image"], s["caption"]) for s in samples])))
    return Scored(
        scores=scores,
        data=data,
        pictures=list(trust.observe(digests, model, data["candidates"])["pixels"]),
        drifts=controls.drifts(trust, {name: scores[name].raw for name in SETS}, margin),
        margin=margin,
        heldout=0 if negatives is None else len(negatives),
    )


def _divide(
    trust: tm.Trust, sets: Mapping[str, tm.Dataset], heldout: tm.Dataset | None, settings: Settings
) -> tuple[dict[str, tm.Dataset], tm.Dataset | None]:
    """The pairs to score of every set, and the pairs behind the negative terms, which are never scored themselves."""
    data = {name: sets[name] for name in SETS}
    for name in ("shared", "independent"):
        rng = tm.generator(trust.seed, "clip_memorization", name)
        data[name] = data[name].sample(min(len(data[name]), settings.control_pairs), rng)
    if len(data["shared"]) < 2:
        raise tm.DataError("The data role shared has 1 pair. The models are tested on it: give at least 2, better 200.")
    if settings.neg_weight == 0:
        return data, None
    if heldout is None:
        external = data["external"]
        if len(external) < 4:
            raise tm.DataError(
                f"The data role external has {len(external)} pairs, and half of them are needed as held-out pairs. Give at "
                "least 4, better 400; or the role heldout; or set neg_weight = 0.0."
            )
        mixed = external.sample(len(external), tm.generator(trust.seed, "clip_memorization", "heldout"))
        half = len(mixed) // 2
        data["external"], heldout = mixed.rows(half, len(mixed)), mixed.rows(0, half)
    elif len(heldout) < 2:
        raise tm.DataError(
            "The data role heldout has 1 pair. The negative terms are means over it: give at least 2, better 1000."
        )
    return data, heldout


Means = tuple[list[float], list[float]] | tuple[None, None]


def _negative_means(trust: tm.Trust, subject: tm.Subject, negatives: tm.Dataset | None) -> Means:
    if negatives is None:
        return None, None
    rows = trust.observe(embeddings, subject, negatives)
    return heldout_mean(rows["image"]).tolist(), heldout_mean(rows["caption"]).tolist()


def _terms(trust: tm.Trust, subject: tm.Subject, pairs: tm.Dataset, means: Means, settings: Settings) -> Terms:
    if settings.view_pairing == "paired":
        _check_paired(pairs, settings.views)
    found = trust.observe(
        terms,
        subject,
        pairs,
        views=settings.views,
        seed=trust.seed,
        crop=settings.crop,
        flip=settings.flip,
        view_pairing=settings.view_pairing,
        p_bar=means[0],
        q_bar=means[1],
    )
    return Terms(**found)


def _check_paired(pairs: tm.Dataset, views: int) -> None:
    counts = [len(own) for own in pairs.column("captions")] if "captions" in pairs.columns else [1] * len(pairs)
    for name, count in zip(pairs.ids, counts, strict=True):
        if count != views:
            raise tm.DataError(
                f"With view_pairing = 'paired' every pair needs as many captions as image views. The pair {name!r} has {count} "
                f"for {views}: give more in the column captions, set views = {count}, or use view_pairing = 'cross'."
            )


def top_rows(scored: Scored, count: int) -> Iterator[tuple[int, str, str, float, Terms, Terms]]:
    """The most memorised candidates, highest score first: row, id, caption, raw score, terms of the model and the reference."""
    candidates, scores = scored.data["candidates"], scored.scores["candidates"]
    ids, captions = candidates.ids, candidates.column("caption")
    for row in np.argsort(-scores.raw, kind="stable")[:count]:
        f, g = (Terms(*(float(term[row]) for term in terms)) for terms in (scores.f, scores.g))
        yield int(row), ids[row], captions[row], float(scores.raw[row]), f, g
