"""The same pictures under other circumstances: other trackers, other anchors, after a codec, with another extractor."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.face_tracking.audit import Audit, calibrated
from builtin_checks.face_tracking.observations import embeddings
from builtin_checks.face_tracking.people import encode, uses_embeddings
from builtin_checks.face_tracking.score import BadEmbedding, unit_rows
from builtin_checks.face_tracking.settings import Settings
from builtin_checks.face_tracking.tracking import ORDERED, Run, track_everybody, track_in_order

ANCHORS = (1, 3, 5)
DRAWS = 5
LENIENT, CAUTIOUS, FARS = 5, 0.05, (0.001, 0.01)


class Rerun(NamedTuple):
    """One row of the table of trackers."""

    name: str
    run: Run

    def row(self) -> list[object]:
        """Name, pictures, static and dynamic rate, rounds, precision of what was added."""
        rates = [float(self.run.static.mean()), float(self.run.dynamic.mean())] if len(self.run.rows) else ["undefined"] * 2
        return [self.name, len(self.run.rows), *rates, self.run.last_round, self.run.precision()]


def other_trackers(trust: tm.Trust, found: Audit, settings: Settings) -> list[Rerun]:
    """What other trackers would do: with and without strangers, content with five neighbours, cautious, open, as published."""
    stream, mode = found.stream, found.mode
    kinds = [("as judged", mode)]
    if "strangers" in stream.codes:
        kinds.append(("adds only what is right (published)", mode._replace(strangers=False)))
    kinds += [
        (f"one of {LENIENT} nearest neighbours", mode._replace(rank=LENIENT)),
        (f"nearer by {CAUTIOUS:g}", mode._replace(margin=CAUTIOUS)),
    ]
    pairs = len(stream.codes["clean"]) * len(stream.people.impostors)
    for far in FARS:
        if pairs * far >= 10:
            tau, _ = calibrated(stream, far)
            kinds.append((f"open set, FAR {far:g}: cosine {tau:.3f} or more", mode._replace(tau=tau)))
    ordered = [kind for kind in ORDERED if kind != "logistic" or settings.logistic]
    with trust.progress("other trackers", len(kinds) + len(ordered)) as step:
        runs = []
        for name, kind in kinds:
            runs.append(Rerun(name, track_everybody(stream, kind)))
            step(1)
        for word in ordered:
            runs.append(Rerun(ORDERED[word], track_in_order(stream, mode, word)))
            step(1)
    return runs


def other_anchors(trust: tm.Trust, found: Audit) -> list[list[object]]:
    """Dynamic tracking rate by number of anchors, over several draws of them: number, draws, mean, lowest, highest."""
    most = min(len(person.pool_rows) for person in found.stream.people.persons)
    counts = [count for count in ANCHORS if count <= most]
    rows = []
    with trust.progress("other anchors", len(counts) * DRAWS) as step:
        for count in counts:
            rates = []
            for draw in range(DRAWS):
                run = track_everybody(found.stream, found.mode._replace(anchors=count), draw=draw)
                rates.append(float(run.dynamic.mean()) if len(run.rows) else 0.0)
                step(1)
            rows.append([count, DRAWS, float(np.mean(rates)), min(rates), max(rates)])
    return rows


def reencoded_rate(trust: tm.Trust, model: tm.Subject, found: Audit, settings: Settings) -> tm.Measurement:
    """Dynamic tracking rate after the published pictures went through a codec, which may wash a protection off."""
    name = "reencoded_tracking"
    if uses_embeddings(found.sets):
        return _undefined(name, len(found.run.rows), "embeddings were given, and only pictures can be encoded again")
    if not settings.jpeg_quality and settings.scale == 1:
        return _undefined(name, len(found.run.rows), "no codec was asked for (options jpeg_quality and scale)")
    protected = found.sets["protected"]
    raw = trust.observe(
        embeddings, model, protected, mirrors=settings.mirrors, jpeg_quality=settings.jpeg_quality, scale=settings.scale
    )
    try:
        stream = found.stream.of({**found.stream.codes, "protected": unit_rows(raw)})
    except BadEmbedding as problem:
        return _undefined(name, len(found.run.rows), str(problem))
    return found.share(trust, track_everybody(stream, found.mode).dynamic, name)


def second_rate(trust: tm.Trust, second: tm.Subject | None, found: Audit, settings: Settings) -> tm.Measurement:
    """Dynamic tracking rate with another extractor, which the protection was perhaps not made against."""
    name = "second_extractor_tracking"
    if second is None:
        return _undefined(name, len(found.run.rows), "no second extractor was given (--trustml-reference-model=SPEC)")
    if uses_embeddings(found.sets):
        return _undefined(name, len(found.run.rows), "embeddings were given, so no extractor is asked")
    try:
        codes = encode(trust, second, found.sets, settings)
    except BadEmbedding as problem:
        return _undefined(name, len(found.run.rows), str(problem))
    stream = found.stream.of(codes)
    # A similarity of one extractor means nothing in another.
    mode = found.mode if not settings.far else found.mode._replace(tau=calibrated(stream, settings.far)[0])
    clean = track_everybody(stream, mode, "clean")
    measured = found.share(trust, track_everybody(stream, mode).dynamic, name)
    ceiling = float(clean.dynamic.mean()) if len(clean.rows) else 0.0
    return measured.but(details={**measured.details, "clean_tracking": ceiling})


def _undefined(name: str, n: int, why: str) -> tm.Measurement:
    return tm.Measurement(name=name, value=None, undefined=why, n=n, unit="share of pictures", higher_is_safer=False)
